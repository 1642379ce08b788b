//! Access and portability: the archive of all that is held.

use std::collections::BTreeSet;
use std::io::{Cursor, Read as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clipmill_shared::accounts::privacy::TABLES;
use clipmill_tests::server::{small, text};
use clipmill_tests::{Server, picture};
use clipmill_worker::export;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use zip::ZipArchive;

/// Asks for an archive, has it made, and downloads it.
async fn archive(server: &Server) -> ZipArchive<Cursor<Vec<u8>>> {
    let (status, asked) = server.post("/v1/account/export", Value::Null).await;
    assert_eq!(
        (status, &asked["status"], &asked["download_url"]),
        (StatusCode::ACCEPTED, &json!("queued"), &Value::Null)
    );
    assert_eq!(server.post("/v1/account/export", Value::Null).await.1["id"], asked["id"], "one at a time");
    assert!(export::step(&server.env).await.unwrap());
    assert!(!export::step(&server.env).await.unwrap());
    let (_, made) = server.get(&format!("/v1/account/export/{}", text(&asked["id"]))).await;
    assert_eq!(made["status"], "completed", "{made}");
    let bytes =
        reqwest::get(text(&made["download_url"])).await.unwrap().error_for_status().unwrap().bytes().await.unwrap();
    assert_eq!(made["size_bytes"], json!(bytes.len()));
    ZipArchive::new(Cursor::new(bytes.to_vec())).unwrap()
}

fn entry(archive: &mut ZipArchive<Cursor<Vec<u8>>>, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    archive.by_name(name).unwrap_or_else(|error| panic!("{name}: {error}")).read_to_end(&mut bytes).unwrap();
    bytes
}

fn rows(archive: &mut ZipArchive<Cursor<Vec<u8>>>, table: &str) -> Vec<Value> {
    serde_json::from_slice(&entry(archive, &format!("data/{table}.json"))).unwrap()
}

#[tokio::test]
async fn an_archive_holds_every_row_and_all_media_of_the_account_and_nothing_of_others() {
    let server = Server::start().await;
    server
        .ask(
            Method::PATCH,
            "/v1/account",
            json!({ "email": "ada@example.com", "training_consent": true, "training_consent_wording": "2026-11" }),
        )
        .await;
    let mut wish = small();
    wish["prompt"] = json!("<b>a kettle</b> on the boil");
    wish["input_reference"] =
        json!({ "image_url": format!("data:image/jpeg;base64,{}", BASE64.encode(picture::COFFEE)) });
    let waiting = server.submit(wish).await;
    let stranger = server.stranger().await;
    server.ask_as(&stranger, Method::POST, "/v1/videos", small()).await;
    server.ask(Method::POST, &format!("/v1/videos/{}/cancel", text(&waiting["id"])), Value::Null).await;
    let finished = server.submit_small().await;
    while server.video(&finished["id"]).await["status"] == "queued" {
        server.render().await;
    }
    let file = server.put_up(picture::COFFEE, "cup.jpg").await;
    let endpoint = server.endpoint(json!({ "name": "hook", "url": "https://example.com/hook" })).await;

    let mut archive = archive(&server).await;
    for table in TABLES {
        rows(&mut archive, table);
    }
    let jobs = rows(&mut archive, "jobs");
    assert_eq!(jobs.iter().map(|job| &job["id"]).collect::<Vec<_>>(), [&waiting["id"], &finished["id"]]);
    assert_eq!((&jobs[0]["prompt"], &jobs[0]["status"]), (&json!("<b>a kettle</b> on the boil"), &json!("cancelled")));
    assert_eq!(rows(&mut archive, "accounts")[0]["email"], "ada@example.com");
    assert_eq!(rows(&mut archive, "consents")[0]["wording"], "2026-11", "consent goes along");
    assert_eq!(rows(&mut archive, "files")[0]["id"], file["id"]);
    assert_eq!(rows(&mut archive, "webhook_endpoints")[0]["id"], endpoint["id"]);
    assert_eq!(rows(&mut archive, "usage")[0]["job_id"], finished["id"]);
    assert_eq!(rows(&mut archive, "api_keys").len(), 1);

    let video = format!("media/{}/{}/video.mp4", text(&finished["id"]), finished_attempt(&server, &finished).await);
    let downloaded =
        server.request(Method::GET, &format!("/v1/videos/{}/content", text(&finished["id"]))).send().await.unwrap();
    assert!(entry(&mut archive, &video) == downloaded.bytes().await.unwrap(), "the video is in it, byte for byte");
    let names = archive.file_names().map(|name| name.unwrap().into_owned());
    let media: Vec<String> = names.filter(|name| name.starts_with("media/")).collect();
    assert_eq!(media.iter().filter(|name| name.contains(text(&finished["id"]))).count(), 5);
    assert_eq!(media.iter().filter(|name| name.contains(text(&file["id"]))).count(), 1);

    let page = String::from_utf8(entry(&mut archive, "index.html")).unwrap();
    assert!(page.contains("&lt;b&gt;a kettle&lt;/b&gt;") && page.contains(&video) && !page.contains("<b>a kettle"));
    let everything: Vec<u8> =
        TABLES.iter().flat_map(|table| entry(&mut archive, &format!("data/{table}.json"))).collect();
    let everything = String::from_utf8(everything).unwrap();
    for secret in [server.key(), text(&endpoint["signing_secret"]), "stranger", "hash", "\\\\x"] {
        assert!(!everything.contains(secret), "{secret}");
    }
}

async fn finished_attempt(server: &Server, video: &Value) -> i64 {
    server.video(&video["id"]).await["attempt"].as_i64().unwrap()
}

#[tokio::test]
async fn every_table_with_something_of_an_account_is_in_the_archive() {
    let server = Server::start().await;
    let with_account = "select distinct table_name::text from information_schema.columns
        join information_schema.tables using (table_schema, table_name)
        where table_schema = 'public' and table_type = 'BASE TABLE' and column_name = 'account_id'";
    let mut expected: BTreeSet<String> =
        sqlx::query_scalar::<_, String>(with_account).fetch_all(&server.pool).await.unwrap().into_iter().collect();
    // Those that lead to an account by another table, and the accounts themselves.
    let leading = "select distinct child.relname::text from pg_constraint
        join pg_class as child on child.oid = conrelid join pg_class as parent on parent.oid = confrelid
        where contype = 'f' and parent.relname = any ($1)";
    let parents: Vec<String> = expected.iter().cloned().collect();
    expected.extend(sqlx::query_scalar::<_, String>(leading).bind(parents).fetch_all(&server.pool).await.unwrap());
    expected.insert("accounts".to_owned());
    assert!(expected.len() >= 15);
    assert_eq!(TABLES.iter().map(|table| (*table).to_owned()).collect::<BTreeSet<_>>(), expected);
}

#[tokio::test]
async fn an_archive_is_its_owners_alone_and_goes_when_its_time_is_over() {
    let server = Server::start().await;
    archive(&server).await;
    let (_, asked) = server.get("/v1/account/keys").await;
    assert!(asked["data"].is_array());
    let id: uuid::Uuid = sqlx::query_scalar("select id from exports").fetch_one(&server.pool).await.unwrap();
    let path = format!("/v1/account/export/export_{}", id.simple());
    let stranger = server.stranger().await;
    assert_eq!(server.ask_as(&stranger, Method::GET, &path, Value::Null).await.0, StatusCode::NOT_FOUND);
    assert_eq!(server.get(&path).await.0, StatusCode::OK);
    assert_eq!(server.objects_of_account().await.len(), 1);

    sqlx::query("update exports set due_at = now()").execute(&server.pool).await.unwrap();
    server.expire().await;
    let (_, expired) = server.get(&path).await;
    assert_eq!((&expired["status"], &expired["download_url"]), (&json!("expired"), &Value::Null));
    assert_eq!(server.objects_of_account().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_archive_goes_with_what_is_deleted_and_is_in_it() {
    let server = Server::start().await;
    let (first, second) = (server.completed().await, server.completed().await);
    for (method, path, body) in [
        (Method::DELETE, format!("/v1/videos/{}", text(&first["id"])), Value::Null),
        (Method::POST, "/v1/account/erasures".to_owned(), json!({ "from": 0, "until": 253_402_300_799_i64 })),
    ] {
        archive(&server).await;
        assert_eq!(server.ask(method, &path, body).await.0, StatusCode::OK);
        server.expire().await;
        let left = server.objects_of_account().await;
        assert!(left.iter().all(|key| key.contains(text(&second["id"]))), "{path}: {left:?}");
    }
    let live = "select count(*) from exports where state <> 'expired'";
    assert_eq!(sqlx::query_scalar::<_, i64>(live).fetch_one(&server.pool).await.unwrap(), 0);

    server.post("/v1/account/export", Value::Null).await;
    let lasts = std::time::Duration::from_secs(60);
    let begun = clipmill_shared::accounts::export::claim(&server.env.pool, lasts).await.unwrap().unwrap();
    let third = server.completed().await;
    server.ask(Method::DELETE, &format!("/v1/videos/{}", text(&third["id"])), Value::Null).await;
    assert!(
        !clipmill_shared::accounts::export::complete(&server.env.pool, &begun, 1).await.unwrap(),
        "it is begun anew"
    );
    assert!(export::step(&server.env).await.unwrap());
}

#[tokio::test]
async fn an_archive_whose_worker_died_is_made_by_another_and_given_up_in_the_end() {
    let server = Server::start().await;
    server.post("/v1/account/export", Value::Null).await;
    let lasts = std::time::Duration::from_secs(60);
    let claim = async || clipmill_shared::accounts::export::claim(&server.env.pool, lasts).await.unwrap();
    let lost = claim().await.expect("the archive");
    assert!(claim().await.is_none(), "somebody has it");
    let lapse = async || sqlx::query("update exports set due_at = now()").execute(&server.pool).await.unwrap();
    lapse().await;
    assert!(export::step(&server.env).await.unwrap(), "another makes it");
    assert!(
        !clipmill_shared::accounts::export::complete(&server.env.pool, &lost, 1).await.unwrap(),
        "who comes late says nothing"
    );
    let (state, attempt): (String, i32) =
        sqlx::query_as("select state::text, attempt from exports").fetch_one(&server.pool).await.unwrap();
    assert_eq!((state.as_str(), attempt), ("completed", 2));

    server.post("/v1/account/export", Value::Null).await;
    for _ in 0..5 {
        assert!(claim().await.is_some());
        lapse().await;
    }
    assert!(claim().await.is_none(), "five times and no more");
    server.expire().await;
    let state = "select state::text from exports order by id desc limit 1";
    assert_eq!(sqlx::query_scalar::<_, String>(state).fetch_one(&server.pool).await.unwrap(), "failed");
}

#[tokio::test]
async fn the_picture_of_an_account_s_mark_is_in_the_archive() {
    let server = Server::start().await;
    let logo = picture::encode(&picture::plain(300, 100), image::ImageFormat::Png);
    let url = format!("data:image/png;base64,{}", BASE64.encode(&logo));
    server.ask(Method::PATCH, "/v1/account", json!({ "watermark": { "image": url } })).await;
    let mut wish = small();
    wish["watermark"] = json!(true);
    let video = server.submit(wish).await;
    let mut archive = archive(&server).await;
    let account = rows(&mut archive, "accounts").remove(0);
    let taken =
        BASE64.decode(text(&account["watermark_image"]).strip_prefix("data:image/png;base64,").unwrap()).unwrap();
    assert_eq!(picture::decode(&taken), picture::plain(300, 100));
    assert_eq!(account["watermark"]["position"], "bottom_right");
    let kept = entry(&mut archive, &format!("media/{}/source/mark.png", text(&video["id"])));
    assert_eq!(picture::decode(&kept), picture::plain(300, 100));
}
