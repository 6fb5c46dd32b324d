//! Local stand-ins of every provider, with failure modes.
