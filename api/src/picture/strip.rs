//! What is kept of an image file: what its pixels and their colours need, and how it is turned. Places, dates, names,
//! comments, thumbnails and all that follows the image's end stay behind. The pixels are copied, not encoded anew.

use clipmill_shared::picture::PictureType;
use image::metadata::Orientation;

mod jpeg;
mod png;
mod webp;

/// The file ends before the image does.
const CUT: &str = "is damaged: its end is missing";
/// The file is not made as its format says.
const BROKEN: &str = "is damaged";

/// What the file is without its metadata. The error says what is wrong with it.
pub(super) fn strip(bytes: &[u8], kind: PictureType) -> Result<Vec<u8>, &'static str> {
    match kind {
        PictureType::Jpeg => jpeg::strip(bytes),
        PictureType::Png => png::strip(bytes),
        PictureType::WebP => webp::strip(bytes),
    }
}

/// How a block of EXIF says that the image is to be turned.
fn orientation(exif: &[u8]) -> Orientation {
    Orientation::from_exif_chunk(exif).unwrap_or(Orientation::NoTransforms)
}

/// A block of EXIF that says how the image is to be turned and nothing else; none where it is not turned (CIPA DC-008, 4.6).
fn exif(orientation: Orientation) -> Option<[u8; 26]> {
    const HEADER: [u8; 8] = [b'M', b'M', 0, 42, 0, 0, 0, 8];
    // One entry: the tag 0x0112, of the type SHORT, with one value; no further directory.
    let entry = [0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation.to_exif(), 0, 0, 0, 0, 0, 0];
    let mut block = [0; 26];
    block[..8].copy_from_slice(&HEADER);
    block[8..].copy_from_slice(&entry);
    (orientation != Orientation::NoTransforms).then_some(block)
}

#[cfg(test)]
mod tests;
