//! WebP (RFC 9649): chunks in a RIFF. Of an animation the first frame is kept, which is the image that decoders see in it.

use image::metadata::Orientation;

use super::{BROKEN, CUT, exif, orientation};

/// Flags of an extended file, in the first byte of its header.
const ICC: u8 = 0x20;
const ALPHA: u8 = 0x10;
const EXIF: u8 = 0x08;
const ANIMATION: u8 = 0x02;

/// Where the flags of an extended file are.
const FLAGS_AT: usize = 12 + 8;

struct Chunk<'a> {
    name: &'a [u8; 4],
    data: &'a [u8],
}

pub(super) fn strip(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    let size = u32_at(bytes, 4).ok_or(CUT)? as usize;
    let mut rest = bytes.get(12..bytes.len().min(size.saturating_add(8))).ok_or(CUT)?;
    let first = next(&mut rest)?.ok_or(CUT)?;
    let mut kept = Vec::with_capacity(bytes.len() + 64);
    kept.extend_from_slice(b"RIFF\0\0\0\0WEBP");
    match first.name {
        b"VP8 " | b"VP8L" => push(&mut kept, first.name, &[first.data]),
        b"VP8X" => extended(&mut kept, first.data, rest)?,
        _ => return Err(BROKEN),
    }
    let size = u32::try_from(kept.len() - 8).map_err(|_| BROKEN)?;
    kept[4..8].copy_from_slice(&size.to_le_bytes());
    Ok(kept)
}

/// Keeps a file that has more than the image's data. Of each chunk the first one counts.
fn extended(kept: &mut Vec<u8>, head: &[u8], mut rest: &[u8]) -> Result<(), &'static str> {
    let [flags, _, _, _, canvas @ ..] = head.first_chunk::<10>().ok_or(BROKEN)?;
    let (animated, size) = (flags & ANIMATION != 0, size(canvas));
    push(kept, b"VP8X", &[&[flags & (ALPHA | ANIMATION), 0, 0, 0], canvas]);
    let (mut seen, mut turned) = (Vec::new(), None);
    while let Some(chunk) = next(&mut rest)? {
        if seen.contains(chunk.name) {
            continue;
        }
        match chunk.name {
            b"ICCP" => {
                kept[FLAGS_AT] |= ICC;
                push(kept, chunk.name, &[chunk.data]);
            }
            b"ANIM" if animated => push(kept, chunk.name, &[chunk.data.get(..6).ok_or(BROKEN)?]),
            b"ANMF" if animated => frame(kept, chunk.data)?,
            b"ALPH" | b"VP8 " | b"VP8L" if !animated => image(kept, &chunk, size)?,
            b"EXIF" => turned = Some(orientation(chunk.data)),
            _ => continue,
        }
        seen.push(*chunk.name);
    }
    if let Some(block) = exif(turned.unwrap_or(Orientation::NoTransforms)) {
        kept[FLAGS_AT] |= EXIF;
        push(kept, b"EXIF", &[&block]);
    }
    Ok(())
}

/// Keeps a frame of an animation: where it lies, and its image.
fn frame(kept: &mut Vec<u8>, data: &[u8]) -> Result<(), &'static str> {
    let (head, mut rest) = data.split_first_chunk::<16>().ok_or(BROKEN)?;
    let [_, _, _, _, _, _, measures @ .., _, _, _, _] = head;
    let (mut images, mut seen) = (Vec::new(), Vec::new());
    while let Some(chunk) = next(&mut rest)? {
        if matches!(chunk.name, b"ALPH" | b"VP8 " | b"VP8L") && !seen.contains(chunk.name) {
            image(&mut images, &chunk, size(measures))?;
            seen.push(*chunk.name);
        }
    }
    push(kept, b"ANMF", &[head, &images]);
    Ok(())
}

/// Keeps an image, which has to be as large as the file says elsewhere: decoders believe either.
fn image(kept: &mut Vec<u8>, chunk: &Chunk<'_>, expected: (u32, u32)) -> Result<(), &'static str> {
    let size = match (chunk.name, chunk.data) {
        (b"VP8 ", [_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..]) => {
            let side = |bytes| u32::from(u16::from_le_bytes(bytes) & 0x3fff);
            (side([*w0, *w1]), side([*h0, *h1]))
        }
        (b"VP8L", [0x2f, ..]) => {
            let bits = u32_at(chunk.data, 1).ok_or(BROKEN)?;
            ((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1)
        }
        // Alpha has no size of its own.
        (b"ALPH", _) => expected,
        _ => return Err(BROKEN),
    };
    if size != expected {
        return Err("is damaged: its parts are of different sizes");
    }
    push(kept, chunk.name, &[chunk.data]);
    Ok(())
}

/// Two sides, of 24 bits each and less one.
fn size([w0, w1, w2, h0, h1, h2]: &[u8; 6]) -> (u32, u32) {
    (u32::from_le_bytes([*w0, *w1, *w2, 0]) + 1, u32::from_le_bytes([*h0, *h1, *h2, 0]) + 1)
}

/// The next chunk, unless there is none.
fn next<'a>(rest: &mut &'a [u8]) -> Result<Option<Chunk<'a>>, &'static str> {
    let Some((head, after)) = rest.split_first_chunk::<8>() else { return Ok(None) };
    let [name @ .., _, _, _, _] = head;
    let size = u32_at(head, 4).ok_or(CUT)? as usize;
    let (data, after) = after.split_at_checked(size).ok_or(CUT)?;
    // A chunk of odd length is filled up with a byte, which some writers leave out at the end.
    *rest = after.get(size % 2..).unwrap_or_default();
    Ok(Some(Chunk { name, data }))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

/// Writes a chunk.
fn push(kept: &mut Vec<u8>, name: &[u8; 4], parts: &[&[u8]]) {
    let size: usize = parts.iter().map(|part| part.len()).sum();
    kept.extend_from_slice(name);
    // Chunks of a file of 20 MB have sizes of 32 bits.
    kept.extend(u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes());
    parts.iter().for_each(|part| kept.extend_from_slice(part));
    kept.resize(kept.len() + size % 2, 0);
}
