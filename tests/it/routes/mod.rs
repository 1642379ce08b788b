mod docs;
mod health;
mod videos;
mod webhooks;
