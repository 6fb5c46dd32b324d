//! Settings: each a flag and an environment variable.
