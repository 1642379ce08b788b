//! Source images: fetched or decoded from their field, found out by content, stripped of their metadata, and decoded once
//! under a memory limit, so that what is stored can be rendered and says no more than what it shows.

use std::io::Cursor;

use axum::body::Bytes;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use clipmill_shared::files;
use clipmill_shared::id::AccountId;
use clipmill_shared::jobs::spec::Invalid;
use clipmill_shared::picture::{Picture, PictureType, SourceImage};
use clipmill_shared::tier::Size;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use crate::app::App;
use crate::form::{Form, ImageField};
use crate::limit::{IMAGE_MAX_BYTES, IMAGE_MAX_DECODED_BYTES, IMAGE_SIDE_PX};
use crate::problem::Problem;

mod mark;
mod strip;

pub(crate) use mark::mark;

/// Base64 as browsers and scripts write it, padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The image in a field of a form, if there is one.
pub(crate) async fn in_form(
    app: &App,
    account: AccountId,
    form: &mut Form,
    name: &'static str,
) -> Result<Option<SourceImage>, Problem> {
    match form.image(name)? {
        Some(field) => read(app, account, name, field).await.map(Some),
        None => Ok(None),
    }
}

/// The image in a field, or what is wrong with it.
async fn read(app: &App, account: AccountId, name: &'static str, field: ImageField) -> Result<SourceImage, Problem> {
    let bytes = match field {
        ImageField::Bytes(bytes) => bytes,
        ImageField::Url(url) if url.starts_with("data:") => from_data_url(name, &url)?,
        ImageField::Url(url) => fetch(app, name, &url).await?,
        ImageField::File(id) => return find(app, account, name, &id).await,
    };
    look_at(app, name, bytes).await.map(SourceImage::from)
}

/// A file of the account, which was looked at when it was put up.
async fn find(app: &App, account: AccountId, name: &'static str, id: &str) -> Result<SourceImage, Problem> {
    let id = id.parse().map_err(|_| Invalid::no_file(name))?;
    let file = files::read::find(&app.pool, account, id).await?.ok_or_else(|| Invalid::no_file(name))?;
    file.source().ok_or_else(|| Problem::invalid(name, "must name a file that was completed; this one is pending"))
}

/// The image that these bytes are, or what is wrong with the field that they came in.
pub(crate) async fn look_at(app: &App, name: &'static str, bytes: Bytes) -> Result<Picture, Problem> {
    probe(app, bytes).await?.map_err(|allowed| Problem::invalid(name, &allowed))
}

/// The image that these bytes are, or what they would have to be. Decoded once, in turn with others.
pub(crate) async fn probe(app: &App, bytes: Bytes) -> Result<Result<Picture, String>, Problem> {
    if bytes.len() > IMAGE_MAX_BYTES {
        return Ok(Err("must have at most 20 MB".to_owned()));
    }
    let _turn = app.pictures.acquire().await.map_err(|_| Problem::internal())?;
    let decoded = tokio::task::spawn_blocking(move || decode(bytes)).await;
    // A decoder that panics on a file says that the file is broken.
    Ok(decoded.unwrap_or_else(|_| Err("is damaged".to_owned())))
}

pub(crate) fn from_data_url(name: &'static str, url: &str) -> Result<Bytes, Problem> {
    let refused = || Problem::invalid(name, "must be a data URL in base64, as in data:image/png;base64,…");
    let (head, data) = url.split_once(',').ok_or_else(refused)?;
    if !head.ends_with(";base64") {
        return Err(refused());
    }
    BASE64.decode(data.trim()).map(Bytes::from).map_err(|_| refused())
}

async fn fetch(app: &App, name: &'static str, url: &str) -> Result<Bytes, Problem> {
    let fetched = app.outbound.fetch(url, IMAGE_MAX_BYTES).await;
    fetched.map_err(|error| Problem::invalid(name, &error.to_string()))
}

/// Strips the file of its metadata and decodes what is left of it, once: what is kept is what was looked at. The error says what is
/// allowed.
pub(crate) fn decode(bytes: Bytes) -> Result<Picture, String> {
    let (kept, kind, format) = stripped(&bytes)?;
    drop(bytes);
    let broken = |_| "is damaged or needs too much memory".to_owned();
    let mut limits = limits();
    let mut reader = ImageReader::with_format(Cursor::new(&kept), format);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    if !IMAGE_SIDE_PX.contains(&width) || !IMAGE_SIDE_PX.contains(&height) {
        return Err("must have sides of 64 to 8192 pixels".to_owned());
    }
    // A decoder minds what it needs for itself; the picture is ours to count.
    limits.reserve(decoder.total_bytes()).map_err(broken)?;
    let orientation = decoder.orientation().map_err(broken)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(broken)?;
    image.apply_orientation(orientation);
    let size = Size { width: image.width(), height: image.height() };
    Ok(Picture { bytes: kept, kind, size })
}

/// The file without its metadata, and its format, found out by its content.
pub(crate) fn stripped(bytes: &[u8]) -> Result<(Bytes, PictureType, ImageFormat), String> {
    let (kind, format) = match image::guess_format(bytes) {
        Ok(format @ ImageFormat::Jpeg) => (PictureType::Jpeg, format),
        Ok(format @ ImageFormat::Png) => (PictureType::Png, format),
        Ok(format @ ImageFormat::WebP) => (PictureType::WebP, format),
        _ => return Err("must be a JPEG, PNG or WebP image".to_owned()),
    };
    Ok((strip::strip(bytes, kind)?.into(), kind, format))
}

fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(IMAGE_MAX_DECODED_BYTES);
    limits
}

#[cfg(test)]
mod tests {
    use image::{ExtendedColorType, ImageEncoder as _};

    use super::*;

    fn png(width: u32, height: u32) -> Bytes {
        png_of(width, height, ExtendedColorType::Rgb8)
    }

    fn png_of(width: u32, height: u32, color: ExtendedColorType) -> Bytes {
        let mut bytes = Vec::new();
        let pixels = vec![128; (width * height) as usize * usize::from(color.bits_per_pixel()) / 8];
        let encoder = image::codecs::png::PngEncoder::new(&mut bytes);
        encoder.write_image(&pixels, width, height, color).expect("a PNG");
        bytes.into()
    }

    #[test]
    fn an_image_that_needs_more_memory_than_it_may_is_refused_before_it_is_decoded() {
        let bytes = png_of(8192, 4097, ExtendedColorType::Rgba16);
        assert!(bytes.len() < IMAGE_MAX_BYTES && decode(bytes).is_err_and(|error| error.contains("too much memory")));
    }

    #[test]
    fn an_image_is_known_by_its_content() {
        let image = decode(png(64, 80)).expect("a good image");
        assert_eq!((image.kind, image.size), (PictureType::Png, Size { width: 64, height: 80 }));
    }

    #[test]
    fn what_cannot_be_rendered_is_refused() {
        let whole = png(100, 100);
        let cut = whole.slice(..whole.len() / 2);
        for (bytes, word) in [
            (Bytes::from_static(b""), "JPEG"),
            (Bytes::from_static(b"GIF89a"), "JPEG"),
            (Bytes::from_static(b"\x89PNG\r\n\x1a\n"), "damaged"),
            (cut, "damaged"),
            (png(63, 64), "64 to 8192"),
            (png(64, 8194), "64 to 8192"),
        ] {
            let refused = decode(bytes).expect_err(word);
            assert!(refused.contains(word), "{refused}");
        }
    }

    #[test]
    fn a_jpeg_that_was_cut_off_is_refused_wherever_it_was_cut() {
        let whole = include_bytes!("../../cli/samples/coffee.jpg");
        assert!(decode(Bytes::from_static(whole)).is_ok());
        for tenths in 1..10 {
            let cut = Bytes::from_static(&whole[..whole.len() * tenths / 10]);
            assert!(decode(cut).expect_err("cut").contains("damaged"), "{tenths}");
        }
    }

    #[test]
    fn data_urls_may_lack_their_padding() {
        for data in ["aGVsbG8=", "aGVsbG8"] {
            let bytes = from_data_url("input_reference", &format!("data:image/png;base64,{data}")).expect("base64");
            assert_eq!(&bytes[..], b"hello");
        }
        for url in ["data:image/png,abc", "data:", "data:image/png;base64,§"] {
            assert!(from_data_url("input_reference", url).is_err(), "{url}");
        }
    }
}
