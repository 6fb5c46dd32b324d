//! The use cases: connect, test, verify, disconnect, restore.
