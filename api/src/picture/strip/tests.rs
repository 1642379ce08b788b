use super::*;

/// A JPEG of these segments, each with its marker.
fn jpeg(segments: &[(u8, &[u8])], after: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8];
    for (marker, content) in segments {
        bytes.extend([0xff, *marker]);
        bytes.extend((content.len() as u16 + 2).to_be_bytes());
        bytes.extend_from_slice(content);
    }
    [&bytes, after].concat()
}

/// A PNG of these chunks.
fn png(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in chunks {
        bytes.extend((data.len() as u32).to_be_bytes());
        let checked = [name.as_slice(), data].concat();
        bytes.extend_from_slice(&checked);
        bytes.extend(crc32fast::hash(&checked).to_be_bytes());
    }
    bytes
}

/// A WebP of these chunks.
fn webp(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    for (name, data) in chunks {
        body.extend_from_slice(&chunk(name, data));
    }
    [b"RIFF".as_slice(), &(body.len() as u32).to_le_bytes(), &body].concat()
}

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let pad = vec![0; data.len() % 2];
    [name.as_slice(), &(data.len() as u32).to_le_bytes(), data, &pad].concat()
}

/// The header of an extended WebP of 64 by 64 pixels.
fn head(flags: u8) -> [u8; 10] {
    [flags, 0, 0, 0, 63, 0, 0, 63, 0, 0]
}

/// Lossless data of 64 by 64 pixels, as far as its header goes.
const VP8L: &[u8] = &[0x2f, 63, 0xc0, 0x0f, 0, 9];
/// Lossy data of 64 by 64 pixels, as far as its header goes.
const VP8: &[u8] = &[0, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0];
/// A frame of an animation in the upper left corner, of 64 by 64 pixels.
const FRAME: [u8; 16] = [0, 0, 0, 0, 0, 0, 63, 0, 0, 63, 0, 0, 100, 0, 0, 0];

fn turned() -> [u8; 26] {
    exif(Orientation::Rotate90).expect("a block")
}

#[test]
fn every_orientation_is_read_back_from_the_block_that_says_it() {
    assert_eq!(exif(Orientation::NoTransforms), None);
    for number in 2..=8 {
        let turned = Orientation::from_exif(number).expect("an orientation");
        assert_eq!(orientation(&exif(turned).expect("a block")), turned);
    }
}

#[test]
fn a_jpeg_keeps_what_its_picture_needs() {
    let jfif = |thumbnail: &[u8]| {
        let sides = [thumbnail.len() as u8 / 3, u8::from(!thumbnail.is_empty())];
        [b"JFIF\0\x01\x01\0\0\x01\0\x01".as_slice(), &sides, thumbnail].concat()
    };
    let exif = [b"Exif\0\0".as_slice(), &turned()].concat();
    let (icc, adobe) = (b"ICC_PROFILE\0\x01\x01colours".as_slice(), b"Adobe\0\x64\0\0\0\0\x01".as_slice());
    let (with_thumbnail, without, longer) = (jfif(b"secret"), jfif(b""), [adobe, b"secret"].concat());
    let (exif_and_more, scan) = ([&exif, b"secret".as_slice()].concat(), b"\x01\x01\0\0\x3f\0".as_slice());
    let coded = b"\xff\0coded\xff\xd0data";
    let dirty = jpeg(
        &[
            (0xe1, &exif_and_more),
            (0xe0, &with_thumbnail),
            (0xe0, b"JFXX\0secret"),
            (0xe1, b"http://ns.adobe.com/xap/1.0/\0secret"),
            (0xe2, icc),
            (0xe2, b"MPF\0secret"),
            (0xed, b"Photoshop 3.0\0secret"),
            (0xee, &longer),
            (0xfe, b"secret"),
            (0xdb, b"tables"),
            (0xc0, b"frame"),
            (0xda, scan),
        ],
        &[coded.as_slice(), b"\xff\xfe\0\x08secret", b"\xff\xd9", b"secret"].concat(),
    );
    let clean = jpeg(
        &[
            (0xe0, &without),
            (0xe1, &exif),
            (0xe2, icc),
            (0xee, adobe),
            (0xdb, b"tables"),
            (0xc0, b"frame"),
            (0xda, scan),
        ],
        &[coded.as_slice(), b"\xff\xd9"].concat(),
    );
    assert_eq!(jpeg::strip(&dirty).expect("a whole file"), clean);
    assert_eq!(jpeg::strip(&clean).expect("a whole file"), clean, "and is not changed again");
}

#[test]
fn a_png_keeps_what_its_picture_needs() {
    let (head, turned) = ([0; 13], turned());
    let exif = [turned.as_slice(), b"secret"].concat();
    let dirty = png(&[
        (b"IHDR", &head),
        (b"tEXt", b"Comment\0secret"),
        (b"iTXt", b"XML:com.adobe.xmp\0secret"),
        (b"zTXt", b"secret"),
        (b"tIME", b"\x07\xea\x01\x01\0\0\0"),
        (b"eXIf", &exif),
        (b"gAMA", b"\0\0\xb1\x8f"),
        (b"gAMA", b"moresecret"),
        (b"sRGB", b"secret"),
        (b"iCCP", b"colours"),
        (b"iCCP", b"secret"),
        (b"prVt", b"secret"),
        (b"IDAT", b"da"),
        (b"IDAT", b"ta"),
        (b"tEXt", b"secret"),
        (b"IEND", b""),
        (b"IDAT", b"secret"),
    ]);
    let clean = png(&[
        (b"IHDR", &head),
        (b"gAMA", b"\0\0\xb1\x8f"),
        (b"iCCP", b"colours"),
        (b"eXIf", &turned),
        (b"IDAT", b"da"),
        (b"IDAT", b"ta"),
        (b"IEND", b""),
    ]);
    assert_eq!(png::strip(&dirty).expect("a whole file"), clean);
    assert_eq!(png::strip(&clean).expect("a whole file"), clean, "and is not changed again");
}

#[test]
fn a_webp_keeps_what_its_picture_needs() {
    let exif = [turned().as_slice(), b"secret"].concat();
    let mut dirty = webp(&[
        (b"VP8X", &head(ICC_ALPHA_EXIF_XMP)),
        (b"ICCP", b"colours"),
        (b"ALPH", b"alpha"),
        (b"VP8 ", VP8),
        (b"VP8 ", b"secret"),
        (b"EXIF", &exif),
        (b"XMP ", b"secret"),
        (b"NOTE", b"secret"),
    ]);
    dirty.extend(b"secret");
    let clean = webp(&[
        (b"VP8X", &head(0x38)),
        (b"ICCP", b"colours"),
        (b"ALPH", b"alpha"),
        (b"VP8 ", VP8),
        (b"EXIF", &turned()),
    ]);
    assert_eq!(webp::strip(&dirty).expect("a whole file"), clean);
    assert_eq!(webp::strip(&clean).expect("a whole file"), clean, "and is not changed again");
    let simple = webp(&[(b"VP8L", VP8L), (b"EXIF", &exif)]);
    assert_eq!(webp::strip(&simple).expect("a whole file"), webp(&[(b"VP8L", VP8L)]));
}

const ICC_ALPHA_EXIF_XMP: u8 = 0x3c;

#[test]
fn of_a_webp_animation_the_first_frame_is_kept() {
    let first = [FRAME.as_slice(), &chunk(b"VP8L", VP8L)].concat();
    let with_note = [first.as_slice(), &chunk(b"NOTE", b"secret")].concat();
    let dirty = webp(&[
        (b"VP8X", &head(0x02)),
        (b"ANIM", b"\0\0\0\0\0\0secret"),
        (b"ANMF", &with_note),
        (b"ANMF", &with_note),
        (b"VP8L", VP8L),
    ]);
    let clean = webp(&[(b"VP8X", &head(0x02)), (b"ANIM", &[0; 6]), (b"ANMF", &first)]);
    assert_eq!(webp::strip(&dirty).expect("a whole file"), clean);
}

#[test]
fn parts_of_different_sizes_are_refused() {
    let large = [0, 0, 0, 0x9d, 0x01, 0x2a, 0xff, 0x3f, 0xff, 0x3f];
    let frame = [FRAME.as_slice(), &chunk(b"ALPH", b"alpha"), &chunk(b"VP8 ", &large)].concat();
    for (flags, name, data) in
        [(0, b"VP8 ", large.as_slice()), (2, b"ANMF", &frame), (0, b"VP8L", &[0x2f, 255, 255, 255, 15])]
    {
        let refused = webp::strip(&webp(&[(b"VP8X", &head(flags)), (name, data)]));
        assert!(refused.is_err_and(|error| error.contains("different sizes")), "{name:?}");
    }
}

#[test]
fn what_ends_early_or_lies_about_its_length_is_refused() {
    let scan = jpeg(&[(0xc0, b"frame"), (0xda, b"scan")], b"coded\xff\xd9");
    let whole = png(&[(b"IHDR", &[0; 13]), (b"IDAT", b"data"), (b"IEND", b"")]);
    let extended = webp(&[(b"VP8X", &head(0)), (b"VP8L", VP8L)]);
    for (kind, whole) in [(PictureType::Jpeg, scan), (PictureType::Png, whole), (PictureType::WebP, extended)] {
        assert!(strip(&whole, kind).is_ok(), "{kind}");
        // A WebP may end with its header, and has no picture then.
        let skipped = if kind == PictureType::WebP { 30..38 } else { 0..0 };
        for end in (0..whole.len()).filter(|end| !skipped.contains(end)) {
            assert!(strip(&whole[..end], kind).is_err(), "{kind} of {end} bytes");
        }
    }
    for lie in [[0xff; 4], [0x7f, 0xff, 0xff, 0xff], [0, 0, 0, 99]] {
        let mut lying = png(&[(b"IHDR", &[0; 13]), (b"IDAT", b"data"), (b"IEND", b"")]);
        lying[33..37].copy_from_slice(&lie);
        assert!(png::strip(&lying).is_err(), "{lie:?}");
    }
    for length in [[0, 0], [0, 1], [0xff, 0xff]] {
        assert!(jpeg::strip(&[0xff, 0xd8, 0xff, 0xe0, length[0], length[1], 0xff, 0xd9]).is_err(), "{length:?}");
    }
}

#[test]
fn what_nobody_could_show_is_refused() {
    let head = [0; 13];
    for chunks in [
        [(b"IHDR", head.as_slice()), (b"IHDR", &head), (b"IDAT", b"")],
        [(b"IHDR", &head), (b"SECR", b"et"), (b"IDAT", b"")],
        [(b"IHDR", &head), (b"IDAT", b""), (b"PLTE", b"abc")],
    ] {
        let file = [png(&chunks), png(&[(b"IEND", b"")])[8..].to_vec()].concat();
        assert_eq!(png::strip(&file), Err(BROKEN));
    }
    let scans = vec![(0xda, b"scan".as_slice()); 101];
    assert!(jpeg::strip(&jpeg(&scans, b"\xff\xd9")).is_err_and(|error| error.contains("scans")));
    assert!(jpeg::strip(&jpeg(&scans[..100], b"\xff\xd9")).is_ok());
    assert_eq!(jpeg::strip(&jpeg(&[], b"\xff\xd8\xff\xd9")), Err(BROKEN));
    assert_eq!(webp::strip(&webp(&[(b"RIFF", b"WEBP")])), Err(BROKEN));
}
