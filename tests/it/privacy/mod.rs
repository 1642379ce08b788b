//! What customers are promised: each promise of the document PRIVACY has its tests here or beside what keeps it.

mod audit;
mod consent;
mod credits;
mod delivery;
mod erasure;
mod export;
mod history;
mod hold;
mod isolation;
mod limitation;
mod log;
mod roles;
mod statistics;
mod trace;
