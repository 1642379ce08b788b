mod deploy;
mod engine;
mod lease;
mod network;
mod process;
mod store;
