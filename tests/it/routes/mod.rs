mod docs;
mod files;
mod health;
mod rates;
mod usage;
mod videos;
mod webhook_endpoints;
mod webhooks;
