//! When to try again: a pure function of how often it went wrong.

use std::time::Duration;

const FIRST_SECONDS: u64 = 2;
const MAX_SECONDS: u64 = 300;

/// The pause after `failures` failed attempts (from 1): 2 s, doubled each time, at most five minutes;
/// `jitter`, 0 to 1, adds up to a quarter.
pub fn back_off(failures: i32, jitter: f64) -> Duration {
    let doublings = failures.clamp(1, 16).unsigned_abs() - 1;
    let seconds = (FIRST_SECONDS << doublings).min(MAX_SECONDS);
    Duration::from_secs(seconds).mul_f64(1.0 + jitter.clamp(0.0, 1.0) / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_five_minutes() {
        let seconds: Vec<u64> = (1..=10).map(|failures| back_off(failures, 0.0).as_secs()).collect();
        assert_eq!(seconds, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(back_off(i32::MAX, 0.0).as_secs(), 300);
        assert_eq!(back_off(0, 0.0).as_secs(), 2);
        assert_eq!(back_off(1, 1.0), Duration::from_millis(2500));
    }
}
