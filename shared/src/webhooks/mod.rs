//! Telling customers: events, endpoints, the outbox of deliveries and its log, signatures.

pub mod asymmetric;
pub mod endpoint;
pub mod event;
mod health;
pub mod log;
pub mod message;
pub mod minimax;
pub mod outbox;
pub mod replay;
pub mod sign;
