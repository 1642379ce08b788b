//! The mark on finished files, as the `ffmpeg` command decodes them.

use std::path::Path;

use clipmill_shared::jobs::watermark::{Fonts, Position};
use image::{DynamicImage, ImageReader, Rgb, Rgba, RgbaImage};

use super::super::ffprobe::decode_rgb;
use super::super::tests::footage;
use super::super::{Clip, Recipe, Variant, postprocess};
use super::*;

const SIZE: Target = Target { width: 320, height: 180 };
const GREY: [u8; 3] = [90, 90, 90];

fn words(position: Position, opacity: f64) -> Mark {
    Mark { content: Content::Text("AI-generated".to_owned(), Fonts::bundled()), position, opacity }
}

fn red(position: Position, opacity: f64) -> Mark {
    Mark { content: Content::Image(RgbaImage::from_pixel(64, 36, Rgba([230, 20, 20, 255]))), position, opacity }
}

fn clip_of(mark: Option<Mark>) -> Clip {
    let grey = |_| Frame::from_pixel(SIZE.width, SIZE.height, Rgb(GREY));
    let recipe = Recipe { mark, ..Recipe::plain(SIZE, 24) };
    postprocess(footage(4, 4, 24, grey), &recipe, &tempfile::env::temp_dir()).unwrap()
}

fn path(clip: &Clip, variant: Variant) -> &Path {
    &clip.files.iter().find(|file| file.variant == variant).unwrap().path
}

/// The video's last frame.
fn last_frame(clip: &Clip) -> Frame {
    let decoded = decode_rgb(path(clip, Variant::Video));
    let bytes = decoded.chunks_exact((SIZE.width * SIZE.height * 3) as usize).next_back().unwrap().to_vec();
    Frame::from_raw(SIZE.width, SIZE.height, bytes).unwrap()
}

fn picture(clip: &Clip, variant: Variant) -> Frame {
    let reader = ImageReader::open(path(clip, variant)).unwrap().with_guessed_format().unwrap();
    reader.decode().map(DynamicImage::into_rgb8).unwrap()
}

/// How far a pixel is from the plain grey.
fn change(pixel: &Rgb<u8>) -> u8 {
    pixel.0.iter().zip(GREY).map(|(one, other)| one.abs_diff(other)).max().unwrap()
}

/// Left, top, right and bottom of what differs clearly from the plain grey; none if nothing does.
fn changed(frame: &Frame) -> Option<[u32; 4]> {
    let pixels = frame.enumerate_pixels().filter(|(_, _, pixel)| change(pixel) > 12);
    pixels
        .map(|(x, y, _)| [x, y, x, y])
        .reduce(|all, one| [all[0].min(one[0]), all[1].min(one[1]), all[2].max(one[2]), all[3].max(one[3])])
}

#[test]
fn without_a_mark_no_pixel_changes() {
    assert!(last_frame(&clip_of(None)).pixels().all(|pixel| change(pixel) <= 2));
}

#[test]
fn a_mark_stands_where_it_shall_and_changes_nothing_elsewhere() {
    let (middle, third) = ((SIZE.width / 2, SIZE.height / 2), (SIZE.width / 3, SIZE.height / 3));
    for position in Position::ALL {
        for mark in [words(position, 1.0), red(position, 1.0)] {
            let frame = last_frame(&clip_of(Some(mark)));
            let [left, top, right, bottom] =
                changed(&frame).unwrap_or_else(|| panic!("{position}: nothing to be seen"));
            let (x, y) = ((left + right) / 2, (top + bottom) / 2);
            assert!(right - left < SIZE.width / 2 && bottom - top < SIZE.height / 4, "{position}: it is small");
            let is_there = match position {
                Position::TopLeft => x < middle.0 && y < third.1,
                Position::TopRight => x > middle.0 && y < third.1,
                Position::BottomLeft => x < middle.0 && y > 2 * third.1,
                Position::BottomRight => x > middle.0 && y > 2 * third.1,
                Position::Center => x.abs_diff(middle.0) < 8 && y.abs_diff(middle.1) < 8,
            };
            assert!(is_there, "{position}: {left},{top} to {right},{bottom}");
            // What the codec smears lies within a block of the mark.
            let far = |x: u32, y: u32| x + 16 < left || x > right + 16 || y + 16 < top || y > bottom + 16;
            let stray = frame.enumerate_pixels().find(|(x, y, pixel)| far(*x, *y) && change(pixel) > 3);
            assert_eq!(stray, None, "{position}");
        }
    }
}

#[test]
fn a_picture_keeps_its_colours_and_a_fifth_of_the_width() {
    let frame = last_frame(&clip_of(Some(red(Position::Center, 1.0))));
    let [left, _, right, _] = changed(&frame).unwrap();
    assert!((right - left + 1).abs_diff(SIZE.width / 5) <= 4, "{left} to {right}");
    let Rgb([red, green, blue]) = *frame.get_pixel(SIZE.width / 2, SIZE.height / 2);
    assert!(red > 200 && green < 50 && blue < 50, "{red} {green} {blue}");
}

#[test]
fn the_opacity_says_how_much_is_seen() {
    let seen = |opacity| {
        let frame = last_frame(&clip_of(Some(red(Position::Center, opacity))));
        f64::from(frame.get_pixel(SIZE.width / 2, SIZE.height / 2).0[0])
    };
    for opacity in [0.1, 0.3, 0.7, 1.0] {
        let expected = 90.0 + (230.0 - 90.0) * opacity;
        assert!((seen(opacity) - expected).abs() < 8.0, "{opacity}: {} instead of {expected}", seen(opacity));
    }
}

#[test]
fn poster_spritesheet_and_preview_carry_it_too() {
    let clip = clip_of(Some(red(Position::TopLeft, 1.0)));
    for variant in [Variant::Thumbnail, Variant::Spritesheet, Variant::Preview] {
        let picture = picture(&clip, variant);
        let is_red = |pixel: &Rgb<u8>| pixel.0[0] > 170 && pixel.0[1] < 70;
        assert!(picture.pixels().filter(|pixel| is_red(pixel)).count() > 50, "{variant}");
    }
}

#[test]
fn words_show_on_white_and_on_black() {
    for ground in [0, 255] {
        let mut frame = Frame::from_pixel(SIZE.width, SIZE.height, Rgb([ground; 3]));
        Overlay::draw(&words(Position::Center, 1.0), SIZE).unwrap().blend(&mut frame);
        let apart = frame.pixels().filter(|pixel| pixel.0[0].abs_diff(ground) > 150).count();
        assert!(apart > 100, "{ground}: {apart} pixels");
    }
}

#[test]
fn transparent_parts_of_a_picture_leave_the_frame_as_it_is() {
    // Half of it is nothing, in a colour that must not be seen anywhere.
    let half = RgbaImage::from_fn(60, 36, |x, _| if x < 30 { Rgba([0, 255, 0, 0]) } else { Rgba([230, 20, 20, 255]) });
    let mark = Mark { content: Content::Image(half), position: Position::TopLeft, opacity: 1.0 };
    let mut frame = Frame::from_pixel(100, 100, Rgb(GREY));
    Overlay::draw(&mark, Target { width: 100, height: 100 }).unwrap().blend(&mut frame);
    assert!(frame.pixels().all(|pixel| pixel.0[1] <= GREY[1] + 2), "no green");
    assert!(frame.pixels().any(|pixel| pixel.0[0] > 220), "red");
}

#[test]
fn the_smallest_and_the_narrowest_video_can_be_marked() {
    let tall = RgbaImage::from_pixel(16, 1024, Rgba([255, 0, 0, 255]));
    for (width, height) in [(64, 64), (64, 160), (160, 64), (2, 2)] {
        let size = Target { width, height };
        for position in Position::ALL {
            let picture = Mark { content: Content::Image(tall.clone()), position, opacity: 1.0 };
            let long = Mark { content: Content::Text("W".repeat(60), Fonts::bundled()), position, opacity: 1.0 };
            for mark in [picture, long] {
                Overlay::draw(&mark, size).unwrap().blend(&mut Frame::new(width, height));
            }
        }
    }
}
