//! JPEG (ITU-T T.81, annex B): segments, each begun by a marker, up to the marker that ends the image.

use image::metadata::Orientation;

use super::{BROKEN, CUT, exif, orientation};

const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const APP14: u8 = 0xee;

const JFIF: &[u8] = b"JFIF\0";
const EXIF: &[u8] = b"Exif\0\0";
const ICC: &[u8] = b"ICC_PROFILE\0";
const ADOBE: &[u8] = b"Adobe";

/// Each scan may go over the whole image again, however short it is; encoders write about ten.
const SCANS_MAX: usize = 100;

pub(super) fn strip(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut kept = Vec::with_capacity(bytes.len());
    kept.extend([0xff, START]);
    let (mut turned, mut scans) = (Orientation::NoTransforms, 0);
    let mut rest = bytes.get(2..).unwrap_or_default();
    loop {
        let (marker, after) = next_marker(rest).ok_or(CUT)?;
        rest = after;
        match marker {
            END => break,
            START => return Err(BROKEN),
            // These have no content, and mean nothing outside of a scan.
            0x01 | 0xd0..=0xd7 => continue,
            _ => {}
        }
        let (content, after) = content(rest)?;
        rest = after;
        match marker {
            SCAN => {
                scans += 1;
                push(&mut kept, SCAN, content);
                let (coded, after) = coded(rest);
                kept.extend_from_slice(coded);
                rest = after;
            }
            // Decoders have what they know of the image when its first scan begins.
            APP1 if scans == 0 && content.starts_with(EXIF) => turned = orientation(&content[EXIF.len()..]),
            _ => keep(&mut kept, marker, content),
        }
        if scans > SCANS_MAX {
            return Err("has more scans than an image needs");
        }
    }
    kept.extend([0xff, END]);
    turn(&mut kept, turned);
    Ok(kept)
}

/// The next marker, and what follows it. Bytes before it belong to nothing.
fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let at = bytes.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff))?;
    Some((bytes[at + 1], &bytes[at + 2..]))
}

/// The content of a segment, which begins with its length, and what follows it.
fn content(bytes: &[u8]) -> Result<(&[u8], &[u8]), &'static str> {
    let [high, low, ..] = *bytes else { return Err(CUT) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let content = bytes.get(..length).ok_or(CUT)?.get(2..).ok_or(BROKEN)?;
    Ok((content, &bytes[length..]))
}

/// The coded data of a scan, which goes on to the next marker that is no restart, and what follows it.
fn coded(bytes: &[u8]) -> (&[u8], &[u8]) {
    let ends = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff | 0xd0..=0xd7);
    bytes.split_at(bytes.windows(2).position(ends).unwrap_or(bytes.len()))
}

/// Keeps a segment as far as the image needs it.
fn keep(kept: &mut Vec<u8>, marker: u8, content: &[u8]) {
    match marker {
        // Frames and tables; lines, restarts and hierarchies.
        0xc0..=0xcf | 0xdb..=0xdf => push(kept, marker, content),
        // It ends with the size of a thumbnail, which may follow.
        APP0 if kept.len() == 2 && content.starts_with(JFIF) && content.len() >= 14 => {
            push(kept, APP0, &[&content[..12], &[0, 0]].concat());
        }
        APP2 if content.starts_with(ICC) => push(kept, APP2, content),
        APP14 if content.starts_with(ADOBE) && content.len() >= 12 => push(kept, APP14, &content[..12]),
        _ => {}
    }
}

/// Writes a segment.
fn push(kept: &mut Vec<u8>, marker: u8, content: &[u8]) {
    // A content that was read, or is shorter than one, has a length of 16 bits.
    let length = u16::try_from(content.len() + 2).unwrap_or(u16::MAX);
    kept.extend([0xff, marker]);
    kept.extend(length.to_be_bytes());
    kept.extend_from_slice(content);
}

/// Notes how the image is turned, in the first segment but for that of JFIF, which has to stay the first.
fn turn(kept: &mut Vec<u8>, orientation: Orientation) {
    const JFIF_END: usize = 2 + 2 + 2 + 14;
    let Some(block) = exif(orientation) else { return };
    let mut segment = Vec::new();
    push(&mut segment, APP1, &[EXIF, &block].concat());
    let at = if kept[2..].starts_with(&[0xff, APP0]) { JFIF_END } else { 2 };
    kept.splice(at..at, segment);
}
