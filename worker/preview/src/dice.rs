//! Chance that can be repeated: everything random in a picture comes from here.
//!
//! A generator of our own (splitmix64, Steele et al. 2014) because its sequence must never change with a dependency:
//! the same seed has to give the same picture for as long as this engine exists.

/// A generator of repeatable random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// A generator that depends on every byte of `text` and on `seed`.
    pub(crate) fn new(text: &str, seed: u64) -> Self {
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self(scramble(hash) ^ scramble(seed.wrapping_add(0x5eed)).rotate_left(17))
    }

    /// An independent generator for one purpose, so that a new use of chance in one place moves nothing elsewhere.
    pub(crate) fn fork(&self, purpose: u64) -> Self {
        Self(scramble(self.0 ^ scramble(purpose)))
    }

    /// The next 64 random bits.
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scramble(self.0)
    }

    /// A number in `0.0..1.0`.
    pub(crate) fn unit(&mut self) -> f32 {
        fraction(self.roll())
    }

    /// A number in `low..high`.
    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Whether something of probability `share` happens.
    pub(crate) fn chance(&mut self, share: f32) -> bool {
        self.unit() < share
    }

    /// One of `choices`, which must not be empty.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[(self.roll() % choices.len() as u64) as usize]
    }
}

/// Mixes the bits of a number thoroughly.
pub(crate) fn scramble(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The random value, 0 to 1, that belongs to a whole number.
pub(crate) fn lattice(seed: u64, at: i64) -> f32 {
    fraction(scramble(seed ^ (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

/// Smooth random hills along a line: 0 to 1, one value per unit.
pub(crate) fn noise(seed: u64, x: f32) -> f32 {
    let cell = x.floor();
    let t = x - cell;
    let (a, b) = (lattice(seed, cell as i64), lattice(seed, cell as i64 + 1));
    a + (b - a) * t * t * (3.0 - 2.0 * t)
}

/// Hills upon hills: `octaves` of [`noise`], each half as high and twice as fine; 0 to 1.
pub(crate) fn rough_noise(seed: u64, x: f32, octaves: u32) -> f32 {
    let (mut sum, mut total, mut height, mut stretch) = (0.0, 0.0, 1.0, 1.0);
    for octave in 0..octaves {
        sum += height * noise(seed.wrapping_add(u64::from(octave)), x * stretch);
        total += height;
        height *= 0.5;
        stretch *= 2.03;
    }
    sum / total
}

fn fraction(bits: u64) -> f32 {
    (bits >> 40) as f32 / (1u64 << 24) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_repeat_themselves_and_depend_on_text_and_seed() {
        let first = |text: &str, seed| Dice::new(text, seed).roll();
        assert_eq!(first("a", 1), first("a", 1));
        assert_ne!(first("a", 1), first("a", 2));
        assert_ne!(first("a", 1), first("b", 1));
    }

    #[test]
    fn noise_stays_between_zero_and_one_and_has_no_jumps() {
        let values: Vec<f32> = (-4000..4000).map(|i| rough_noise(7, i as f32 * 0.01, 4)).collect();
        assert!(values.iter().all(|v| (0.0..=1.0).contains(v)));
        assert!(values.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 0.06));
    }
}
