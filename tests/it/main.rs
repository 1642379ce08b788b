//! Everything that needs more than one pure function, for real.

mod contract;
mod fault;
mod flow;
mod routes;
mod tidy;
