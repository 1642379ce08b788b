//! What reads requests, on the corpus of the fuzzer and on what chance makes of it, the same each time.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use clipmill_api::fuzz;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// What parsers look for.
const TOKENS: [&[u8]; 30] = [
    b"\xff\xd8",
    b"\xff\xd9",
    b"\xff\xda\0\x08",
    b"\xff\xe1\0\x10Exif\0\0",
    b"\x89PNG\r\n\x1a\n",
    b"IDAT",
    b"IEND",
    b"eXIf",
    b"RIFF",
    b"VP8X",
    b"ANMF",
    b"ALPH",
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"--fuzz\r\n",
    b"--fuzz--",
    b"\r\n\r\n",
    b"; filename=\"\"",
    b"input_reference[image_url]",
    b"[",
    b"]]",
    b"{\"a\":",
    b"\"\\ud800\"",
    b"-1e999",
    b"\xf0\x9f",
    b"data:image/png;base64,",
    b"shake",
    b"last_frame_image",
    b"null",
];

/// The files of a target's corpus.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{target} has a corpus");
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Changes an input in a few places.
fn mutate(rng: &mut StdRng, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut input = corpus[rng.random_range(0..corpus.len())].clone();
    for _ in 0..rng.random_range(1..=4) {
        let at = rng.random_range(0..=input.len());
        let end = rng.random_range(at..=input.len()).min(at + 64);
        match rng.random_range(0..6) {
            0 if at < input.len() => input[at] ^= 1 << rng.random_range(0..8),
            1 if at < input.len() => input[at] = rng.random_range(0..=u8::MAX),
            2 => input.truncate(at),
            3 => drop(input.drain(at..end)),
            4 => {
                let token = TOKENS[rng.random_range(0..TOKENS.len())];
                input.splice(at..at, token.iter().copied());
            }
            _ => {
                let other = &corpus[rng.random_range(0..corpus.len())];
                let from = rng.random_range(0..=other.len());
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
        }
    }
    input
}

/// Runs a target on its corpus and on `mutations` inputs made of it.
fn survives(target: &str, run: fn(&[u8]), mutations: usize) {
    let corpus = corpus(target);
    let mut rng = StdRng::seed_from_u64(20_260_101);
    let made: Vec<Vec<u8>> = (0..mutations).map(|_| mutate(&mut rng, &corpus)).collect();
    for input in corpus.iter().chain(&made).chain([&Vec::new()]) {
        let ended = catch_unwind(AssertUnwindSafe(|| run(input)));
        assert!(ended.is_ok(), "{target} panics, add this to its corpus: {}", input.escape_ascii());
    }
}

#[test]
fn no_image_makes_it_panic() {
    survives("image", fuzz::image, 500);
}

#[test]
fn no_multipart_body_makes_it_panic() {
    survives("multipart", fuzz::multipart, 2000);
}

#[test]
fn no_field_in_brackets_makes_it_panic() {
    survives("brackets", fuzz::brackets, 2000);
}

#[test]
fn no_body_of_the_minimax_dialect_makes_it_panic() {
    survives("minimax", fuzz::minimax, 2000);
}

#[test]
fn no_camera_moves_make_it_panic() {
    survives("camera", fuzz::camera, 2000);
}

/// The seeds are worth something only as long as they get past the first look.
#[test]
fn there_are_images_of_each_format_among_the_seeds() {
    let decodes = |magic: &[u8]| {
        corpus("image").iter().any(|seed| seed.starts_with(magic) && image::load_from_memory(seed).is_ok())
    };
    assert!(decodes(b"\xff\xd8") && decodes(b"\x89PNG") && decodes(b"RIFF"));
}
