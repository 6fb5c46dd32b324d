//! Background work: due jobs and due events, under leases.
