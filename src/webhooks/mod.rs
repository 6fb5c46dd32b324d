//! Webhooks in: resolve, verify, dedupe, store.
