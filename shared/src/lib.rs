#![doc = include_str!("../README.md")]

pub mod accounts;
pub mod batch;
pub mod bell;
pub mod db;
pub mod fleet;
pub mod id;
pub mod jobs;
pub mod offer;
pub mod outbound;
pub mod secret;
pub mod shutdown;
pub mod storage;
pub mod telemetry;
pub mod tier;
pub mod webhooks;
