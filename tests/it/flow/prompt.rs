//! What becomes of a prompt before it is drawn.

use std::fs;

use clipmill_tests::log::Log;
use clipmill_tests::oracle::{Say, chat};
use clipmill_tests::server::{answer, small, text};
use clipmill_tests::{Oracle, Server, Setup};
use reqwest::multipart::Form;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A service whose prompts are written out by this model.
async fn optimized_by(oracle: &Oracle) -> Server {
    let mut setup = Setup::default();
    setup.clients.prompt.optimizer.optimizer_url = Some(oracle.url());
    setup.clients.prompt.optimizer.optimizer_model = Some("writer-1".to_owned());
    setup.clients.prompt.optimizer.optimizer_key = Some("sk-writer".to_owned().into());
    setup.clients.prompt.optimizer.optimizer_seconds = 1;
    Server::with(setup).await
}

fn wish(more: Value) -> Value {
    let mut wish = small();
    wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    wish
}

async fn drawn(server: &Server, id: &Value) -> String {
    sqlx::query_scalar("select coalesce(revised_prompt, prompt) from jobs where id = $1")
        .bind(text(id).parse::<clipmill_shared::id::JobId>().unwrap().uuid())
        .fetch_one(&server.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_style_frames_what_is_drawn_and_leaves_the_prompt_as_it_was_sent() {
    let server = Server::start().await;
    let video = server.submit(wish(json!({ "style": "film_noir", "negative_prompt": "rain" }))).await;
    assert_eq!((&video["prompt"], &video["style"]), (&json!("a red boat on a calm sea"), &json!("film_noir")));
    let revised = text(&video["revised_prompt"]);
    assert!(revised.starts_with("a red boat on a calm sea. Film noir"), "{revised}");
    let negative = text(&video["negative_prompt"]);
    assert!(negative.starts_with("rain, ") && negative.contains("cartoon"), "{negative}");
    server.render().await;
    assert_eq!(server.video(&video["id"]).await["status"], "completed");
}

#[tokio::test]
async fn a_style_that_there_is_not_is_refused_with_those_there_are() {
    let server = Server::start().await;
    let (status, body) =
        answer(server.request(Method::POST, "/v1/videos").json(&wish(json!({ "style": "fauvism" })))).await;
    assert_eq!((status, &body["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("style")));
    let (_, models) = server.get("/v1/videos/models").await;
    let styles = models["styles"].as_array().unwrap();
    assert!(styles.len() >= 10);
    assert!(styles.iter().all(|style| text(&body["error"]["message"]).contains(text(&style["id"]))));
}

#[tokio::test]
async fn the_operator_s_own_styles_take_the_place_of_the_built_in_ones() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "[[style]]\nid = \"house\"\nname = \"House style\"\nprompt = \"In our style: {prompt}\"\n")
        .unwrap();
    let mut setup = Setup::default();
    setup.clients.prompt.styles_file = Some(file.path().to_owned());
    let server = Server::with(setup).await;
    let video = server.submit(wish(json!({ "style": "house" }))).await;
    assert_eq!(video["revised_prompt"], "In our style: a red boat on a calm sea");
    assert_eq!(video["negative_prompt"], Value::Null);
    let (_, models) = server.get("/v1/videos/models").await;
    assert_eq!(models["styles"], json!([{ "id": "house", "name": "House style" }]));
}

#[tokio::test]
async fn camera_moves_are_drawn_as_brackets_in_json_and_in_multipart_alike() {
    let server = Server::start().await;
    let moves = json!({ "camera": ["pan_left", ["push_in", "tilt_up"]] });
    let video = server.submit(wish(moves)).await;
    assert_eq!(video["revised_prompt"], "a red boat on a calm sea [Pan left][Push in, Tilt up]");
    let form = Form::new().text("prompt", "a boat").text("camera", "zoom_in,shake");
    let (status, video) = answer(server.request(Method::POST, "/v1/videos").multipart(form)).await;
    assert_eq!((status, text(&video["revised_prompt"])), (StatusCode::OK, "a boat [Zoom in][Shake]"));
    let (status, body) =
        answer(server.request(Method::POST, "/v1/videos").json(&wish(json!({ "camera": ["fly"] })))).await;
    assert_eq!((status, &body["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("camera")));
    let (_, models) = server.get("/v1/videos/models").await;
    assert_eq!(models["camera"].as_array().unwrap().len(), 15);
}

#[tokio::test]
async fn a_model_writes_the_prompt_out_when_it_is_asked_to() {
    let oracle = Oracle::saying(chat("A small red wooden boat drifts on a calm sea at dusk.")).await;
    let server = optimized_by(&oracle).await;
    let plain = server.submit(small()).await;
    assert_eq!((&plain["revised_prompt"], oracle.questions().len()), (&Value::Null, 0));

    let video = server.submit(wish(json!({ "prompt_optimizer": true, "camera": ["pan_left"] }))).await;
    assert_eq!(video["prompt"], "a red boat on a calm sea");
    assert_eq!(video["revised_prompt"], "A small red wooden boat drifts on a calm sea at dusk. [Pan left]");
    let [question] = oracle.questions().try_into().expect("one question");
    assert_eq!(question.headers["authorization"], "Bearer sk-writer");
    assert_eq!(question.body["model"], "writer-1");
    assert_eq!(question.body["messages"][1], json!({ "role": "user", "content": "a red boat on a calm sea" }));
    assert_eq!(server.get("/v1/videos/models").await.1["prompt_optimizer"], true);
}

#[tokio::test]
async fn a_repeated_submit_does_not_ask_the_model_again() {
    let oracle = Oracle::saying(chat("A boat.")).await;
    let server = optimized_by(&oracle).await;
    let submit = || {
        let request = server.request(Method::POST, "/v1/videos").header("idempotency-key", "once");
        answer(request.json(&wish(json!({ "prompt_optimizer": true }))))
    };
    let ((_, first), (_, again)) = (submit().await, submit().await);
    assert_eq!((&first["id"], first["revised_prompt"].as_str()), (&again["id"], Some("A boat.")));
    assert_eq!(oracle.questions().len(), 1);
}

#[tokio::test]
async fn whatever_goes_wrong_with_the_model_the_prompt_is_drawn_as_it_came() {
    let log = Log::begin();
    for say in [
        Say::Nothing,
        Say::Endless,
        Say::Status(500),
        Say::Status(429),
        Say::Text("no JSON"),
        Say::Json(json!({ "choices": [] })),
        chat("   "),
        chat(&"word ".repeat(2000)),
    ] {
        let oracle = Oracle::saying(say.clone()).await;
        let server = optimized_by(&oracle).await;
        let video = server.submit(wish(json!({ "prompt_optimizer": true }))).await;
        assert_eq!(video["revised_prompt"], Value::Null, "{say:?}");
        assert_eq!(drawn(&server, &video["id"]).await, "a red boat on a calm sea");
        assert_eq!(oracle.questions().len(), 1);
    }
    let log = log.text();
    assert!(log.contains("gave no prompt") && !log.contains("red boat") && !log.contains("sk-writer"), "{log}");
}

#[tokio::test]
async fn a_wish_to_have_it_written_out_is_no_error_where_nobody_does_that() {
    let server = Server::start().await;
    let video = server.submit(wish(json!({ "prompt_optimizer": true }))).await;
    assert_eq!(video["revised_prompt"], Value::Null);
    assert_eq!(server.get("/v1/videos/models").await.1["prompt_optimizer"], false);
}

#[tokio::test]
async fn nobody_is_asked_about_a_request_that_cannot_be_accepted() {
    let oracle = Oracle::saying(chat("A boat.")).await;
    let server = optimized_by(&oracle).await;
    for wrong in [json!({ "seconds": 99 }), json!({ "prompt": "" }), json!({ "prompt_optimizer": "perhaps" })] {
        let mut wish = wish(json!({ "prompt_optimizer": true }));
        wish.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let (status, _) = answer(server.request(Method::POST, "/v1/videos").json(&wish)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    assert!(oracle.questions().is_empty());
}
