//! Files that are put up before a submit: what becomes of them, and of the jobs that use them.

use clipmill_shared::files::{FileSpec, FileWish, create};
use clipmill_shared::id::FileId;
use clipmill_tests::server::{answer, small, text};
use clipmill_tests::{Server, picture, video};
use reqwest::multipart::Form;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

const WIDTH: u32 = 480;
const HEIGHT: u32 = 320;

fn of(file: &Value) -> Value {
    json!({ "prompt": "a slow look [Static shot]", "size": format!("{WIDTH}x{HEIGHT}"), "seconds": 1, "seed": 3,
            "input_reference": { "file_id": file["id"] } })
}

async fn create(server: &Server, body: &Value) -> (StatusCode, Value) {
    answer(server.request(Method::POST, "/v1/videos").json(body)).await
}

async fn delete(server: &Server, file: &Value) {
    let (status, _) = answer(server.request(Method::DELETE, &format!("/v1/files/{}", text(&file["id"])))).await;
    assert_eq!(status, StatusCode::OK);
}

/// The frame of a finished job.
async fn frame(server: &Server, job: &Value, number: u32) -> image::RgbImage {
    let job = server.video(&job["id"]).await;
    assert_eq!((&job["status"], &job["mode"]), (&json!("completed"), &json!("image_to_video")), "{job}");
    let content = server.request(Method::GET, &format!("/v1/videos/{}/content", text(&job["id"])));
    video::frame(&content.send().await.unwrap().bytes().await.unwrap(), number, WIDTH, HEIGHT)
}

fn assert_shows(frame: &image::RgbImage, source: &[u8]) {
    let psnr = picture::psnr(frame, &picture::cover(&picture::decode(source), WIDTH, HEIGHT));
    assert!(psnr > 24.0, "{psnr} dB");
}

#[tokio::test]
async fn a_file_that_is_deleted_while_its_job_waits_is_rendered_all_the_same() {
    let server = Server::start().await;
    let file = server.put_up(picture::COFFEE, "cup.jpg").await;
    let job = server.submit(of(&file)).await;
    delete(&server, &file).await;
    while server.expire().await > 0 {}
    assert!(server.file_objects(&file["id"]).await.is_empty());
    server.render().await;
    assert_shows(&frame(&server, &job, 0).await, picture::COFFEE);
}

#[tokio::test]
async fn one_file_serves_many_jobs_in_json_and_in_multipart() {
    let server = Server::start().await;
    let (first, last) =
        (server.put_up(picture::COFFEE, "cup.jpg").await, server.put_up(picture::CHELSEA, "cat.jpg").await);
    let mut body = of(&first);
    body["last_frame"] = json!({ "file_id": last["id"] });
    let both = server.submit(body).await;
    server.render().await;
    assert_shows(&frame(&server, &both, 0).await, picture::COFFEE);
    assert_shows(&frame(&server, &both, 23).await, picture::CHELSEA);

    let form = Form::new().text("prompt", "a cup").text("input_reference[file_id]", text(&first["id"]).to_owned());
    let (status, again) = answer(server.request(Method::POST, "/v1/videos").multipart(form)).await;
    assert_eq!((status, &again["size"]), (StatusCode::OK, &json!("1174x782")), "the size follows the image: {again}");
    while server.expire().await > 0 {}
    assert_eq!(server.file_objects(&first["id"]).await.len(), 1, "the end of a job takes its copy, not the file");
}

#[tokio::test]
async fn a_file_stored_by_a_link_serves_once_it_is_completed() {
    let server = Server::start().await;
    let announced = json!({ "filename": "cup.jpg", "content_type": "image/jpeg", "bytes": picture::COFFEE.len() });
    let (_, file) = answer(server.request(Method::POST, "/v1/files").json(&announced)).await;
    let put = Client::new().put(text(&file["upload"]["url"])).header("content-type", "image/jpeg");
    assert_eq!(put.body(picture::COFFEE).send().await.unwrap().status(), StatusCode::OK);
    let (status, body) = create(&server, &of(&file)).await;
    assert_eq!((status, &body["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("input_reference")));
    assert!(text(&body["error"]["message"]).contains("completed"), "{body}");
    answer(server.request(Method::POST, &format!("/v1/files/{}/complete", text(&file["id"])))).await;
    let job = server.submit(of(&file)).await;
    server.render().await;
    assert_shows(&frame(&server, &job, 0).await, picture::COFFEE);
}

#[tokio::test]
async fn a_file_that_the_account_does_not_have_is_a_400_that_names_the_field() {
    let server = Server::start().await;
    let (file, stranger) = (server.put_up(picture::COFFEE, "cup.jpg").await, server.stranger().await);
    let (status, body) =
        answer(server.anonymous(Method::POST, "/v1/videos").bearer_auth(&stranger).json(&of(&file))).await;
    assert_eq!((status, &body["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("input_reference")), "{body}");
    for id in [FileId::new().to_string(), "file_1".to_owned(), String::new(), "\u{0}".to_owned()] {
        for field in ["input_reference", "last_frame"] {
            let mut body = small();
            body[field] = json!({ "file_id": id });
            let (status, answer) = create(&server, &body).await;
            assert_eq!((status, &answer["error"]["param"]), (StatusCode::BAD_REQUEST, &json!(field)), "{answer}");
        }
    }
    let jobs: i64 = sqlx::query_scalar("select count(*) from jobs").fetch_one(&server.pool).await.unwrap();
    assert_eq!(jobs, 0);
}

/// The file is there when it is looked for, and gone when it is to be copied.
#[tokio::test]
async fn a_file_that_goes_during_the_submit_is_a_400_that_leaves_nothing_behind() {
    let server = Server::start().await;
    let file = server.put_up(picture::COFFEE, "cup.jpg").await;
    server.storage.remove_prefix(&format!("{}/files/", server.account)).await.unwrap();
    let (status, body) = create(&server, &of(&file)).await;
    assert_eq!((status, &body["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("input_reference")), "{body}");
    let jobs: i64 = sqlx::query_scalar("select count(*) from jobs").fetch_one(&server.pool).await.unwrap();
    assert_eq!(jobs, 0);
    delete(&server, &file).await;
}

#[tokio::test]
async fn a_repeated_submit_is_the_first_one_even_when_its_file_is_gone() {
    let server = Server::start().await;
    let (file, other) =
        (server.put_up(picture::COFFEE, "cup.jpg").await, server.put_up(picture::COFFEE, "cup.jpg").await);
    let submit = |file: &Value| {
        answer(server.request(Method::POST, "/v1/videos").header("idempotency-key", "k").json(&of(file)))
    };
    let (_, first) = submit(&file).await;
    delete(&server, &file).await;
    let (status, again) = submit(&file).await;
    assert_eq!((status, &again["id"]), (StatusCode::OK, &first["id"]));
    let (status, body) = submit(&other).await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (StatusCode::CONFLICT, &json!("idempotency_key_reused")),
        "another file is another request"
    );
}

#[tokio::test]
async fn a_file_goes_when_its_time_is_over() {
    let server = Server::start().await;
    let file = server.put_up(picture::COFFEE, "cup.jpg").await;
    let job = server.submit(of(&file)).await;
    assert_eq!(server.expire().await, 0, "its time is not over");
    sqlx::query("update files set expires_at = now()").execute(&server.pool).await.unwrap();
    assert_eq!(
        server.get(&format!("/v1/files/{}", text(&file["id"]))).await.0,
        StatusCode::NOT_FOUND,
        "even before it is swept"
    );
    assert_eq!(server.get("/v1/files").await.1["data"], json!([]));
    assert_eq!(server.expire().await, 1);
    assert!(server.file_objects(&file["id"]).await.is_empty());
    assert_eq!(count(&server).await, 0);
    server.render().await;
    assert_shows(&frame(&server, &job, 0).await, picture::COFFEE);
}

#[tokio::test]
async fn what_was_stored_for_a_file_that_nobody_completed_goes() {
    let server = Server::start().await;
    let announced = json!({ "filename": "cup.jpg", "content_type": "image/jpeg", "bytes": picture::COFFEE.len() });
    let (_, file) = answer(server.request(Method::POST, "/v1/files").json(&announced)).await;
    let put = Client::new().put(text(&file["upload"]["url"])).header("content-type", "image/jpeg");
    assert_eq!(put.body(picture::COFFEE).send().await.unwrap().status(), StatusCode::OK);
    server.expire().await;
    assert_eq!(
        (count(&server).await, server.file_objects(&file["id"]).await.len()),
        (1, 1),
        "it may still be completed"
    );
    server.age_timers().await;
    server.expire().await;
    assert_eq!((count(&server).await, server.file_objects(&file["id"]).await.len()), (0, 0));
}

/// As when the process dies after the object, and before the row that names it.
#[tokio::test]
async fn what_was_stored_for_a_file_whose_request_died_goes() {
    let server = Server::start().await;
    let wish = FileWish {
        file_name: Some("cup.jpg".to_owned()),
        content_type: Some("image/jpeg".to_owned()),
        size_bytes: Some(5),
        ..FileWish::default()
    };
    let file = create::begin(&server.pool, server.account, &FileSpec::new(wish).unwrap()).await.unwrap();
    let key = format!("{}/files/{}/half.jpg", server.account, file.id);
    server.storage.put(&key, "image/jpeg", picture::COFFEE.into()).await.unwrap();
    server.age_timers().await;
    server.expire().await;
    assert_eq!((count(&server).await, server.storage.list(&key).await.unwrap().len()), (0, 0));
}

async fn count(server: &Server) -> i64 {
    sqlx::query_scalar("select count(*) from files").fetch_one(&server.pool).await.unwrap()
}
