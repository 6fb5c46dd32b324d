//! What must hold of the vault, tried from inside. The store is an in-memory one.

mod cache;
mod fields;
mod keyring;
mod moved;
mod redaction;
mod sealing;
mod seals;
mod support;
mod vectors;
