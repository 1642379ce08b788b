//! From the ledger's language to the engine's: the request, with its source images decoded and in the shape of the video.

use std::io::Cursor;

use anyhow::Context as _;
use bytes::Bytes;
use clipmill_scale::Scaler;
use clipmill_shared::jobs::watermark::{self, Fonts};
use clipmill_shared::jobs::{Fit, Job};
use clipmill_shared::storage::key;
use clipmill_shared::storage::{Storage, StorageError};
use clipmill_shared::tier::Size;
use image::imageops::{crop_imm, replace};
use image::{DynamicImage, ImageDecoder as _, ImageReader, Limits};

use crate::engine::{Frame, Request};
use crate::fault::Fault;
use crate::postprocess::{Content, Mark};

/// No source image is larger; the API sees to that.
const IMAGE_MAX_BYTES: usize = 32 * 1024 * 1024;
/// Memory that decoding one source image may take: 8192 x 8192 RGBA.
const IMAGE_MAX_DECODED_BYTES: u64 = 8192 * 8192 * 4;

/// What the engine is asked to draw for a job.
pub(crate) async fn request(storage: &Storage, job: &Job) -> Result<Request, Fault> {
    let size = job.size();
    Ok(Request {
        prompt: job.drawn_prompt().to_owned(),
        negative_prompt: job.negative_prompt.clone(),
        width: size.width,
        height: size.height,
        frames: job.drawn_frames(),
        fps: job.fps.unsigned_abs(),
        seed: job.seed.unsigned_abs(),
        first_frame: image(storage, job, job.first_frame.as_deref()).await?,
        last_frame: image(storage, job, job.last_frame.as_deref()).await?,
    })
}

/// The visible mark of a job, with its picture decoded.
pub(crate) async fn mark(storage: &Storage, fonts: &Fonts, job: &Job) -> Result<Option<Mark>, Fault> {
    let Some(watermark) = job.watermark.as_deref() else { return Ok(None) };
    let content = match (&watermark.content, job.mark_file()) {
        (watermark::Content::Text(text), _) => Content::Text(text.clone(), fonts.clone()),
        (watermark::Content::Image(_), file_name) => {
            let bytes = read(storage, job, file_name.unwrap_or_default()).await?;
            Content::Image(off_thread(move || Ok(decode(bytes)?.into_rgba8())).await?)
        }
    };
    Ok(Some(Mark { content, position: watermark.position, opacity: watermark.opacity }))
}

async fn image(storage: &Storage, job: &Job, file_name: Option<&str>) -> Result<Option<Frame>, Fault> {
    let Some(file_name) = file_name else { return Ok(None) };
    let bytes = read(storage, job, file_name).await?;
    let (fit, size) = (job.fit, job.size());
    off_thread(move || fitted(decode(bytes)?.into_rgb8(), size, fit)).await.map(Some)
}

async fn read(storage: &Storage, job: &Job, file_name: &str) -> Result<Bytes, Fault> {
    let key = format!("{}{file_name}", key::source_prefix(job.account_id, job.id));
    storage.read(&key, IMAGE_MAX_BYTES).await.map_err(|error| match error {
        StorageError::NotFound => {
            Fault::permanent("source_missing", "The source image is gone. Submit the request again.", error)
        }
        error => {
            Fault::transient("storage_failed", "The source image could not be read. Submit the request again.", error)
        }
    })
}

/// Decodes on a thread that may be busy for long.
async fn off_thread<T: Send + 'static>(
    decoding: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> Result<T, Fault> {
    let decoded = tokio::task::spawn_blocking(decoding).await;
    let decoded = decoded.context("the decoder panicked").and_then(|decoded| decoded);
    decoded.map_err(|error| Fault::permanent("source_damaged", "The source image cannot be decoded.", error))
}

/// Decodes an image under a memory limit, turned as its camera noted.
fn decode(bytes: Bytes) -> anyhow::Result<DynamicImage> {
    let mut decoder = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?.into_decoder()?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(IMAGE_MAX_DECODED_BYTES);
    decoder.set_limits(limits.clone())?;
    // A decoder minds what it needs for itself; the picture is ours to count.
    limits.reserve(decoder.total_bytes())?;
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// The image in the shape of a video of `size`: cut to it in its own resolution, or else resized. Engines resize further what has not
/// their size, and find nothing to cut.
fn fitted(image: Frame, size: Size, fit: Fit) -> anyhow::Result<Frame> {
    match fit {
        // What may be missing from the shape was accepted at the door.
        Fit::Crop | Fit::Reject => Ok(cropped(image, size)),
        Fit::Pad => padded(&image, size),
        Fit::Stretch => Ok(Scaler::default().stretch(&image, (size.width, size.height))?),
    }
}

/// The largest part from the middle.
fn cropped(image: Frame, size: Size) -> Frame {
    let part = inside(size, Size { width: image.width(), height: image.height() });
    if image.dimensions() == (part.width, part.height) {
        return image;
    }
    let (x, y) = ((image.width() - part.width) / 2, (image.height() - part.height) / 2);
    crop_imm(&image, x, y, part.width, part.height).to_image()
}

/// The whole image in the middle, and black where it does not reach.
fn padded(image: &Frame, size: Size) -> anyhow::Result<Frame> {
    let part = inside(Size { width: image.width(), height: image.height() }, size);
    let mut frame = Frame::new(size.width, size.height);
    let (x, y) = ((size.width - part.width) / 2, (size.height - part.height) / 2);
    let scaled = Scaler::default().stretch(image, (part.width, part.height))?;
    replace(&mut frame, &scaled, x.into(), y.into());
    Ok(frame)
}

/// The largest size of the proportions of `shape` that has room in `frame`.
fn inside(shape: Size, frame: Size) -> Size {
    let side = |other: u32, own: u32, per: u32, most: u32| {
        let side = (u64::from(other) * u64::from(own) + u64::from(per) / 2) / u64::from(per.max(1));
        u32::try_from(side).unwrap_or(most).clamp(1, most.max(1))
    };
    let width = side(frame.height, shape.width, shape.height, frame.width);
    let height = side(frame.width, shape.height, shape.width, frame.height);
    Size { width, height }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    const RED: Rgb<u8> = Rgb([220, 20, 20]);
    const GREEN: Rgb<u8> = Rgb([20, 220, 20]);
    const BLUE: Rgb<u8> = Rgb([20, 20, 220]);
    const BLACK: Rgb<u8> = Rgb([0, 0, 0]);

    /// Green, with a red first and a blue last quarter, side by side or one above the other.
    fn quarters(width: u32, height: u32) -> Frame {
        Frame::from_fn(width, height, |x, y| {
            let (place, length) = if width > height { (x, width) } else { (y, height) };
            match place * 4 / length {
                0 => RED,
                3 => BLUE,
                _ => GREEN,
            }
        })
    }

    fn size(text: &str) -> Size {
        text.parse().unwrap()
    }

    /// The colours along the longer axis of the original: at both ends, inside of them, and in the middle.
    fn colours(frame: &Frame, across: bool) -> [Rgb<u8>; 5] {
        let length = if across { frame.width() } else { frame.height() };
        [1, length / 3, length / 2, length * 2 / 3, length - 2].map(|place| {
            let at = if across { (place, frame.height() / 2) } else { (frame.width() / 2, place) };
            *frame.get_pixel(at.0, at.1)
        })
    }

    #[test]
    fn each_fit_keeps_what_it_says() {
        for (image, video) in [((400, 200), "120x120"), ((200, 400), "120x120"), ((1600, 800), "128x160")] {
            let image = quarters(image.0, image.1);
            let (across, video) = (image.width() > image.height(), size(video));
            let fit = |fit| fitted(image.clone(), video, fit).unwrap();
            assert_eq!(colours(&fit(Fit::Crop), across), [GREEN; 5], "the edges are lost");
            let stretched = fit(Fit::Stretch);
            assert_eq!(stretched.dimensions(), (video.width, video.height));
            assert_eq!(colours(&stretched, across), [RED, GREEN, GREEN, GREEN, BLUE], "everything is there");
            let padded = fit(Fit::Pad);
            assert_eq!(padded.dimensions(), (video.width, video.height));
            assert_eq!(colours(&padded, across), [RED, GREEN, GREEN, GREEN, BLUE], "everything is there");
            let (centre, end) = (video.width / 2, video.width - 1);
            let bars = match across {
                true => [(centre, 0), (centre, video.height - 1)],
                false => [(0, video.height / 2), (end, video.height / 2)],
            };
            assert_eq!(bars.map(|(x, y)| *padded.get_pixel(x, y)), [BLACK; 2], "with bars beside it");
        }
    }

    #[test]
    fn a_crop_takes_the_largest_part_from_the_middle_in_its_own_resolution() {
        for (image, video, part) in [
            ((600, 400), "1280x720", (600, 338)),
            ((600, 400), "720x1280", (225, 400)),
            ((600, 400), "480x320", (600, 400)),
            ((1366, 768), "1920x1080", (1365, 768)),
            ((64, 8192), "1280x720", (64, 36)),
            ((8192, 64), "64x160", (26, 64)),
            ((1, 1), "1280x720", (1, 1)),
        ] {
            let image = Frame::from_fn(image.0, image.1, |x, y| Rgb([x as u8, y as u8, 0]));
            let cropped = fitted(image.clone(), size(video), Fit::Crop).unwrap();
            assert_eq!(cropped.dimensions(), part, "{:?} for {video}", image.dimensions());
            let corner = ((image.width() - part.0) / 2, (image.height() - part.1) / 2);
            assert_eq!(cropped.get_pixel(0, 0), image.get_pixel(corner.0, corner.1));
            assert_eq!(
                fitted(cropped.clone(), size(video), Fit::Crop).unwrap().width(),
                part.0,
                "nothing is left to cut"
            );
        }
    }

    #[test]
    fn the_longest_and_the_flattest_image_can_be_fitted() {
        for (width, height) in [(1, 8192), (8192, 1), (1, 1)] {
            for fit in Fit::ALL {
                assert!(fitted(Frame::new(width, height), size("256x144"), fit).is_ok(), "{width}x{height} {fit}");
            }
        }
    }

    #[test]
    fn an_image_of_the_video_s_size_stays_as_it_is() {
        let image = Frame::from_fn(96, 64, |x, y| Rgb([x as u8, y as u8, 7]));
        for fit in Fit::ALL {
            assert_eq!(fitted(image.clone(), size("96x64"), fit).unwrap(), image, "{fit}");
        }
    }
}
