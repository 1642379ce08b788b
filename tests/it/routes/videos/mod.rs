mod cancel;
mod content;
mod create;
mod delete;
mod get;
mod list;
mod models;
