//! Frames of whole requests, as callers see them.

use image::DynamicImage;
use image::imageops::FilterType;

use super::dice::noise;
use super::{Error, Picture, Request};

type Frame = image::RgbImage;

const MOVES: [&str; 15] = [
    "Truck left",
    "Truck right",
    "Pan left",
    "Pan right",
    "Push in",
    "Pull out",
    "Pedestal up",
    "Pedestal down",
    "Tilt up",
    "Tilt down",
    "Zoom in",
    "Zoom out",
    "Shake",
    "Tracking shot",
    "Static shot",
];

fn request(prompt: &str, [width, height]: [u32; 2], frames: u32) -> Request<'_> {
    Request { prompt, width, height, frames, fps: 24, seed: 1, first_frame: None, last_frame: None }
}

fn render(request: &Request) -> Vec<Frame> {
    let picture = Picture::new(request).unwrap();
    (0..request.frames).map(|number| picture.frame(number)).collect()
}

fn first(prompt: &str) -> Frame {
    render(&request(prompt, [96, 54], 1)).remove(0)
}

/// A picture without repetition: smooth blots of three colours.
fn blots(width: u32, height: u32) -> Frame {
    let blot = |x: u32, y: u32, seed: u64| {
        let line = |y: f32| noise(seed ^ (y as u64), x as f32 / 9.0);
        let place = y as f32 / 9.0;
        let (upper, lower) = (line(place.floor()), line(place.floor() + 1.0));
        (255.0 * (upper + (lower - upper) * place.fract())) as u8
    };
    Frame::from_fn(width, height, |x, y| image::Rgb([blot(x, y, 100), blot(x, y, 20_000), blot(x, y, 3_000_000)]))
}

fn psnr(a: &Frame, b: &Frame) -> f64 {
    let squares = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
    let mean = squares.sum::<f64>() / a.as_raw().len() as f64;
    10.0 * (255.0 * 255.0 / mean.max(1e-9)).log10()
}

fn covered(picture: &Frame, width: u32, height: u32) -> Frame {
    DynamicImage::from(picture.clone()).resize_to_fill(width, height, FilterType::CatmullRom).into_rgb8()
}

fn mean(frame: &Frame, channel: usize) -> f64 {
    frame.pixels().map(|pixel| f64::from(pixel[channel])).sum::<f64>() / f64::from(frame.width() * frame.height())
}

/// How the content moved from `a` to `b`, looking at the rows from `rows[0]` to `rows[1]`: right, down, larger.
fn motion(a: &Frame, b: &Frame, rows: [u32; 2], scales: &[f32]) -> [f32; 3] {
    let (width, height) = (a.width() as f32, a.height() as f32);
    let error = |dx: i32, dy: i32, scale: f32| {
        let (mut sum, mut count) = (0.0, 0);
        for (x, y) in (rows[0]..rows[1]).step_by(3).flat_map(|y| (0..b.width()).step_by(3).map(move |x| (x, y))) {
            let from = |at: u32, size: f32, by: i32| (at as f32 - size / 2.0 - by as f32) / scale + size / 2.0;
            let (fx, fy) = (from(x, width, dx), from(y, height, dy));
            if fx >= 0.0 && fy >= rows[0] as f32 && fx < width && fy < rows[1] as f32 {
                let (p, q) = (a.get_pixel(fx as u32, fy as u32), b.get_pixel(x, y));
                sum += (0..3).map(|i| (f32::from(p[i]) - f32::from(q[i])).abs()).sum::<f32>();
                count += 1;
            }
        }
        if count < 150 { f32::MAX } else { sum / count as f32 }
    };
    let shifts = |reach: i32| (-reach..=reach).step_by(2);
    let all = scales.iter().flat_map(|s| shifts(48).flat_map(move |dx| shifts(28).map(move |dy| (dx, dy, *s))));
    let best = all.min_by(|a, b| error(a.0, a.1, a.2).total_cmp(&error(b.0, b.1, b.2))).unwrap();
    [best.0 as f32, best.1 as f32, best.2]
}

#[test]
fn the_same_request_gives_the_same_frames_on_any_number_of_threads() {
    for prompt in ["a storm over the sea at night", "snowy mountains [Shake]", "city at dusk, rain", ""] {
        let request = request(prompt, [160, 90], 5);
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| render(&request))
        };
        assert_eq!(on(1), on(4), "{prompt}");
    }
}

#[test]
fn no_two_of_a_hundred_prompts_begin_alike() {
    let prompts = (0..50).flat_map(|i| [format!("mountains at noon, number {i}"), format!("{i} unknown things")]);
    let frames: Vec<Frame> = prompts.map(|prompt| first(&prompt)).collect();
    for (i, a) in frames.iter().enumerate() {
        assert!(frames[..i].iter().all(|b| a != b), "{i}");
    }
}

#[test]
fn another_seed_gives_another_picture() {
    let one = request("a beach in the morning", [96, 54], 1);
    let other = Request { seed: 2, ..one };
    assert_ne!(render(&one), render(&other));
}

#[test]
fn a_clip_has_exactly_the_frames_and_the_size_that_were_asked_for() {
    for frames in [1, 2, 7] {
        let clip = render(&request("a lake", [130, 74], frames));
        assert_eq!(clip.len(), frames as usize);
        assert!(clip.iter().all(|frame| frame.dimensions() == (130, 74)));
    }
}

#[test]
fn consecutive_frames_differ_even_in_a_static_shot() {
    for prompt in ["clear desert at noon", "calm sea", "forest", "night sky over a city", "a planet in space", "meadow"]
    {
        let clip = render(&request(&format!("{prompt} [Static shot]"), [256, 144], 12));
        assert!(clip.windows(2).all(|pair| pair[0] != pair[1]), "{prompt}");
    }
}

#[test]
fn a_request_without_frames_or_pixels_is_rejected() {
    let good = request("sea", [64, 36], 3);
    let bad = [
        (Request { frames: 0, ..good }, Error::NoLength { frames: 0, fps: 24 }),
        (Request { fps: 0, ..good }, Error::NoLength { frames: 3, fps: 0 }),
        (Request { width: 0, ..good }, Error::Size { width: 0, height: 36 }),
        (Request { height: 100_000, ..good }, Error::Size { width: 64, height: 100_000 }),
        (Request { first_frame: Some(&Frame::new(0, 4)), ..good }, Error::EmptyPicture),
    ];
    for (request, error) in bad {
        assert_eq!(Picture::new(&request).err(), Some(error));
    }
}

#[test]
fn a_still_moves_as_its_camera_command_says() {
    let picture = blots(480, 270);
    let scales = [0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0];
    let seen = |command: &str| {
        let clip = render(&Request { first_frame: Some(&picture), ..request(command, [160, 90], 9) });
        motion(&clip[0], &clip[8], [0, 90], &scales)
    };
    for (command, expected) in
        [("Pan left", 1.0), ("Truck left", 1.0), ("Pan right", -1.0), ("Truck right", -1.0), ("Tracking shot", -1.0)]
    {
        let [right, down, _] = seen(&format!("[{command}]"));
        assert!(right * expected >= 16.0 && down.abs() <= 6.0, "{command}: {right} {down}");
    }
    for (command, expected) in [("Tilt up", 1.0), ("Pedestal up", 1.0), ("Tilt down", -1.0), ("Pedestal down", -1.0)] {
        let [right, down, _] = seen(&format!("[{command}]"));
        assert!(down * expected >= 8.0 && right.abs() <= 6.0, "{command}: {right} {down}");
    }
    for (command, larger) in
        [("Zoom in", true), ("Push in", true), ("Zoom out", false), ("Pull out", false), ("Push out", false)]
    {
        let [right, down, scale] = seen(&format!("[{command}]"));
        assert!(right.abs() <= 4.0 && down.abs() <= 4.0, "{command}: {right} {down}");
        assert!(if larger { scale >= 1.2 } else { scale <= 0.9 }, "{command}: {scale}");
    }
    assert_eq!(seen("[Static shot]"), [0.0, 0.0, 1.0]);
}

#[test]
fn a_shaking_still_jitters_and_comes_back() {
    let clip = render(&Request { first_frame: Some(&blots(480, 270)), ..request("[Shake]", [160, 90], 25) });
    let shifts: Vec<f32> = clip.iter().map(|frame| motion(&clip[0], frame, [0, 90], &[1.0])[0]).collect();
    assert!(shifts.iter().any(|s| *s > 0.0) && shifts.iter().any(|s| *s < 0.0), "{shifts:?}");
    assert_eq!(shifts[24], 0.0);
}

#[test]
fn near_layers_of_a_scene_follow_a_moving_camera_more_than_far_ones() {
    let seen = |command: &str, rows| {
        let clip = render(&request(&format!("mountains at noon, clear {command}"), [160, 90], 5));
        motion(&clip[0], &clip[4], rows, &[1.0])
    };
    let (far, near) = ([36, 52], [74, 90]);
    for (command, expected) in [("[Truck right]", -1.0), ("[Truck left]", 1.0)] {
        let [distant, close] = [far, near].map(|rows| seen(command, rows)[0] * expected);
        assert!(close > distant + 10.0 && distant >= 2.0, "{command}: {distant} {close}");
    }
    let turned = [far, near].map(|rows| seen("[Pan right]", rows)[0]);
    assert!(turned.iter().all(|right| (-32.0..=-26.0).contains(right)), "{turned:?}");
    assert!(seen("[Tilt up]", [0, 90])[1] >= 12.0);
    assert!(seen("[Tilt down]", [0, 90])[1] <= -12.0);
}

#[test]
fn a_clip_begins_and_ends_with_the_given_pictures() {
    let (opening, closing) = (blots(700, 300), blots(201, 333));
    for command in MOVES {
        let prompt = format!("rain and snow [{command}]");
        let request =
            Request { first_frame: Some(&opening), last_frame: Some(&closing), ..request(&prompt, [160, 90], 8) };
        let clip = render(&request);
        let ends = [psnr(&clip[0], &covered(&opening, 160, 90)), psnr(&clip[7], &covered(&closing, 160, 90))];
        assert!(ends.iter().all(|psnr| *psnr > 32.0), "{command}: {ends:?}");
        assert!(psnr(&clip[4], &clip[0]) < 25.0 && psnr(&clip[4], &clip[7]) < 25.0, "{command}");
    }
}

#[test]
fn a_scene_can_end_on_a_given_picture() {
    let closing = blots(320, 200);
    let clip = render(&Request { last_frame: Some(&closing), ..request("a forest", [160, 90], 8) });
    assert!(psnr(&clip[7], &covered(&closing, 160, 90)) > 32.0);
    assert_eq!(clip[0], render(&request("a forest", [160, 90], 8))[0]);
}

#[test]
fn no_move_shows_anything_beyond_the_picture() {
    let all_at_once = format!("[{}]", MOVES.join(", "));
    let far_aside = "[Pan right, Tilt up]".repeat(20);
    let far_back = "[Pull out, Zoom out]".repeat(9);
    let single = MOVES.iter().map(|command| format!("[{command}]"));
    for prompt in single.chain([all_at_once, far_aside, far_back, String::new()]) {
        for size in [[400, 300], [30, 90], [1, 1], [1, 900], [900, 1]] {
            let white = Frame::from_pixel(size[0], size[1], image::Rgb([255; 3]));
            let clip = render(&Request { first_frame: Some(&white), ..request(&prompt, [80, 46], 6) });
            let darkest = clip.iter().flat_map(|frame| frame.as_raw()).min();
            assert!(darkest.is_some_and(|value| *value >= 250), "{prompt} {size:?}: {darkest:?}");
        }
    }
}

#[test]
fn words_change_the_picture_as_they_say() {
    let brightness = |prompt: &str| (0..3).map(|channel| mean(&first(prompt), channel)).sum::<f64>();
    assert!(brightness("the sea at night") < 0.5 * brightness("the sea at noon"));
    assert!(brightness("city at midnight") < 0.6 * brightness("city in the morning"));
    assert!(brightness("storm over a meadow at noon") < 0.8 * brightness("clear meadow at noon"));
    let redness = |prompt: &str| mean(&first(prompt), 0) - mean(&first(prompt), 2);
    assert!(redness("a field at sunset") > redness("a field at noon") + 20.0);
    assert!(redness("red mountains") > redness("blue mountains") + 20.0);
}

#[test]
fn any_size_and_any_prompt_can_be_drawn() {
    let long = "mountain sea city space ".repeat(210);
    let prompts = ["", "🦀🎬 «…» 海", "[", "][][,]", "[Zoom in][Nonsense]", &long];
    for (prompt, size) in prompts.iter().zip([[16, 16], [16, 512], [512, 16], [2, 2], [1, 1], [318, 178]]) {
        assert_eq!(render(&request(prompt, size, 2)).len(), 2, "{prompt} {size:?}");
    }
    let places =
        ["sea", "beach", "mountain", "forest", "city", "street", "desert", "field", "lake", "space", "aurora boat"];
    for place in places {
        for size in [[16, 16], [4096, 16], [16, 4096], [640, 2]] {
            let prompt = format!("{place} storm snow fog balloon birds palm fireflies [Shake, Push in]");
            assert_eq!(render(&request(&prompt, size, 2)).len(), 2, "{place} {size:?}");
        }
    }
}

#[test]
fn the_largest_frames_can_be_drawn() {
    let picture = blots(64, 48);
    assert_eq!(render(&Request { first_frame: Some(&picture), ..request("[Pull out]", [4096, 4096], 1) }).len(), 1);
    assert_eq!(render(&request("stormy mountain lake", [4096, 4096], 1)).len(), 1);
}
