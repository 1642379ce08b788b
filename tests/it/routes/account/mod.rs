mod keys;
mod profile;
