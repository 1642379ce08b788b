//! What of a model stays in memory: as many components as leave room for each of the others, and for a render, at a time.

use crate::folder::Part;

/// In this order components are kept: those that every render needs before those that it may do without.
const FIRST_KEPT: [Part; 5] = [Part::Transformer, Part::Transformer2, Part::Vae, Part::ImageEncoder, Part::TextEncoder];

/// What each component takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Room(Vec<Taken>);

/// What a component takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) part: Part,
    /// Bytes of its weights.
    pub(super) weights: u64,
    /// Bytes of all else while it works.
    pub(super) work: u64,
}

impl Room {
    /// The room that these components take.
    pub(super) fn new(parts: impl IntoIterator<Item = Taken>) -> Self {
        Self(parts.into_iter().collect())
    }

    /// The most bytes that are taken at a time when these components stay and the others come and go, beside those of the
    /// `loaded` weights.
    pub(super) fn peak(&self, stay: &[Part], loaded: &[Part]) -> u64 {
        let weights = |taken: &Taken| if loaded.contains(&taken.part) { 0 } else { taken.weights };
        let stays = |taken: &Taken| stay.contains(&taken.part);
        let kept: u64 = self.0.iter().filter(|taken| stays(taken)).map(weights).sum();
        let at_work = |taken: &Taken| kept + taken.work + if stays(taken) { 0 } else { weights(taken) };
        self.0.iter().map(at_work).max().unwrap_or(0)
    }

    /// The components that can stay where so much is free.
    pub(super) fn kept_within(&self, free_bytes: u64) -> Vec<Part> {
        let mut kept = Vec::new();
        for part in FIRST_KEPT.into_iter().filter(|part| self.0.iter().any(|taken| taken.part == *part)) {
            kept.push(part);
            if self.peak(&kept, &[]) > free_bytes {
                kept.pop();
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two experts and a text encoder, about as those of A14B in GB.
    fn experts() -> Room {
        let parts =
            [(Part::TextEncoder, 11, 0), (Part::Transformer, 28, 3), (Part::Transformer2, 28, 3), (Part::Vae, 1, 8)];
        Room::new(parts.map(|(part, weights, work)| Taken { part, weights, work }))
    }

    #[test]
    fn everything_stays_where_everything_fits_with_a_render_beside_it() {
        assert_eq!(experts().peak(&FIRST_KEPT, &[]), 28 + 28 + 11 + 1 + 8);
        assert_eq!(experts().kept_within(76).len(), 4);
    }

    #[test]
    fn what_stays_leaves_room_for_what_comes_and_goes() {
        let (experts, most_used) = (experts(), [Part::Transformer, Part::Transformer2, Part::Vae]);
        assert_eq!(experts.kept_within(75), most_used);
        assert!(experts.peak(&most_used, &[]) <= 75);
        // Too little for a second expert beside the first.
        assert_eq!(experts.kept_within(45), [Part::Vae, Part::TextEncoder]);
        assert!(experts.kept_within(20).is_empty());
    }

    #[test]
    fn one_at_a_time_takes_as_much_as_the_largest_at_work() {
        assert_eq!(experts().peak(&[], &[]), 31);
        assert_eq!(experts().peak(&[Part::Vae], &[Part::Vae]), 31);
        assert_eq!(experts().peak(&FIRST_KEPT, &[Part::Transformer, Part::Transformer2, Part::TextEncoder]), 9);
    }
}
