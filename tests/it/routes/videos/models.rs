use clipmill_tests::Server;
use reqwest::StatusCode;
use serde_json::json;

#[tokio::test]
async fn every_model_name_says_what_it_accepts_and_every_size_it_offers_is_accepted() {
    let server = Server::start().await;
    let (status, body) = server.get("/v1/videos/models").await;
    assert_eq!(status, StatusCode::OK);
    let models = body["data"].as_array().unwrap();
    let names: Vec<_> = models.iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!(names, ["fast", "pro", "sora-2", "sora-2-pro"]);
    for model in models {
        for size in model["sizes"].as_array().unwrap() {
            server.submit(json!({ "prompt": "a fox", "model": model["id"], "size": size, "seconds": 1 })).await;
        }
    }
    for (model, max_area_px) in [(&models[0], 1920 * 1080), (&models[1], 3840 * 2160)] {
        let output = json!({
            "codecs": ["h264"], "qualities": ["compact", "standard", "high"], "containers": ["mp4", "fragmented_mp4"],
            "max_area_px": max_area_px, "max_fps": 60, "max_factor": 4, "loop_max_seconds": null,
        });
        assert_eq!(model["output"], output);
    }
    assert_eq!(models[1]["bands"][1], json!({ "max_area_px": 1920 * 1080, "max_seconds": 6 }));
}
