mod deploy;
mod documents;
mod openapi;
mod supply;
mod unsafe_code;
