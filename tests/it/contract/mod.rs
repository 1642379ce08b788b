mod fuzz;
mod hostile;
mod openapi;
