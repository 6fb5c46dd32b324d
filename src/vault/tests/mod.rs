//! What must hold of the vault, tried from inside. The store is an in-memory one.
