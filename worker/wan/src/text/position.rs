//! Where two tokens lie to each other, as UMT5 tells it apart.

/// The bucket of `distance` = place of the key - place of the query.
///
/// The first half of the `buckets` is for keys before the query, the second for those after it. Near distances have a
/// bucket each, farther ones share buckets that widen logarithmically up to `max_distance`. (Raffel et al., "Exploring
/// the Limits of Transfer Learning", section 2.1.)
pub(crate) fn bucket(distance: i64, buckets: usize, max_distance: usize) -> u32 {
    let side = buckets / 2;
    let exact = side / 2;
    let first = if distance > 0 { side } else { 0 };
    let away = distance.unsigned_abs() as usize;
    if away < exact {
        return (first + away) as u32;
    }
    // In f32 and in this order, because whole distances lie exactly on the borders between two buckets.
    let span = (max_distance as f64 / exact as f64).ln() as f32;
    let share = (away as f32 / exact as f32).ln() / span;
    let beyond = (share * (side - exact) as f32) as usize;
    (first + (exact + beyond).min(side - 1)) as u32
}

/// The buckets of all pairs of `length` tokens, query by query.
pub(crate) fn table(length: usize, buckets: usize, max_distance: usize) -> Vec<u32> {
    let last = length as i64 - 1;
    let by_distance: Vec<u32> = (-last..=last).map(|distance| bucket(distance, buckets, max_distance)).collect();
    (0..length).rev().flat_map(|start| &by_distance[start..start + length]).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::{bucket, table};

    /// The first distance of every bucket of one side, of 32 buckets up to 128: 8 each for itself, then 8 that widen by
    /// a factor of 16^(1/8) each: 8, 11.3, 16, 22.6, 32, 45.3, 64, 90.5.
    const STARTS: [i64; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91];

    #[test]
    fn every_distance_falls_into_the_last_bucket_that_has_begun() {
        for distance in 0..1000 {
            let expected = STARTS.iter().filter(|start| **start <= distance).count() as u32 - 1;
            assert_eq!(bucket(-distance, 32, 128), expected, "{distance} before");
            if distance > 0 {
                assert_eq!(bucket(distance, 32, 128), expected + 16, "{distance} after");
            }
        }
    }

    #[test]
    fn a_table_has_a_row_for_each_query() {
        assert_eq!(table(3, 32, 128), [0, 17, 18, 1, 0, 17, 2, 1, 0]);
        assert_eq!(table(0, 32, 128), [0; 0]);
    }
}
