//! What is asked of an S3 server.

mod at;
mod encryption;
mod growing;
mod job;
mod objects;
mod parts;
mod prefix;
mod virtual_host;
