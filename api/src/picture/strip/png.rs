//! PNG (W3C, third edition, chapter 5): chunks, up to the one that ends the image.

use image::metadata::Orientation;

use super::{BROKEN, CUT, exif, orientation};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
const END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";

/// What is kept of the chunks before the image's data, each once: its name, and how long it may be.
const KEPT: [(&[u8; 4], usize); 12] = [
    (b"IHDR", 13),
    (b"PLTE", 768),
    (b"tRNS", 256),
    (b"gAMA", 4),
    (b"cHRM", 32),
    (b"sRGB", 1),
    (b"iCCP", usize::MAX),
    (b"sBIT", 4),
    (b"cICP", 4),
    (b"mDCV", 24),
    (b"cLLI", 8),
    (b"pHYs", 9),
];

/// A chunk of the file.
struct Chunk<'a> {
    name: &'a [u8],
    data: &'a [u8],
    /// With its length before and its checksum behind.
    whole: &'a [u8],
}

impl Chunk<'_> {
    /// Whether nobody who does not know the chunk can show the image: the first letter says so.
    fn is_critical(&self) -> bool {
        self.name[0] & 0x20 == 0
    }
}

pub(super) fn strip(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut kept = Vec::with_capacity(bytes.len());
    kept.extend_from_slice(SIGNATURE);
    let mut rest = bytes.get(SIGNATURE.len()..).unwrap_or_default();
    let mut chunk = head(&mut rest, &mut kept)?;
    while chunk.name == b"IDAT" {
        kept.extend_from_slice(chunk.whole);
        chunk = next(&mut rest)?;
    }
    while chunk.name != b"IEND" {
        if chunk.is_critical() {
            return Err(BROKEN);
        }
        chunk = next(&mut rest)?;
    }
    kept.extend_from_slice(END);
    Ok(kept)
}

/// Keeps what comes before the image's data, whose first chunk it returns.
fn head<'a>(rest: &mut &'a [u8], kept: &mut Vec<u8>) -> Result<Chunk<'a>, &'static str> {
    let (mut seen, mut turned) = ([false; KEPT.len()], None);
    loop {
        let chunk = next(rest)?;
        let known = KEPT.iter().position(|(name, longest)| *name == chunk.name && chunk.data.len() <= *longest);
        match known {
            _ if chunk.name == b"IDAT" => {
                push_exif(kept, turned.unwrap_or(Orientation::NoTransforms));
                return Ok(chunk);
            }
            Some(known) if !seen[known] => {
                seen[known] = true;
                kept.extend_from_slice(chunk.whole);
            }
            _ if chunk.is_critical() => return Err(BROKEN),
            _ if chunk.name == b"eXIf" => turned = turned.or(Some(orientation(chunk.data))),
            _ => {}
        }
    }
}

fn next<'a>(rest: &mut &'a [u8]) -> Result<Chunk<'a>, &'static str> {
    let (length, _) = rest.split_first_chunk().ok_or(CUT)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| CUT)?;
    let (whole, after) = length.checked_add(12).and_then(|size| rest.split_at_checked(size)).ok_or(CUT)?;
    *rest = after;
    Ok(Chunk { name: &whole[4..8], data: &whole[8..8 + length], whole })
}

/// Notes how the image is turned.
fn push_exif(kept: &mut Vec<u8>, orientation: Orientation) {
    let Some(block) = exif(orientation) else { return };
    let chunk = [b"eXIf".as_slice(), &block].concat();
    kept.extend((block.len() as u32).to_be_bytes());
    kept.extend_from_slice(&chunk);
    kept.extend(crc32fast::hash(&chunk).to_be_bytes());
}
