mod docs;
mod health;
mod rates;
mod usage;
mod videos;
mod webhooks;
