mod deploy;
mod documents;
mod fuzz;
mod hostile;
mod openapi;
mod supply;
mod unsafe_code;
