//! Telling customers: events, the outbox of deliveries, signatures.

pub mod event;
pub mod outbox;
pub mod sign;
