mod deploy;
mod engine;
mod lease;
mod matrix;
mod network;
mod poison;
mod process;
mod store;
