//! Sealing and opening of everything secret.
