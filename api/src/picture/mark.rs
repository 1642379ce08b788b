//! The PNG of an account's visible mark: stripped of its metadata and decoded once, so that what is kept can be drawn and is seen.

use std::io::Cursor;

use axum::body::Bytes;
use clipmill_shared::jobs::watermark::{IMAGE_MAX_BYTES, IMAGE_SIDE_PX};
use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits};

use super::{from_data_url, stripped};
use crate::app::App;
use crate::problem::Problem;

/// Memory that decoding may take: the longest sides with 16 bits a channel, and as much for the decoder itself.
const DECODED_MAX_BYTES: u64 = 1024 * 1024 * 8 * 2;
/// A mark has a pixel at least as opaque as this.
const VISIBLE_ALPHA: u8 = 128;

/// The PNG of a data URL in the field `name`, or what is wrong with it.
pub(crate) async fn mark(app: &App, name: &'static str, url: Option<&str>) -> Result<Bytes, Problem> {
    let bytes = from_data_url(name, url.unwrap_or_default())?;
    let _turn = app.pictures.acquire().await.map_err(|_| Problem::internal())?;
    let decoded = tokio::task::spawn_blocking(move || decode(&bytes)).await;
    // A decoder that panics on a file says that the file is broken.
    decoded.unwrap_or_else(|_| Err("is damaged".to_owned())).map_err(|allowed| Problem::invalid(name, &allowed))
}

/// The file without its metadata. The error says what is allowed.
fn decode(bytes: &[u8]) -> Result<Bytes, String> {
    if bytes.len() > IMAGE_MAX_BYTES {
        return Err("must have at most 256 KiB".to_owned());
    }
    let (kept, _, format) = stripped(bytes)?;
    if format != ImageFormat::Png {
        return Err("must be a PNG".to_owned());
    }
    let broken = |_| "is damaged or needs too much memory".to_owned();
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(DECODED_MAX_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(&kept), format);
    reader.limits(limits.clone());
    let decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    if !IMAGE_SIDE_PX.contains(&width) || !IMAGE_SIDE_PX.contains(&height) {
        return Err("must have sides of 16 to 1024 pixels".to_owned());
    }
    limits.reserve(decoder.total_bytes()).map_err(broken)?;
    let image = DynamicImage::from_decoder(decoder).map_err(broken)?.into_rgba8();
    if image.pixels().all(|pixel| pixel.0[3] < VISIBLE_ALPHA) {
        return Err("must show something: it is transparent everywhere".to_owned());
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use image::{ImageBuffer, Rgba, RgbaImage};

    use super::*;

    fn encoded(image: &RgbaImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::from(image.clone()).write_to(&mut bytes, format).expect("an encoder");
        bytes.into_inner()
    }

    fn png(width: u32, height: u32, alpha: u8) -> Vec<u8> {
        encoded(&RgbaImage::from_pixel(width, height, Rgba([200, 10, 10, alpha])), ImageFormat::Png)
    }

    #[test]
    fn a_png_is_kept_as_it_looks() {
        for good in [png(16, 16, 255), png(1024, 1024, 128), png(16, 1024, 200)] {
            let kept = decode(&good).expect("a good mark");
            let pixels = |bytes: &[u8]| image::load_from_memory(bytes).expect("a picture").into_rgba8();
            assert_eq!(pixels(&kept), pixels(&good));
            assert_eq!(decode(&kept), Ok(kept));
        }
        let deep = DynamicImage::from(ImageBuffer::from_pixel(1024, 1024, Rgba([9_u16, 9, 9, u16::MAX])));
        let mut bytes = Cursor::new(Vec::new());
        deep.write_to(&mut bytes, ImageFormat::Png).expect("an encoder");
        assert!(decode(&bytes.into_inner()).is_ok(), "16 bits a channel have room");
    }

    #[test]
    fn what_cannot_be_a_mark_is_refused_in_words() {
        let whole = png(64, 64, 255);
        let noise = RgbaImage::from_fn(512, 512, |x, y| {
            let mixed = (x * 512 + y).wrapping_mul(2_654_435_761);
            let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(2_246_822_519);
            Rgba([(mixed >> 8) as u8, (mixed >> 16) as u8, (mixed >> 24) as u8, 255])
        });
        for (bytes, word) in [
            (b"".to_vec(), "JPEG"),
            (encoded(&RgbaImage::from_pixel(64, 64, Rgba([1, 2, 3, 255])), ImageFormat::WebP), "must be a PNG"),
            (whole[..whole.len() - 20].to_vec(), "damaged"),
            (png(15, 64, 255), "16 to 1024"),
            (png(64, 1025, 255), "16 to 1024"),
            (png(64, 64, 127), "transparent"),
            (encoded(&noise, ImageFormat::Png), "256 KiB"),
        ] {
            let refused = decode(&bytes).expect_err(word);
            assert!(refused.contains(word), "{refused}");
        }
    }
}
