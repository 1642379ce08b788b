//! Images that are made to cost much or to break something: each is refused at once, with the name of its field.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clipmill_tests::server::{answer, small, text};
use clipmill_tests::{Server, picture};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// None of them is worth more time than that, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// A PNG of these chunks.
fn png(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in chunks {
        bytes.extend((data.len() as u32).to_be_bytes());
        let checked = [name.as_slice(), data].concat();
        bytes.extend(&checked);
        bytes.extend(crc32fast::hash(&checked).to_be_bytes());
    }
    bytes
}

/// The header of a PNG.
fn ihdr(width: u32, height: u32, depth: u8, color: u8) -> Vec<u8> {
    [&width.to_be_bytes()[..], &height.to_be_bytes(), &[depth, color, 0, 0, 0]].concat()
}

/// A PNG of such a size whose data are a few zeros.
fn hollow_png(width: u32, height: u32, depth: u8) -> Vec<u8> {
    // A stored block of four bytes, with its checksum.
    let data = b"\x78\x01\x01\x04\0\xfb\xff\0\0\0\0\0\x04\0\x01";
    png(&[(b"IHDR", &ihdr(width, height, depth, 6)), (b"IDAT", data), (b"IEND", b"")])
}

/// A JPEG of these segments, with its end.
fn jpeg(segments: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8];
    for (marker, content) in segments {
        bytes.extend([0xff, *marker]);
        bytes.extend((content.len() as u16 + 2).to_be_bytes());
        bytes.extend(*content);
    }
    bytes.extend([0xff, 0xd9]);
    bytes
}

/// A grey JPEG of such a size whose one scan is empty.
fn hollow_jpeg(width: u16, height: u16) -> Vec<u8> {
    let ([w0, w1], [h0, h1]) = (width.to_be_bytes(), height.to_be_bytes());
    let table = |class: u8| [&[class, 1][..], &[0; 16]].concat();
    jpeg(&[
        (0xdb, &[&[0][..], &[1; 64]].concat()),
        (0xc0, &[8, h0, h1, w0, w1, 1, 1, 0x11, 0]),
        (0xc4, &table(0)),
        (0xc4, &table(0x10)),
        (0xda, &[1, 1, 0, 0, 63, 0]),
    ])
}

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    [name.as_slice(), &(data.len() as u32).to_le_bytes(), data, &vec![0; data.len() % 2]].concat()
}

/// A WebP of these chunks.
fn webp(chunks: &[Vec<u8>]) -> Vec<u8> {
    chunk(b"RIFF", &[b"WEBP".to_vec(), chunks.concat()].concat())
}

/// The header of an extended WebP of 128 by 128 pixels.
fn vp8x(flags: u8) -> Vec<u8> {
    chunk(b"VP8X", &[flags, 0, 0, 0, 127, 0, 0, 127, 0, 0])
}

/// Lossy data that call themselves as large as can be.
fn giant_vp8() -> Vec<u8> {
    chunk(b"VP8 ", &[&[0x10, 0, 0, 0x9d, 0x01, 0x2a, 0xff, 0x3f, 0xff, 0x3f][..], &[0; 100]].concat())
}

fn pngs() -> Vec<(&'static str, Vec<u8>)> {
    let good = picture::encode(&picture::plain(128, 128), image::ImageFormat::Png);
    let head = ihdr(128, 128, 8, 6);
    let lying = |at: usize, length: u32| {
        let mut bytes = good.clone();
        bytes[at..at + 4].copy_from_slice(&length.to_be_bytes());
        bytes
    };
    vec![
        ("a png of half a gigabyte", hollow_png(8192, 8192, 16)),
        ("a png of a quarter of a gigabyte without data", hollow_png(8192, 8192, 8)),
        ("a png of many gigapixels", hollow_png(i32::MAX as u32, i32::MAX as u32, 8)),
        ("a png of a line without end", hollow_png(i32::MAX as u32, 1, 8)),
        ("a png without an extent", hollow_png(0, 0, 8)),
        ("a png of an impossible depth", hollow_png(128, 128, 7)),
        ("a png that was cut", good[..good.len() / 2].to_vec()),
        ("a png without its last chunk", good[..good.len() - 12].to_vec()),
        ("a png without data", png(&[(b"IHDR", &head), (b"IEND", b"")])),
        ("a png that is only a signature", good[..8].to_vec()),
        ("a png whose header says to be the whole", lying(8, u32::MAX)),
        ("a png whose header is short", lying(8, 12)),
        ("a png whose data say to be larger than the file", lying(33, 0x7fff_ffff)),
        ("a png with two headers", png(&[(b"IHDR", &head), (b"IHDR", &head), (b"IDAT", b""), (b"IEND", b"")])),
        (
            "a png that only its maker can read",
            png(&[(b"CgBI", b""), (b"IHDR", &head), (b"IDAT", b""), (b"IEND", b"")]),
        ),
    ]
}

fn jpegs() -> Vec<(&'static str, Vec<u8>)> {
    let scans: Vec<(u8, &[u8])> = vec![(0xda, &[1, 1, 0, 0, 0, 0]); 2000];
    vec![
        ("a jpeg of four gigapixels", hollow_jpeg(u16::MAX, u16::MAX)),
        ("a jpeg without an extent", hollow_jpeg(0, 0)),
        ("a jpeg of a line", hollow_jpeg(8192, 1)),
        ("a jpeg that was cut", picture::COFFEE[..20_000].to_vec()),
        ("a jpeg that ends where it begins", jpeg(&[])),
        ("a jpeg without a frame", jpeg(&[(0xda, &[1, 1, 0, 0, 63, 0])])),
        ("a jpeg in a jpeg", [jpeg(&[])[..2].to_vec(), jpeg(&[])].concat()),
        ("a jpeg of thousands of scans", jpeg(&scans)),
        ("a jpeg whose segment has no length", b"\xff\xd8\xff\xe0\0\0\xff\xd9".to_vec()),
        ("a jpeg whose segment is longer than the file", b"\xff\xd8\xff\xe0\xff\xff\xff\xd9".to_vec()),
        ("a jpeg of fill bytes", [&[0xff, 0xd8][..], &[0xff; 10_000]].concat()),
    ]
}

fn webps() -> Vec<(&'static str, Vec<u8>)> {
    let good = picture::encode(&picture::plain(128, 128), image::ImageFormat::WebP);
    let frame = |data: &[u8]| chunk(b"ANMF", &[&[0, 0, 0, 0, 0, 0, 127, 0, 0, 127, 0, 0, 100, 0, 0, 0], data].concat());
    let animated = |data: &[u8]| webp(&[vp8x(0x12), chunk(b"ANIM", &[0; 6]), frame(data)]);
    let nested = (0..1000).fold(Vec::new(), |inner, _| webp(&[inner]));
    let frames = (0..500).fold(Vec::new(), |inner, _| frame(&inner));
    let lying = |at: usize| {
        let mut bytes = good.clone();
        bytes[at..at + 4].copy_from_slice(&[0xff; 4]);
        bytes
    };
    vec![
        (
            "a webp whose canvas is as large as can be",
            webp(&[chunk(b"VP8X", &[&[0; 4][..], &[0xff; 6]].concat()), giant_vp8()]),
        ),
        ("a webp whose image is larger than its canvas", webp(&[vp8x(0), giant_vp8()])),
        ("a webp that is one giant image", webp(&[giant_vp8()])),
        ("a webp whose frame is larger than it says", animated(&giant_vp8())),
        ("a webp whose frame is larger than its alpha", animated(&[chunk(b"ALPH", &[0; 16]), giant_vp8()].concat())),
        ("a webp with a frame of nothing", animated(&[])),
        ("a webp of an animation without frames", webp(&[vp8x(0x02), chunk(b"ANIM", &[0; 6])])),
        ("a webp of frames in frames", animated(&frames)),
        ("a webp in a webp, a thousand times", nested),
        ("a webp without an image", webp(&[vp8x(0)])),
        ("a webp that was cut", good[..good.len() - 4].to_vec()),
        ("a webp whose image says to be larger than the file", lying(16)),
        ("a webp that is only a header", good[..12].to_vec()),
    ]
}

fn strangers() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("nothing", Vec::new()),
        ("a gif", b"GIF89a\x80\0\x80\0\0\0\0;".to_vec()),
        ("a bitmap", [b"BM".as_slice(), &[0; 60]].concat()),
        ("a tiff", b"II\x2a\0\x08\0\0\0\0\0".to_vec()),
        ("an avif", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1".to_vec()),
        ("a film", b"\0\0\0\x18ftypmp42\0\0\0\0isommp42".to_vec()),
        ("a drawing that loads from elsewhere", b"<svg><image href=\"file:///etc/passwd\"/></svg>".to_vec()),
        ("a page", b"<!doctype html><script>alert(1)</script>".to_vec()),
        ("an archive", b"PK\x03\x04\x14\0\0\0".to_vec()),
        ("a script for a converter", b"push graphic-context\nfill 'url(https://example.com/)'".to_vec()),
    ]
}

async fn refused(server: &Server, field: &str, path: &str, form: Form, name: &str) {
    let asked = answer(server.request(Method::POST, path).multipart(form));
    let (status, body) = tokio::time::timeout(PATIENCE, asked).await.expect(name);
    assert_eq!((status, &body["error"]["param"]), (StatusCode::BAD_REQUEST, &json!(field)), "{name}: {body}");
}

#[tokio::test]
async fn hostile_images_are_refused_at_once_with_the_name_of_their_field() {
    let server = Server::start().await;
    for (name, bytes) in [pngs(), jpegs(), webps(), strangers()].concat() {
        assert!(bytes.len() < 100_000, "{name} costs its sender little");
        // Neither the name nor the type that it is sent with says what it is.
        let part = || Part::bytes(bytes.clone()).file_name("cup.png").mime_str("image/png").unwrap();
        refused(&server, "file", "/v1/files", Form::new().part("file", part()), name).await;
        let submit = Form::new().text("prompt", "a cup").part("last_frame", part());
        refused(&server, "last_frame", "/v1/videos", submit, name).await;
    }
    assert!(server.objects_of_account().await.is_empty());
    let (status, _) = server.get("/healthz").await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn hostile_images_in_data_urls_are_refused_too() {
    let server = Server::start().await;
    for (name, bytes) in [pngs(), jpegs(), webps(), strangers()].concat() {
        let url = json!(format!("data:image/png;base64,{}", BASE64.encode(&bytes)));
        let mut body = small();
        body["input_reference"] = json!({ "image_url": url });
        let (status, body) = answer(server.request(Method::POST, "/v1/videos").json(&body)).await;
        assert_eq!((status, &body["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("input_reference")), "{name}");
        let task = json!({ "model": "I2V-01", "first_frame_image": url });
        let (_, task) = answer(server.request(Method::POST, "/v1/video_generation").json(&task)).await;
        assert_eq!(task["task_id"], Value::from(""), "{name}: {task}");
        assert!(text(&task["base_resp"]["status_msg"]).contains("first_frame_image"), "{name}: {task}");
    }
}
