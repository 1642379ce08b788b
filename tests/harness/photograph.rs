//! Photographs as cameras and programs write them: with a place, names, thumbnails and more around the picture.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, RgbImage};

use crate::picture;

/// What stands in every piece of metadata, and must not be kept.
pub const SECRET: &[u8] = b"Erika Muster, 52.5163 N 13.3777 E";
/// What stands in the colour profile, and has to be kept.
pub const COLOURS: &[u8] = b"as on my monitor";

/// A file that shows this picture turned as the number says (CIPA DC-008), with every kind of metadata that the format has.
pub fn photograph(picture: &RgbImage, format: ImageFormat, orientation: u8) -> Vec<u8> {
    let plain = picture::encode(picture, format);
    let file = match format {
        ImageFormat::Jpeg => jpeg(&plain, orientation),
        ImageFormat::Png => png(&plain, orientation),
        _ => webp(&plain, picture.dimensions(), orientation),
    };
    // As the film of a photograph that moves.
    [file.as_slice(), b"ftypmp42", SECRET].concat()
}

/// The picture as it is to be seen.
pub fn upright(bytes: &[u8]) -> RgbImage {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().expect("a format");
    let mut decoder = reader.into_decoder().expect("a picture");
    let orientation = decoder.orientation().expect("an orientation");
    let mut picture = DynamicImage::from_decoder(decoder).expect("a picture");
    picture.apply_orientation(orientation);
    picture.into_rgb8()
}

/// The length of the EXIF in a file.
pub fn exif_bytes(bytes: &[u8]) -> usize {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().expect("a format");
    let exif = reader.into_decoder().expect("a picture").exif_metadata().expect("whole metadata");
    exif.map_or(0, |exif| exif.len())
}

/// Whether these bytes stand anywhere in a file.
pub fn contains(bytes: &[u8], searched: &[u8]) -> bool {
    bytes.windows(searched.len()).any(|window| window == searched)
}

/// A description, an orientation and a place.
fn exif(orientation: u8) -> Vec<u8> {
    const PLACE_AT: u32 = 8 + 2 + 3 * 12 + 4;
    const TEXT_AT: u32 = PLACE_AT + 2 + 12 + 4 + 3 * 8;
    let mut block = b"II\x2a\0\x08\0\0\0\x03\0".to_vec();
    let mut entry = |tag: u16, kind: u16, count: u32, value: u32| {
        block.extend(tag.to_le_bytes());
        block.extend(kind.to_le_bytes());
        block.extend(count.to_le_bytes());
        block.extend(value.to_le_bytes());
    };
    entry(0x010e, 2, SECRET.len() as u32, TEXT_AT);
    entry(0x0112, 3, 1, orientation.into());
    entry(0x8825, 4, 1, PLACE_AT);
    block.extend([0; 4]);
    // The latitude, as three fractions.
    block.extend(b"\x01\0\x02\0\x05\0\x03\0\0\0");
    block.extend((PLACE_AT + 18).to_le_bytes());
    block.extend([0; 4]);
    [52_u32, 1, 30, 1, 5868, 100].iter().for_each(|number| block.extend(number.to_le_bytes()));
    block.extend(SECRET);
    block
}

fn jpeg(plain: &[u8], orientation: u8) -> Vec<u8> {
    let mut file = plain[..2].to_vec();
    for (marker, head, content) in [
        (0xe1, b"Exif\0\0".as_slice(), exif(orientation)),
        (0xe1, b"http://ns.adobe.com/xap/1.0/\0", SECRET.to_vec()),
        (0xe2, b"ICC_PROFILE\0\x01\x01", COLOURS.to_vec()),
        (0xe2, b"MPF\0", SECRET.to_vec()),
        (0xed, b"Photoshop 3.0\0", SECRET.to_vec()),
        (0xfe, b"", SECRET.to_vec()),
    ] {
        file.extend([0xff, marker]);
        file.extend((head.len() as u16 + content.len() as u16 + 2).to_be_bytes());
        file.extend([head, &content].concat());
    }
    file.extend(&plain[2..]);
    file
}

fn png(plain: &[u8], orientation: u8) -> Vec<u8> {
    const HEAD_END: usize = 8 + 12 + 13;
    let mut file = plain[..HEAD_END].to_vec();
    for (name, content) in [
        (b"tEXt", [b"Author\0".as_slice(), SECRET].concat()),
        (b"iTXt", [b"XML:com.adobe.xmp\0\0\0\0\0".as_slice(), SECRET].concat()),
        (b"iCCP", [b"screen\0\0".as_slice(), COLOURS].concat()),
        (b"eXIf", exif(orientation)),
        (b"prVt", SECRET.to_vec()),
    ] {
        file.extend((content.len() as u32).to_be_bytes());
        let checked = [name.as_slice(), &content].concat();
        file.extend(&checked);
        file.extend(crc32fast::hash(&checked).to_be_bytes());
    }
    file.extend(&plain[HEAD_END..]);
    file
}

fn webp(plain: &[u8], (width, height): (u32, u32), orientation: u8) -> Vec<u8> {
    let sides = [&(width - 1).to_le_bytes()[..3], &(height - 1).to_le_bytes()[..3]].concat();
    // A profile, EXIF and XMP.
    let head = [[0x2c, 0, 0, 0].as_slice(), &sides].concat();
    let mut body = b"WEBP".to_vec();
    let mut chunk = |name: &[u8; 4], content: &[u8]| {
        body.extend(name);
        body.extend((content.len() as u32).to_le_bytes());
        body.extend(content);
        body.resize(body.len().next_multiple_of(2), 0);
    };
    chunk(b"VP8X", &head);
    chunk(b"ICCP", COLOURS);
    let length = u32::from_le_bytes(plain[16..20].try_into().expect("four bytes"));
    chunk(b"VP8L", &plain[20..20 + length as usize]);
    chunk(b"EXIF", &exif(orientation));
    chunk(b"XMP ", SECRET);
    chunk(b"NOTE", SECRET);
    [b"RIFF".as_slice(), &(body.len() as u32).to_le_bytes(), &body].concat()
}
