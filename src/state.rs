//! What every request shares.
