mod engine;
mod lease;
mod process;
mod store;
