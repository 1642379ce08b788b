//! Engines that deliver sound, or an encoded file.

use std::process::Command;
use std::sync::Arc;

use clipmill_shared::tier::Tier;
use clipmill_tests::server::text;
use clipmill_tests::{Server, video};
use clipmill_worker::engine::{Engine, EngineError, Frame, FrameSink, Request, Sound, Watch};
use reqwest::Method;
use serde_json::Value;

const RATE: u32 = 44_100;

/// How the engine delivers.
#[derive(Clone, Copy)]
enum Way {
    /// Frames, the one in the middle white, with a click of 20 ms at its moment.
    Clapper,
    /// The same without sound.
    Mute,
    /// A file of two tones, red, a little longer than asked, at 30 frames a second.
    File,
    /// A file that is none.
    Rubbish,
}

impl Engine for Way {
    fn name(&self) -> &str {
        "loud"
    }

    fn render(&self, request: &Request, _: &Watch, out: &mut dyn FrameSink) -> Result<(), EngineError> {
        match self {
            Self::Clapper => clap(request, true, out),
            Self::Mute => clap(request, false, out),
            Self::File => file(request, out),
            Self::Rubbish => {
                let rubbish = tempfile::NamedTempFile::new().unwrap();
                std::fs::write(rubbish.path(), "not found").unwrap();
                out.file(rubbish.path())
            }
        }
    }
}

fn clap(request: &Request, loud: bool, out: &mut dyn FrameSink) -> Result<(), EngineError> {
    let (middle, moments) = (request.frames / 2, RATE / request.fps);
    if loud {
        out.sound(Sound::announce(RATE, 2))?;
    }
    for number in 0..request.frames {
        let light = if number == middle { 255 } else { 0 };
        out.push(Frame::from_pixel(request.width, request.height, image::Rgb([light; 3])))?;
        if loud {
            // A frame does not last a whole number of samples: what comes with it says itself when it is heard.
            let place = |index: u32| {
                (f64::from(number * moments + index) / f64::from(RATE)) - f64::from(middle) / f64::from(request.fps)
            };
            let level = |index| if (0.0..0.02).contains(&place(index)) { 0.8 } else { 0.0 };
            let wave = |index| (level(index) * (place(index) * 1000.0 * std::f64::consts::TAU).sin()) as f32;
            let samples = (0..moments).flat_map(|index| [wave(index); 2]).collect();
            out.sound(Sound { rate: RATE, channels: 2, samples })?;
        }
    }
    Ok(())
}

fn file(request: &Request, out: &mut dyn FrameSink) -> Result<(), EngineError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    let picture = format!("color=red:size={}x{}:rate=30:duration=1.2", request.width * 2, request.height * 2);
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", &picture])
        .args(["-f", "lavfi", "-i", "aevalsrc=0.4*sin(2000*t)|0.4*sin(3000*t):duration=1.2"])
        .args(["-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    out.file(&path)
}

async fn server(way: Way) -> Server {
    let engine: Arc<dyn Engine> = Arc::new(way);
    Server::with_engines(Tier::ALL.into_iter().map(|tier| (tier, engine.clone())).collect()).await
}

/// The finished video of a small job, and what ffprobe says of it.
async fn rendered(way: Way) -> (Vec<u8>, Value) {
    let server = server(way).await;
    let job = server.completed().await;
    let path = format!("/v1/videos/{}/content", text(&job["id"]));
    let response = server.request(Method::GET, &path).send().await.unwrap();
    assert!(response.status().is_success(), "{}", response.status());
    let bytes: Vec<u8> = response.bytes().await.unwrap().into();
    let told = video::ffprobe(&bytes);
    (bytes, told)
}

fn assert_both_tracks_last(told: &Value, seconds: &str) {
    let streams = told["streams"].as_array().unwrap();
    let codecs: Vec<_> = streams.iter().map(|stream| text(&stream["codec_name"])).collect();
    assert_eq!(codecs, ["h264", "aac"]);
    for stream in streams {
        assert_eq!((text(&stream["start_time"]), text(&stream["duration"])), ("0.000000", seconds));
    }
}

#[tokio::test]
async fn what_an_engine_lets_hear_is_heard_when_it_is_seen() {
    let (bytes, told) = rendered(Way::Clapper).await;
    assert_both_tracks_last(&told, "1.000000");
    let heard = video::sound(&bytes);
    let click = heard.iter().position(|sample| sample.abs() > 0.4).unwrap() as f64 / 48_000.0;
    assert!((click - 0.5).abs() < 0.01, "the click is at {click}, its flash at 0.5");
    let (width, height) =
        (told["streams"][0]["width"].as_u64().unwrap(), told["streams"][0]["height"].as_u64().unwrap());
    let light = |number| video::frame(&bytes, number, width as u32, height as u32).get_pixel(9, 9)[0];
    assert_eq!([11, 12, 13].map(|number| light(number) > 127), [false, true, false]);
}

#[tokio::test]
async fn a_silent_engine_makes_a_video_without_a_sound_track() {
    let (_, told) = rendered(Way::Mute).await;
    assert_eq!(told["streams"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_file_of_an_engine_becomes_the_video_that_was_asked_for() {
    let (bytes, told) = rendered(Way::File).await;
    assert_both_tracks_last(&told, "1.000000");
    let stream = &told["streams"][0];
    assert_eq!((text(&stream["avg_frame_rate"]), text(&stream["nb_read_frames"])), ("24/1", "24"));
    assert_eq!((stream["width"].as_u64(), stream["height"].as_u64()), (Some(256), Some(144)));
    let pixel = video::frame(&bytes, 5, 256, 144).get_pixel(30, 30).0;
    assert!(pixel[0] > 240 && pixel[1] < 15 && pixel[2] < 15, "{pixel:?}");
    assert_eq!(told["streams"][1]["channels"], 2);
    assert!(video::sound(&bytes).iter().any(|sample| sample.abs() > 0.2));
}

#[tokio::test]
async fn a_file_that_is_no_video_is_the_renderers_fault() {
    let server = server(Way::Rubbish).await;
    let job = server.submit_small().await;
    for _ in 0..3 {
        server.render().await;
        server.age_timers().await;
    }
    let failed = server.video(&job["id"]).await;
    assert_eq!((text(&failed["status"]), text(&failed["error"]["code"])), ("failed", "render_failed"));
    assert!(server.objects(&job["id"]).await.is_empty());
}
