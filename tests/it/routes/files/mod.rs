mod complete;
mod content;
mod create;
mod delete;
mod get;
mod list;
