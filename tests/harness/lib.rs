#![doc = include_str!("../README.md")]

pub mod check;
pub mod cluster;
pub mod endless;
pub mod events;
pub mod gate;
pub mod log;
pub mod oracle;
pub mod photograph;
pub mod picture;
pub mod process;
pub mod proxy;
pub mod puppet;
pub mod receiver;
pub mod recorder;
pub mod server;
pub mod setup;
pub mod shared;
pub mod trap;
pub mod video;

pub use oracle::Oracle;
pub use receiver::Receiver;
pub use recorder::Recorder;
pub use server::Server;
pub use setup::Setup;
