//! Where a packet of XMP stands in a finished file (XMP specification, part 3).

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use super::Target;

/// The type of the box that holds XMP in an MP4.
const MP4_UUID: [u8; 16] =
    [0xbe, 0x7a, 0xcf, 0xcb, 0x97, 0xa9, 0x42, 0xe8, 0x9c, 0x71, 0x99, 0x94, 0x91, 0xe3, 0xaf, 0xac];
/// What a JPEG's segment with XMP begins with.
const JPEG_NAME: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
/// The flag of a WebP's header that says that there is XMP.
const WEBP_FLAG: u8 = 0x04;
/// Length of a WebP's RIFF header in bytes.
const RIFF_BYTES: usize = 12;
/// Length of a WebP's chunk `VP8X` in bytes, with the head that every chunk has.
const VP8X_BYTES: usize = 18;

/// Writes `packet` into the file, whose pictures have this size. Other files than pictures and videos stay as they are.
pub(super) fn write(path: &Path, content_type: &str, size: Target, packet: &[u8]) -> io::Result<()> {
    match content_type {
        "video/mp4" => append(path, packet),
        "image/webp" => rewrite(path, |bytes| webp(bytes, size, packet)),
        "image/jpeg" => rewrite(path, |bytes| jpeg(bytes, packet)),
        _ => Ok(()),
    }
}

/// A box at the end moves nothing, so no index has to be written anew.
fn append(path: &Path, packet: &[u8]) -> io::Result<()> {
    let length = u32::try_from(8 + MP4_UUID.len() + packet.len()).map_err(io::Error::other)?;
    let head = [&length.to_be_bytes(), b"uuid".as_slice(), &MP4_UUID].concat();
    File::options().append(true).open(path)?.write_all(&[&head, packet].concat())
}

fn rewrite(path: &Path, with_packet: impl FnOnce(&[u8]) -> Option<Vec<u8>>) -> io::Result<()> {
    let bytes = with_packet(&fs::read(path)?).ok_or(io::ErrorKind::InvalidData)?;
    fs::write(path, bytes)
}

/// The file with the packet as its last chunk. A plain one becomes one of the extended format, which alone may have it.
fn webp(bytes: &[u8], size: Target, packet: &[u8]) -> Option<Vec<u8>> {
    let pictures = bytes.get(RIFF_BYTES..)?;
    let (mut head, pictures) = match pictures.starts_with(b"VP8X") {
        true => (pictures.get(..VP8X_BYTES)?.to_vec(), pictures.get(VP8X_BYTES..)?),
        false => (vp8x(size)?, pictures),
    };
    head[8] |= WEBP_FLAG;
    let mut last = [b"XMP ", u32::try_from(packet.len()).ok()?.to_le_bytes().as_slice(), packet].concat();
    last.resize(last.len().next_multiple_of(2), 0);
    let body = [b"WEBP", head.as_slice(), pictures, &last].concat();
    Some([b"RIFF", u32::try_from(body.len()).ok()?.to_le_bytes().as_slice(), &body].concat())
}

/// The header of the extended format without flags.
fn vp8x(size: Target) -> Option<Vec<u8>> {
    let (width, height) = (size.width.checked_sub(1)?.to_le_bytes(), size.height.checked_sub(1)?.to_le_bytes());
    Some([b"VP8X", 10_u32.to_le_bytes().as_slice(), &[0; 4], &width[..3], &height[..3]].concat())
}

/// The file with the packet in a segment behind the first, which has to say that it is JFIF.
fn jpeg(bytes: &[u8], packet: &[u8]) -> Option<Vec<u8>> {
    let [0xff, 0xd8, 0xff, 0xe0, high, low, ..] = *bytes else { return None };
    let (start, rest) = bytes.split_at_checked(4 + usize::from(u16::from_be_bytes([high, low])))?;
    let length = u16::try_from(2 + JPEG_NAME.len() + packet.len()).ok()?.to_be_bytes();
    Some([start, &[0xff, 0xe1], &length, JPEG_NAME, packet, rest].concat())
}
