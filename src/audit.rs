//! The audit trail: chained rows for people, counters for machines.
