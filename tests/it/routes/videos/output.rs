use clipmill_shared::fleet::{self, Served};
use clipmill_shared::jobs::Mode;
use clipmill_shared::jobs::lease::{self, Ability};
use clipmill_shared::jobs::options::Codec;
use clipmill_shared::offer::Offer;
use clipmill_shared::tier::Tier;
use clipmill_tests::Server;
use clipmill_tests::server::{answer, small, text};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A service with a worker of these tiers that encodes these codecs and can render as much as `offer` says.
async fn served(tiers: &[Tier], codecs: &[Codec], offer: Option<&Offer>) -> Server {
    let server = Server::start().await;
    let served: Vec<Served> =
        tiers.iter().map(|tier| Served { tier: *tier, pace: None, offer: offer.cloned() }).collect();
    fleet::report(&server.pool, "encoder", 1, codecs, &served).await.unwrap();
    server
}

/// A small job whose file shall be like this.
fn wish(output: Value) -> Value {
    let mut body = small();
    body["output"] = output;
    body
}

/// Submits what has to be refused, and gives the field and the message.
async fn refused(server: &Server, body: Value) -> (String, String) {
    let (status, answer) = answer(server.request(Method::POST, "/v1/videos").json(&body)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body} {answer}");
    (text(&answer["error"]["param"]).to_owned(), text(&answer["error"]["message"]).to_owned())
}

#[tokio::test]
async fn what_is_left_out_of_the_file_is_the_default() {
    let server = Server::start().await;
    let default = json!({
        "codec": "h264", "quality": "standard", "container": "mp4", "size": "256x144", "fps": 24, "loop": false,
    });
    for output in [Value::Null, json!({}), json!({ "codec": null, "loop": "false" })] {
        assert_eq!(server.submit(wish(output.clone())).await["output"], default, "{output}");
    }
}

#[tokio::test]
async fn what_is_chosen_of_the_file_is_kept_in_json_and_in_multipart_alike() {
    let server = served(&Tier::ALL, &Codec::ALL, None).await;
    let chosen = json!({
        "codec": "av1", "quality": "high", "container": "fragmented_mp4", "size": "512x288", "fps": 48, "loop": true,
    });
    let video = server.submit(wish(chosen.clone())).await;
    assert_eq!(video["output"], chosen);
    assert_eq!((&video["size"], &video["fps"]), (&json!("256x144"), &json!(24)), "what is drawn");
    assert_eq!(server.video(&video["id"]).await["output"], chosen);
    let form = || Form::new().text("prompt", "a fox").text("size", "256x144").text("seconds", "1");
    let brackets = form()
        .text("output[codec]", "av1")
        .text("output[quality]", "high")
        .text("output[container]", "fragmented_mp4")
        .text("output[size]", "512x288")
        .text("output[fps]", "48")
        .text("output[loop]", "true");
    for form in [brackets, form().text("output", chosen.to_string())] {
        let (status, video) = answer(server.request(Method::POST, "/v1/videos").multipart(form)).await;
        assert_eq!((status, &video["output"]), (StatusCode::OK, &chosen), "{video}");
    }
    let file = form().part("output", Part::bytes(b"{}".as_slice()).file_name("output.json"));
    let (status, body) = answer(server.request(Method::POST, "/v1/videos").multipart(file)).await;
    assert_eq!((status, &body["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("output")));
}

#[tokio::test]
async fn what_cannot_be_had_of_a_file_is_a_400_that_names_the_member_and_what_is_allowed() {
    let server = served(&Tier::ALL, &Codec::ALL, None).await;
    for (output, param, allowed) in [
        (json!("mp4"), "output", "an object"),
        (json!([]), "output", "an object"),
        (json!(7), "output", "an object"),
        (json!({ "colour": "red" }), "output.colour", "output.codec, output.quality"),
        (json!({ "": 1 }), "output.", "output.codec"),
        (json!({ "codec": 7 }), "output.codec", "h264, hevc, av1"),
        (json!({ "codec": "vp9" }), "output.codec", "h264, hevc, av1"),
        (json!({ "codec": "H264" }), "output.codec", "h264, hevc, av1"),
        (json!({ "quality": true }), "output.quality", "compact, standard, high"),
        (json!({ "quality": "best" }), "output.quality", "compact, standard, high"),
        (json!({ "container": {} }), "output.container", "mp4, fragmented_mp4"),
        (json!({ "container": "mkv" }), "output.container", "mp4, fragmented_mp4"),
        (json!({ "size": 512 }), "output.size", "WIDTHxHEIGHT"),
        (json!({ "size": "large" }), "output.size", "the drawn 256x144"),
        (json!({ "size": "511x287" }), "output.size", "even sides"),
        (json!({ "size": "144x256" }), "output.size", "the proportions of the drawn 256x144"),
        (json!({ "size": "1026x578" }), "output.size", "at most 4 times as wide and high"),
        (json!({ "size": "64x36" }), "output.size", "at least 64 pixels"),
        (json!({ "fps": 23 }), "output.fps", "from 24, which is how many are drawn, to 60"),
        (json!({ "fps": 61 }), "output.fps", "to 60"),
        (json!({ "fps": -24 }), "output.fps", "to 60"),
        (json!({ "fps": i64::MAX }), "output.fps", "to 60"),
        (json!({ "fps": 59.94 }), "output.fps", "a whole number"),
        (json!({ "fps": "smooth" }), "output.fps", "a whole number"),
        (json!({ "loop": "maybe" }), "output.loop", "true or false"),
        (json!({ "loop": 1 }), "output.loop", "true or false"),
    ] {
        let (field, message) = refused(&server, wish(output.clone())).await;
        assert!(field == param && message.contains(allowed), "{output} {field} {message}");
    }
    let jobs: i64 = sqlx::query_scalar("select count(*) from jobs").fetch_one(&server.pool).await.unwrap();
    assert_eq!(jobs, 0);
}

#[tokio::test]
async fn a_file_may_be_as_large_and_as_smooth_as_its_tier_says() {
    let server = Server::start().await;
    for (model, drawn, size, accepted) in [
        ("fast", "1366x768", "1920x1080", true),
        ("fast", "1366x768", "1366x768", true),
        ("fast", "1366x768", "854x480", true),
        ("fast", "1280x720", "2560x1440", false),
        ("pro", "1280x720", "2560x1440", true),
        ("pro", "1366x768", "3840x2160", true),
        ("pro", "1366x768", "4096x2304", false),
        ("pro", "256x144", "1024x576", true),
        ("pro", "256x144", "1280x720", false),
    ] {
        let body = json!({
            "prompt": "a fox", "model": model, "size": drawn, "seconds": 1, "output": { "size": size },
        });
        match accepted {
            true => assert_eq!(server.submit(body).await["output"]["size"], size),
            false => assert_eq!(refused(&server, body).await.0, "output.size", "{size} of {drawn} in {model}"),
        }
    }
    for (drawn, fps, accepted) in [(8, 32, true), (8, 33, false), (15, 60, true), (30, 30, true), (30, 29, false)] {
        let mut body = wish(json!({ "fps": fps }));
        body["fps"] = json!(drawn);
        match accepted {
            true => assert_eq!(server.submit(body).await["output"]["fps"], fps),
            false => assert_eq!(refused(&server, body).await.0, "output.fps", "{fps} of {drawn}"),
        }
    }
}

#[tokio::test]
async fn only_what_a_worker_of_the_tier_encodes_is_accepted_and_h264_always() {
    let codecs = async |server: &Server| {
        let (_, body) = server.get("/v1/videos/models").await;
        [0, 1].map(|model| body["data"][model]["output"]["codecs"].clone())
    };
    let of = |model: &str, codec: &str| {
        let mut body = wish(json!({ "codec": codec }));
        body["model"] = json!(model);
        body
    };
    let nobody = Server::start().await;
    assert_eq!(codecs(&nobody).await, [json!(["h264"]), json!(["h264"])]);
    nobody.submit(of("fast", "h264")).await;
    let (field, message) = refused(&nobody, of("fast", "hevc")).await;
    assert!(field == "output.codec" && message.ends_with("the fast tier encode: h264"), "{message}");

    let server = served(&[Tier::Pro], &[Codec::H264, Codec::Hevc], None).await;
    assert_eq!(codecs(&server).await, [json!(["h264"]), json!(["h264", "hevc"])]);
    assert_eq!(server.submit(of("pro", "hevc")).await["output"]["codec"], "hevc");
    for (model, codec, offered) in [("fast", "hevc", "encode: h264"), ("pro", "av1", "encode: h264, hevc")] {
        let (field, message) = refused(&server, of(model, codec)).await;
        assert!(field == "output.codec" && message.ends_with(offered), "{message}");
    }
}

#[tokio::test]
async fn a_loop_draws_its_seam_beyond_its_length_as_far_as_the_model_can() {
    let offer = Offer {
        model: "Wan".to_owned(),
        modes: vec![Mode::TextToVideo],
        last_frame: false,
        needs_last_frame: false,
        sizes: vec!["832x480".parse().unwrap()],
        fps: 16,
        max_frames: 81,
        seconds: None,
        text_sizes: None,
    };
    let server = served(&Tier::ALL, &[Codec::H264], Some(&offer)).await;
    let of =
        |seconds: u32, looped: bool| json!({ "prompt": "a fox", "seconds": seconds, "output": { "loop": looped } });
    let (_, models) = server.get("/v1/videos/models").await;
    assert_eq!(models["data"][0]["output"]["loop_max_seconds"], 4);
    let (field, message) = refused(&server, of(5, true)).await;
    assert!(field == "output.loop" && message.ends_with("up to 4 seconds"), "{message}");
    for (seconds, looped, frames, drawn) in [(4, true, 64, 72), (5, false, 80, 80)] {
        server.submit(of(seconds, looped)).await;
        let lease = lease::claim(&server.pool, Ability::of(&Tier::ALL), "test", std::time::Duration::from_secs(30));
        let lease = lease.await.unwrap().unwrap();
        assert_eq!((lease.job().frames(), lease.job().drawn_frames()), (frames, drawn));
        lease.retry(&server.pool, std::time::Duration::from_secs(3600)).await.unwrap();
    }
}
