//! Finished files on their way into the customer's own store.

use std::sync::Arc;

use clipmill_shared::outbound::OutboundConfig;
use clipmill_shared::storage::StorageConfig;
use clipmill_shared::vault::MasterKey;
use clipmill_shared::vault::rotation;
use clipmill_tests::server::{small, text};
use clipmill_tests::setup::sealed_with;
use clipmill_tests::shared::shared;
use clipmill_tests::{Customer, Receiver, Recorder, Server};
use clipmill_worker::{Env, preview_engines, pull};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::fault::store::at_store;

/// A small job with this `output`.
fn with(output: Value) -> Value {
    let mut wish = small();
    wish["output"] = output;
    wish
}

async fn make(server: &Server, destination: Value) -> Value {
    let (status, made) = server.post("/v1/destinations", destination).await;
    assert_eq!(status, StatusCode::OK, "{made}");
    made
}

async fn content(server: &Server, video: &Value) -> (StatusCode, Value) {
    server.get(&format!("/v1/videos/{}/content?redirect=false", text(&video["id"]))).await
}

/// A worker of the same service whose calls go to public addresses alone.
fn guarded(server: &Server) -> Arc<Env> {
    let (pool, storage, vault) = (server.env.pool.clone(), server.storage.clone(), server.env.vault.clone());
    let (config, stop) = (server.env.config.clone(), server.env.stop.clone());
    Arc::new(Env::new(pool, storage, vault, preview_engines(), config, &OutboundConfig::default(), stop).unwrap())
}

#[tokio::test]
async fn a_destination_gets_all_files_and_the_video_says_where() {
    let (server, customer) = (Server::start().await, Customer::start().await);
    make(&server, customer.destination()).await;
    let receiver = Receiver::answering([]).await;
    let mut wish = with(json!({ "destination": "studio" }));
    wish["webhook_url"] = json!(receiver.url());
    let video = server.submit(wish).await;
    let waiting = json!({ "destination": "studio", "upload_host": null, "keep": true, "delivered_at": null });
    assert_eq!((&video["delivery"], &video["outputs"]), (&waiting, &json!([])));
    server.render().await;
    let video = server.video(&video["id"]).await;
    assert_eq!(video["status"], "completed", "{video}");
    assert_eq!(video["delivery"]["delivered_at"], video["completed_at"]);
    server.notify().await;
    let told = json!({ "destination": "studio", "upload_host": null, "at": video["completed_at"] });
    assert_eq!(receiver.messages()[0].json()["data"]["delivered"], told);
    let prefix = format!("clips/{}/", text(&video["id"]));
    let names = ["preview.webp", "spritesheet.jpg", "spritesheet.vtt", "thumbnail.webp", "video.mp4"];
    assert_eq!(customer.keys().await, names.map(|name| format!("{prefix}{name}")));
    for output in video["outputs"].as_array().unwrap() {
        let delivered = text(&output["delivered_to"]);
        let key = delivered.strip_prefix("s3://studio-videos/").unwrap();
        let object = customer.storage.read(key, 10_000_000).await.unwrap();
        assert_eq!(output["size_bytes"], json!(object.len()), "{delivered}");
        let ours =
            server.request(Method::GET, &format!("{}&redirect=false", text(&output["url"]))).send().await.unwrap();
        assert!(ours.bytes().await.unwrap() == object, "the same as here, to the byte");
    }
}

#[tokio::test]
async fn what_is_not_to_be_kept_is_never_in_our_store() {
    let (server, customer) = (Server::start().await, Customer::start().await);
    let mut wrong = customer.destination();
    wrong["secret_access_key"] = json!("wrong");
    make(&server, wrong).await;
    // Our own store remembers all that it is asked.
    let ours = Recorder::answering(|_| (200, String::new())).await;
    let env = at_store(&server, &ours.storage().await).await;
    let refused = server.submit(with(json!({ "destination": "studio", "keep": false }))).await;
    assert!(pull::step(&env).await.unwrap());
    let refused = server.video(&refused["id"]).await;
    assert_eq!((&refused["status"], &refused["error"]["code"]), (&json!("failed"), &json!("destination_refused")));
    assert!(text(&refused["error"]["message"]).contains("studio"), "{refused}");

    let secret = json!({ "access_key_id": customer.access_key(), "secret_access_key": customer.secret_key() });
    assert_eq!(server.ask(Method::PATCH, "/v1/destinations/studio", secret).await.0, StatusCode::OK);
    let video = server.submit(with(json!({ "destination": "studio", "keep": false }))).await;
    assert!(pull::step(&env).await.unwrap());
    let video = server.video(&video["id"]).await;
    assert_eq!(video["status"], "completed", "{video}");
    assert_eq!(ours.asked().len(), 0, "{:?}", ours.asked());
    assert_eq!(customer.keys().await.len(), 5);
    let outputs = video["outputs"].as_array().unwrap();
    assert_eq!((outputs.len(), &outputs[0]["url"], &video["expires_at"]), (5, &Value::Null, &Value::Null));
    let (status, answer) = content(&server, &video).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::GONE, &json!("delivered_elsewhere")));
    let path = format!("/v1/videos/{}/retention", text(&video["id"]));
    let (status, answer) = server.post(&path, json!({ "pinned": true })).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::CONFLICT, &json!("nothing_to_keep")));

    server.age_timers().await;
    server.expire().await;
    let video = server.video(&video["id"]).await;
    assert_eq!((&video["status"], &video["prompt"]), (&json!("expired"), &json!("")), "its words go in time");
    assert_eq!(customer.keys().await.len(), 5, "what is the customer's stays");
}

#[tokio::test]
async fn an_upload_address_gets_the_video_and_is_forgotten() {
    let (server, bucket) = (Server::start().await, Receiver::answering([200]).await);
    let url = format!("{}?X-Amz-Signature=c0ffee", bucket.url());
    let video = server.submit(with(json!({ "upload_url": url, "keep": false }))).await;
    let host = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
    assert_eq!(video["delivery"]["upload_host"], host);
    assert!(!video.to_string().contains("c0ffee"));
    server.render().await;
    let video = server.video(&video["id"]).await;
    assert_eq!(video["status"], "completed", "{video}");
    let [put] = &bucket.messages()[..] else { panic!("one PUT") };
    assert_eq!((put.header("content-type"), put.header("content-length")), ("video/mp4", &*put.body.len().to_string()));
    let [output] = &video["outputs"].as_array().unwrap()[..] else { panic!("the video alone: {video}") };
    assert_eq!((&output["variant"], &output["size_bytes"]), (&json!("video"), &json!(put.body.len())));
    assert_eq!(output["delivered_to"], format!("http://{host}"));
    assert_eq!(server.objects(&video["id"]).await, Vec::<String>::new());
    let left = "select count(*) from jobs where upload_url is not null or destination_id is not null";
    assert_eq!(sqlx::query_scalar::<_, i64>(left).fetch_one(&server.pool).await.unwrap(), 0);
}

#[tokio::test]
async fn a_store_that_is_away_costs_an_attempt_and_one_that_refuses_costs_the_video() {
    let server = Server::start().await;
    let bucket = Receiver::answering([503, 204, 403]).await;
    let video = server.submit(with(json!({ "upload_url": bucket.url() }))).await;
    server.render().await;
    assert_eq!(server.video(&video["id"]).await["status"], "queued");
    server.age_timers().await;
    server.expire().await;
    assert_eq!(server.objects(&video["id"]).await, Vec::<String>::new());
    server.render().await;
    let video = server.video(&video["id"]).await;
    assert_eq!((&video["status"], &video["attempt"]), (&json!("completed"), &json!(2)));
    assert_eq!(server.objects(&video["id"]).await.len(), 5, "kept here too");

    let refused = server.submit(with(json!({ "upload_url": bucket.url() }))).await;
    server.render().await;
    let refused = server.video(&refused["id"]).await;
    assert_eq!((&refused["status"], &refused["error"]["code"]), (&json!("failed"), &json!("destination_refused")));
    assert!(text(&refused["error"]["message"]).contains("403"), "{refused}");
    server.expire().await;
    assert_eq!(server.objects(&refused["id"]).await, Vec::<String>::new());
}

#[tokio::test]
async fn no_address_that_is_not_public_gets_a_video() {
    let (server, customer, receiver) =
        (Server::start().await, Customer::start().await, Receiver::answering([200]).await);
    make(&server, customer.destination()).await;
    let env = guarded(&server);
    for output in [json!({ "destination": "studio" }), json!({ "upload_url": receiver.url() })] {
        let video = server.submit(with(output)).await;
        assert!(pull::step(&env).await.unwrap());
        let video = server.video(&video["id"]).await;
        assert_eq!((&video["status"], &video["error"]["code"]), (&json!("failed"), &json!("destination_refused")));
    }
    assert_eq!((customer.keys().await.len(), receiver.messages().len()), (0, 0));
}

/// What AWS says to somebody who may take on a role, with the keys of the customer's server.
fn granted(customer: &Customer) -> String {
    format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
         <AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey><SessionToken>token</SessionToken>\
         <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>",
        customer.access_key(),
        customer.secret_key(),
    )
}

#[tokio::test]
async fn a_role_is_taken_on_under_the_account_s_own_external_id() {
    let (server, customer) = (Server::start().await, Customer::start().await);
    let (external_id, granted) = (server.account.to_string(), granted(&customer));
    let asked_for = format!("ExternalId={external_id}");
    let denied = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
    let sts = Recorder::answering(move |asked| {
        let may = asked.body.contains(&asked_for) && asked.body.contains("role%2Fvideos");
        if may { (200, granted.clone()) } else { (403, denied.to_owned()) }
    })
    .await;
    let config = StorageConfig { sts_endpoint: sts.storage().await.endpoint, ..shared().await.storage() };
    let env = at_store(&server, &config).await;
    let mut destination = customer.destination();
    for key in ["access_key_id", "secret_access_key"] {
        destination.as_object_mut().unwrap().remove(key);
    }
    destination["role_arn"] = json!("arn:aws:iam::123456789012:role/videos");
    let made = make(&server, destination).await;
    assert_eq!((&made["external_id"], &made["access_key_id"]), (&json!(external_id), &Value::Null));
    let video = server.submit(with(json!({ "destination": "studio" }))).await;
    assert!(pull::step(&env).await.unwrap());
    assert_eq!(server.video(&video["id"]).await["status"], "completed", "{:?}", sts.asked());
    assert_eq!(customer.keys().await.len(), 5);

    let other = json!({ "role_arn": "arn:aws:iam::123456789012:role/other" });
    server.ask(Method::PATCH, "/v1/destinations/studio", other).await;
    let video = server.submit(with(json!({ "destination": "studio" }))).await;
    assert!(pull::step(&env).await.unwrap());
    let video = server.video(&video["id"]).await;
    assert_eq!(video["error"]["code"], "destination_refused", "{video}");
    assert!(text(&video["error"]["message"]).contains("the role cannot be assumed: AccessDenied"), "{video}");
}

#[tokio::test]
async fn a_destination_stays_while_videos_are_on_their_way_there() {
    let (server, customer) = (Server::start().await, Customer::start().await);
    let made = make(&server, customer.destination()).await;
    let video = server.submit(with(json!({ "destination": made["id"] }))).await;
    assert_eq!(video["delivery"]["destination"], "studio", "an id is as good as a name");
    let path = format!("/v1/destinations/{}", text(&made["id"]));
    let (status, answer) = server.ask(Method::DELETE, &path, Value::Null).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::CONFLICT, &json!("destination_in_use")));
    server.render().await;
    let (status, remix) =
        server.post(&format!("/v1/videos/{}/remix", text(&video["id"])), json!({ "prompt": "a fox" })).await;
    assert_eq!((status, &remix["delivery"]["destination"]), (StatusCode::OK, &json!("studio")));
    server.render().await;
    assert_eq!(customer.keys().await.len(), 10);
    assert_eq!(server.ask(Method::DELETE, &path, Value::Null).await.0, StatusCode::OK);
    assert_eq!(server.video(&video["id"]).await["delivery"]["destination"], "studio", "it is still told");
    let (status, answer) =
        server.post(&format!("/v1/videos/{}/remix", text(&video["id"])), json!({ "prompt": "a fox" })).await;
    assert_eq!((status, &answer["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("output.destination")));
}

#[tokio::test]
async fn a_worker_without_the_master_key_leaves_the_video_to_another() {
    let (server, customer) = (Server::start().await, Customer::start().await);
    make(&server, customer.destination()).await;
    let video = server.submit(with(json!({ "destination": "studio" }))).await;
    let (pool, storage, config) = (server.env.pool.clone(), server.storage.clone(), server.env.config.clone());
    let poor = sealed_with([MasterKey::generate()]).vault().unwrap();
    let unguarded = OutboundConfig::unguarded();
    let poor = Env::new(pool, storage, poor, preview_engines(), config, &unguarded, server.env.stop.clone()).unwrap();
    assert!(pull::step(&Arc::new(poor)).await.unwrap());
    assert_eq!(server.video(&video["id"]).await["status"], "queued");
    server.render().await;
    assert_eq!(server.video(&video["id"]).await["status"], "completed");
}

#[tokio::test]
async fn secrets_of_stores_come_under_another_master_key_while_videos_are_on_their_way() {
    let (server, customer) = (Server::start().await, Customer::start().await);
    let bucket = Receiver::answering([200]).await;
    make(&server, customer.destination()).await;
    let first = server.submit(with(json!({ "destination": "studio" }))).await;
    let second = server.submit(with(json!({ "upload_url": bucket.url() }))).await;
    let (old, new) = (server.secrets.master_keys.clone().unwrap(), MasterKey::generate());
    let both = sealed_with([new.clone(), old.reveal().parse().unwrap()]).vault().unwrap();
    let rotated = rotation::rotate(&server.pool, &both).await.unwrap();
    assert_eq!((rotated.rewrapped, rotated.failed), (3, 0), "the account's, the destination's, the address'");
    let (pool, storage, config) = (server.env.pool.clone(), server.storage.clone(), server.env.config.clone());
    let vault = sealed_with([new]).vault().unwrap();
    let unguarded = OutboundConfig::unguarded();
    let env = Env::new(pool, storage, vault, preview_engines(), config, &unguarded, server.env.stop.clone()).unwrap();
    let env = Arc::new(env);
    for video in [first, second] {
        assert!(pull::step(&env).await.unwrap());
        assert_eq!(server.video(&video["id"]).await["status"], "completed");
    }
    assert_eq!((customer.keys().await.len(), bucket.messages().len()), (5, 1));
}
