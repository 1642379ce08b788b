//! Everything that needs more than one pure function, for real.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod bench;
mod contract;
mod fault;
mod flow;
mod privacy;
mod retention;
mod routes;
mod storage;
mod tidy;
