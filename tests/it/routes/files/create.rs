use clipmill_tests::server::{answer, text};
use clipmill_tests::{Server, picture};
use image::ImageFormat;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn cup() -> Part {
    Part::bytes(picture::COFFEE).file_name("cup.jpg")
}

async fn upload(server: &Server, form: Form) -> (StatusCode, Value) {
    answer(server.request(Method::POST, "/v1/files").multipart(form)).await
}

async fn announce(server: &Server, body: Value) -> (StatusCode, Value) {
    answer(server.request(Method::POST, "/v1/files").json(&body)).await
}

#[tokio::test]
async fn a_file_alone_is_enough() {
    let server = Server::start().await;
    let file = server.put_up(picture::COFFEE, "cup.jpg").await;
    assert!(text(&file["id"]).starts_with("file_"));
    for (field, value) in [
        ("object", json!("file")),
        ("bytes", json!(picture::COFFEE.len())),
        ("filename", json!("cup.jpg")),
        ("purpose", json!("video_input")),
        ("status", json!("processed")),
        ("content_type", json!("image/jpeg")),
        ("width", json!(600)),
        ("height", json!(400)),
        ("upload", Value::Null),
    ] {
        assert_eq!(file[field], value, "{field}");
    }
    assert_eq!(file["expires_at"].as_i64().unwrap() - file["created_at"].as_i64().unwrap(), 30 * 24 * 3600);
    assert_eq!(server.file_objects(&file["id"]).await.len(), 1);
}

#[tokio::test]
async fn every_field_is_kept_in_the_form_of_openai_s_client() {
    let server = Server::start().await;
    let form = Form::new()
        .text("purpose", "vision")
        .text("expires_after[anchor]", "created_at")
        .text("expires_after[seconds]", "3600")
        .part("file", cup().mime_str("application/octet-stream").unwrap());
    let (status, file) = upload(&server, form).await;
    assert_eq!((status, &file["purpose"]), (StatusCode::OK, &json!("vision")), "{file}");
    assert_eq!(file["expires_at"].as_i64().unwrap() - file["created_at"].as_i64().unwrap(), 3600);
    assert_eq!(file["content_type"], "image/jpeg", "found out from the content");
}

#[tokio::test]
async fn a_file_that_is_announced_waits_for_its_content() {
    let server = Server::start().await;
    let (status, file) = announce(
        &server,
        json!({
            "filename": "cup.jpg", "content_type": "image/jpeg", "bytes": 20_971_520, "purpose": "user_data",
            "expires_after": { "anchor": "created_at", "seconds": 7200 },
        }),
    )
    .await;
    assert_eq!((status, &file["status"], &file["width"]), (StatusCode::OK, &json!("pending"), &Value::Null), "{file}");
    let upload = &file["upload"];
    assert_eq!((&upload["method"], &upload["headers"]["content-type"]), (&json!("PUT"), &json!("image/jpeg")));
    assert!(text(&upload["url"]).starts_with("http://"));
    let created_at = file["created_at"].as_i64().unwrap();
    assert_eq!(upload["expires_at"], created_at + 3600);
    assert_eq!(file["expires_at"], created_at + 7200);
    let (_, shown) = server.get(&format!("/v1/files/{}", text(&file["id"]))).await;
    assert_eq!(shown.get("upload"), None, "the link is shown once");
}

#[tokio::test]
async fn what_cannot_be_accepted_is_a_400_that_names_the_field_and_leaves_nothing_behind() {
    let server = Server::start().await;
    let tiny = picture::encode(&picture::plain(32, 32), ImageFormat::Png);
    let forms = [
        ("file", Form::new().part("file", Part::bytes(b"hello".as_slice()).file_name("a.png"))),
        ("file", Form::new().part("file", Part::bytes(tiny).file_name("a.png"))),
        ("file", Form::new().part("file", Part::bytes(&picture::COFFEE[..20_000]).file_name("cut.jpg"))),
        ("file", Form::new().part("file", Part::bytes(vec![0; 20 * 1024 * 1024 + 1]).file_name("large.png"))),
        ("file", Form::new().text("file", "cup.jpg")),
        ("file", Form::new().part("file", cup()).part("file", cup())),
        ("filename", Form::new().part("file", Part::bytes(picture::COFFEE).file_name("a".repeat(256)))),
        ("purpose", Form::new().part("file", cup()).text("purpose", "fine-tune")),
        ("bytes", Form::new().part("file", cup()).text("bytes", "5")),
        ("content_type", Form::new().part("file", cup()).text("content_type", "image/jpeg")),
        ("expires_after", Form::new().part("file", cup()).text("expires_after[seconds]", "3600")),
        ("colour", Form::new().part("file", cup()).text("colour", "red")),
    ];
    for (field, form) in forms {
        let (status, body) = upload(&server, form).await;
        assert_eq!((status, &body["error"]["param"]), (StatusCode::BAD_REQUEST, &json!(field)), "{body}");
    }
    let good = || json!({ "filename": "cup.jpg", "content_type": "image/jpeg", "bytes": 5 });
    let later = |anchor: &str, seconds: i64| json!({ "anchor": anchor, "seconds": seconds });
    for (field, value) in [
        ("filename", Value::Null),
        ("filename", json!("a\u{7}b")),
        ("content_type", json!("image/gif")),
        ("bytes", json!(0)),
        ("bytes", json!(20_971_521)),
        ("bytes", json!(i64::MAX)),
        ("bytes", json!("many")),
        ("purpose", json!(7)),
        ("expires_after", json!(3600)),
        ("expires_after", later("last_active_at", 3600)),
        ("expires_after", later("created_at", 3599)),
        ("expires_after", later("created_at", 2_592_001)),
        ("expires_after", json!({ "anchor": "created_at", "seconds": 3600, "days": 1 })),
        ("file", json!("cup.jpg")),
    ] {
        let mut body = good();
        body[field] = value;
        let (status, answer) = announce(&server, body.clone()).await;
        assert_eq!((status, &answer["error"]["param"]), (StatusCode::BAD_REQUEST, &json!(field)), "{body} {answer}");
    }
    let files: i64 = sqlx::query_scalar("select count(*) from files").fetch_one(&server.pool).await.unwrap();
    assert_eq!(files, 0);
    assert!(server.storage.list(&server.account.to_string()).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_has_as_many_files_as_it_may_has_to_delete_some_first() {
    let server = Server::start().await;
    let many = "insert into files (id, account_id, purpose, file_name, content_type, size_bytes, expires_at, writable_until)
                select gen_random_uuid(), $1, 'vision', 'a', 'image/png', 1, now() + interval '1 day', now() + interval '1 day'
                from generate_series(1, 998)";
    sqlx::query(many).bind(server.account.uuid()).execute(&server.pool).await.unwrap();
    let announced = json!({ "filename": "cup.jpg", "content_type": "image/jpeg", "bytes": 5 });
    let files = (0..8).map(|_| tokio::spawn(answer(server.request(Method::POST, "/v1/files").json(&announced))));
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    for file in files.collect::<Vec<_>>() {
        let (status, body) = file.await.unwrap();
        if status == StatusCode::OK { taken.push(body) } else { refused.push((status, body["error"]["code"].clone())) }
    }
    assert_eq!(taken.len(), 2, "simultaneous ones do not pass the limit");
    assert!(
        refused.iter().all(|refused| *refused == (StatusCode::BAD_REQUEST, json!("too_many_files"))),
        "{refused:?}"
    );
    answer(server.request(Method::DELETE, &format!("/v1/files/{}", text(&taken[0]["id"])))).await;
    server.put_up(picture::COFFEE, "cup.jpg").await;
}
