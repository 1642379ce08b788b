mod keys;
mod secret;
