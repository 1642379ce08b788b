//! What a prompt asks for, as far as this engine knows its words.

use super::ink::{Ink, ink};
use super::moves::without_brackets;

/// The hour that lights the scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hour {
    Dawn,
    Morning,
    Noon,
    Sunset,
    Dusk,
    Night,
}

/// A kind of landscape. A prompt may name several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Sea,
    Beach,
    Mountains,
    Forest,
    City,
    Street,
    Desert,
    Field,
    Lake,
    Space,
}

/// What the air does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Air {
    Clear,
    Cloudy,
    Rain,
    Storm,
    Snow,
    Fog,
    Wind,
}

/// Small things that may be in the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thing {
    Birds,
    Boat,
    Balloon,
    Palm,
    Fireflies,
    Aurora,
    Moon,
    Stars,
}

/// How fast everything goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Pace {
    Calm,
    #[default]
    Steady,
    Fast,
}

/// What was understood of a prompt; empty where it says nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Wish {
    pub(crate) hour: Option<Hour>,
    pub(crate) places: Vec<Place>,
    pub(crate) air: Vec<Air>,
    pub(crate) things: Vec<Thing>,
    pub(crate) tint: Option<Ink>,
    pub(crate) pace: Option<Pace>,
}

#[derive(Clone, Copy)]
enum Sense {
    Hour(Hour),
    Place(Place),
    Air(Air),
    Thing(Thing),
    Tint(u32),
    Pace(Pace),
}

/// Every sense and the words that carry it; each also with one of [`ENDINGS`].
const VOCABULARY: [(Sense, &str); 39] = [
    (Sense::Hour(Hour::Dawn), "dawn daybreak sunrise"),
    (Sense::Hour(Hour::Morning), "morning"),
    (Sense::Hour(Hour::Noon), "noon midday day daytime sunny sunlit afternoon"),
    (Sense::Hour(Hour::Sunset), "sunset evening"),
    (Sense::Hour(Hour::Dusk), "dusk twilight nightfall"),
    (Sense::Hour(Hour::Night), "night midnight nocturnal"),
    (Sense::Place(Place::Sea), "sea ocean wave surf island tide"),
    (Sense::Place(Place::Beach), "beach shore coast seashore tropical"),
    (Sense::Place(Place::Mountains), "mountain peak alps alpine summit cliff"),
    (Sense::Place(Place::Forest), "forest wood woodland jungle pine fir spruce"),
    (Sense::Place(Place::City), "city cities skyline town skyscraper building metropolis harbour harbor"),
    (Sense::Place(Place::Street), "street road traffic downtown avenue"),
    (Sense::Place(Place::Desert), "desert dune sahara"),
    (Sense::Place(Place::Field), "field meadow grass hill prairie countryside flower sunflower garden farm valley"),
    (Sense::Place(Place::Lake), "lake river pond fjord stream"),
    (Sense::Place(Place::Space), "space planet galaxy galaxies galactic cosmos cosmic nebula asteroid orbit"),
    (Sense::Air(Air::Clear), "clear cloudless"),
    (Sense::Air(Air::Cloudy), "cloud overcast grey gray gloomy"),
    (Sense::Air(Air::Rain), "rain drizzle shower downpour"),
    (Sense::Air(Air::Storm), "storm thunder thunderstorm lightning tempest hurricane"),
    (Sense::Air(Air::Snow), "snow snowstorm blizzard winter"),
    (Sense::Air(Air::Fog), "fog foggy mist haze hazy misty"),
    (Sense::Air(Air::Wind), "wind breeze breezy gust"),
    (Sense::Thing(Thing::Birds), "bird gull seagull crow flock geese"),
    (Sense::Thing(Thing::Boat), "boat ship sail sailboat sailing yacht"),
    (Sense::Thing(Thing::Balloon), "balloon"),
    (Sense::Thing(Thing::Palm), "palm"),
    (Sense::Thing(Thing::Fireflies), "firefly fireflies"),
    (Sense::Thing(Thing::Aurora), "aurora borealis"),
    (Sense::Thing(Thing::Moon), "moon"),
    (Sense::Thing(Thing::Stars), "star starry"),
    (Sense::Tint(0xc8_3a_2e), "red crimson scarlet"),
    (Sense::Tint(0xf0_a8_30), "golden gold yellow amber orange"),
    (Sense::Tint(0x2e_6f_d0), "blue azure cobalt"),
    (Sense::Tint(0x3a_9a_58), "green emerald"),
    (Sense::Tint(0xe0_6f_a8), "pink rose magenta"),
    (Sense::Tint(0x7a_4f_c8), "purple violet lavender"),
    (Sense::Pace(Pace::Calm), "calm slow slowly gentle gently drift quiet peaceful serene"),
    (Sense::Pace(Pace::Fast), "fast quick quickly fly flies run running race racing rush speed chase"),
];

const ENDINGS: [&str; 14] =
    ["", "s", "es", "y", "ing", "ed", "fall", "light", "lit", "side", "scape", "top", "line", "ly"];

/// Reads the prompt. The first hour, tint and pace that it names count; places, air and things add up.
pub(crate) fn read(prompt: &str) -> Wish {
    let words = without_brackets(prompt).to_lowercase();
    let mut wish = Wish::default();
    for word in words.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()) {
        for (sense, _) in VOCABULARY.iter().filter(|(_, known)| known.split(' ').any(|stem| matches(word, stem))) {
            wish.note(*sense);
        }
    }
    wish
}

impl Wish {
    fn note(&mut self, sense: Sense) {
        match sense {
            Sense::Hour(hour) => self.hour = self.hour.or(Some(hour)),
            Sense::Place(place) => add(&mut self.places, place),
            Sense::Air(air) => add(&mut self.air, air),
            Sense::Thing(thing) => add(&mut self.things, thing),
            Sense::Tint(code) => self.tint = self.tint.or(Some(ink(code))),
            Sense::Pace(pace) => self.pace = self.pace.or(Some(pace)),
        }
    }
}

fn matches(word: &str, stem: &str) -> bool {
    word.strip_prefix(stem).is_some_and(|ending| ENDINGS.contains(&ending))
}

fn add<T: PartialEq>(list: &mut Vec<T>, one: T) {
    if !list.contains(&one) {
        list.push(one);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_words_are_understood_in_any_case_and_with_endings() {
        let wish = read("A Stormy NIGHT over the mountainside, slow waves [Zoom in]");
        assert_eq!(wish.hour, Some(Hour::Night));
        assert_eq!(wish.places, [Place::Mountains, Place::Sea]);
        assert_eq!(wish.air, [Air::Storm]);
        assert_eq!(wish.pace, Some(Pace::Calm));
    }

    #[test]
    fn words_that_only_begin_alike_are_not_confused() {
        for prompt in ["a season of research", "today", "a training plan", "starting", "citizens", "grounded", ""] {
            assert_eq!(read(prompt), Wish::default(), "{prompt}");
        }
    }

    #[test]
    fn commands_in_brackets_are_not_read_as_words() {
        assert_eq!(read("[Mountain] [Night, Zoom in]"), Wish::default());
    }

    #[test]
    fn every_word_of_the_vocabulary_stands_for_one_thing() {
        let mut words: Vec<&str> = VOCABULARY.iter().flat_map(|(_, words)| words.split(' ')).collect();
        let all = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), all);
    }
}
