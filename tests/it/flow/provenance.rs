//! What a customer downloads says that a model made it, and nothing of what was asked for.

use std::io::Cursor;

use c2pa::{Context, Reader, ValidationState};
use clipmill_tests::photograph::contains;
use clipmill_tests::server::{small, text};
use clipmill_tests::{Server, Setup, video};
use clipmill_worker::postprocess::provenance::{ProvenanceConfig, self_made};
use reqwest::Method;
use serde_json::{Value, json};

const PROMPT: &str = "zeppelin-quokka-marmalade";

/// Bytes and media type of one of a video's files, as a customer gets them.
async fn download(server: &Server, job: &Value, variant: &str) -> (String, Vec<u8>) {
    let path = format!("/v1/videos/{}/content?variant={variant}", text(&job["id"]));
    let response = server.request(Method::GET, &path).send().await.unwrap();
    assert!(response.status().is_success(), "{}", response.status());
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    (content_type, response.bytes().await.unwrap().into())
}

#[tokio::test]
async fn what_is_downloaded_is_signed_and_labelled_and_says_nothing_of_the_prompt() {
    let folder = tempfile::tempdir().unwrap();
    let made = self_made(folder.path()).unwrap();
    let root = std::fs::read_to_string(&made.root).unwrap();
    let provenance = ProvenanceConfig::default().signed_by(made);
    let server = Server::with(Setup { provenance, ..Setup::default() }).await;
    let mut wish = small();
    wish["prompt"] = json!(PROMPT);
    let job = server.submit(wish).await;
    server.render().await;
    let job = server.video(&job["id"]).await;
    assert_eq!(job["status"], "completed", "{job}");
    for output in job["outputs"].as_array().unwrap() {
        let (content_type, bytes) = download(&server, &job, text(&output["variant"])).await;
        if content_type == "text/vtt" {
            continue;
        }
        let trust = json!({ "trust": { "trust_anchors": root } });
        let reader = Reader::from_context(Context::new().with_settings(trust).unwrap());
        let reader = reader.with_stream(&content_type, Cursor::new(bytes.clone())).unwrap();
        assert_eq!(reader.validation_state(), ValidationState::Trusted, "{content_type}: {}", reader.json());
        assert!(reader.json().contains("trainedAlgorithmicMedia"), "{content_type}");
        for secret in [PROMPT, &server.account.to_string(), &server.account.uuid().to_string()] {
            assert!(
                !contains(&bytes, secret.as_bytes()) && !reader.json().contains(secret),
                "{content_type}: {secret}"
            );
        }
        if content_type == "video/mp4" {
            let label = video::ffprobe(&bytes)["format"]["tags"]["AIGC"].clone();
            let label: Value = serde_json::from_str(text(&label)).unwrap();
            assert_eq!((&label["Label"], &label["ProduceID"]), (&json!("1"), &job["id"]), "{label}");
        }
    }
}

#[tokio::test]
async fn without_a_certificate_what_is_downloaded_is_labelled_only() {
    let server = Server::start().await;
    let job = server.completed().await;
    for variant in ["video", "thumbnail", "spritesheet", "preview"] {
        let (content_type, bytes) = download(&server, &job, variant).await;
        let reader = Reader::from_context(Context::new()).with_stream(&content_type, Cursor::new(bytes.clone()));
        assert!(reader.is_err(), "{variant} has a manifest");
        assert!(
            contains(&bytes, b"trainedAlgorithmicMedia") && contains(&bytes, text(&job["id"]).as_bytes()),
            "{variant}"
        );
    }
}
