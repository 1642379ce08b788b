#![doc = include_str!("../README.md")]

pub mod client;
pub mod demo;
pub mod dev;
pub mod embedded;
pub mod service;
