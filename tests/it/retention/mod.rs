mod change;
mod expiring;
mod metrics;
mod pin;
