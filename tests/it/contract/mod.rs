mod openapi;
mod supply;
mod unsafe_code;
