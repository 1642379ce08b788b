use clipmill_shared::accounts::keys::{self, KeyWish};
use clipmill_tests::Server;
use clipmill_tests::events::Events;
use clipmill_tests::server::{answer, text};
use reqwest::{Method, StatusCode};
use serde_json::Value;

async fn follow(server: &Server, id: &Value, seen: Option<&str>) -> reqwest::Response {
    let request = server.request(Method::GET, &format!("/v1/videos/{}/events", text(id)));
    let request = seen.into_iter().fold(request, |request, seen| request.header("last-event-id", seen));
    request.send().await.unwrap()
}

#[tokio::test]
async fn a_job_is_told_from_its_place_in_the_queue_to_its_end() {
    let server = Server::start().await;
    server.submit_small().await;
    let job = server.submit_small().await;
    let response = follow(&server, &job["id"], None).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut events = Events::of(response);
    let first = events.next().await.expect("how it stands");
    assert_eq!((first.name.as_str(), &first.data["queue_position"]), ("status", &Value::from(1)));
    server.render().await;
    let moved = events.next().await.expect("it has come forward");
    assert_eq!((moved.name.as_str(), &moved.data["queue_position"]), ("queue_position", &Value::from(0)));

    let (told, ()) = tokio::join!(told_to_the_end(&mut events), server.render());
    assert_eq!(told.first().map(String::as_str), Some("status"), "{told:?}");
    assert_eq!(told.last().map(String::as_str), Some("video.completed"), "{told:?}");
}

/// The names of all events but those of progress.
async fn told_to_the_end(events: &mut Events) -> Vec<String> {
    let mut names = Vec::new();
    while let Some(event) = events.next_but("progress").await {
        assert_eq!(event.data["object"], "video");
        names.push(event.name);
    }
    names
}

#[tokio::test]
async fn a_client_that_comes_back_is_told_nothing_twice() {
    let server = Server::start().await;
    let job = server.submit_small().await;
    let mut events = Events::of(follow(&server, &job["id"], None).await);
    let seen = events.next().await.expect("how it stands");
    drop(events);
    let mut again = Events::of(follow(&server, &job["id"], Some(&seen.id)).await);
    let (next, ()) = tokio::join!(again.next(), server.render());
    assert_ne!(next.expect("news").id, seen.id);
    let mut last = String::new();
    while let Some(event) = again.next().await {
        last = event.id;
    }
    assert_eq!(follow(&server, &job["id"], Some(&last)).await.status(), StatusCode::NO_CONTENT);
    let mut late = Events::of(follow(&server, &job["id"], Some("anything")).await);
    assert_eq!(late.next().await.expect("the end").name, "video.completed");
    assert!(late.next().await.is_none(), "the stream ends with the job");
}

#[tokio::test]
async fn a_cancel_and_a_delete_are_told_at_once() {
    let server = Server::start().await;
    for (method, below, name) in [(Method::POST, "/cancel", "video.cancelled"), (Method::DELETE, "", "video.deleted")] {
        let job = server.submit_small().await;
        let mut events = Events::of(follow(&server, &job["id"], None).await);
        events.next().await.expect("how it stands");
        answer(server.request(method, &format!("/v1/videos/{}{below}", text(&job["id"])))).await;
        let last = events.next_but("queue_position").await.expect("its end");
        assert_eq!((last.name.as_str(), &last.data["id"]), (name, &job["id"]));
        assert!(events.next().await.is_none());
    }
}

#[tokio::test]
async fn a_bell_that_was_lost_is_made_up_for_by_one_look_for_all() {
    let server = Server::start().await;
    let job = server.submit_small().await;
    let bells = clipmill_shared::bell::Bells::of_waiting();
    let mut watching = bells.watchers().watch(text(&job["id"]).parse().unwrap());
    bells.watchers().look(&server.pool).await.unwrap();
    let woken = tokio::time::timeout(std::time::Duration::ZERO, watching.changed()).await;
    assert!(woken.is_err(), "the job has not ended");
    server.render().await;
    bells.watchers().look(&server.pool).await.unwrap();
    watching.changed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_keys_of_an_account_are_told_of_the_same_job() {
    let server = Server::start().await;
    let (_, second) = keys::create(&server.pool, server.account, &KeyWish::named("second")).await.unwrap();
    let job = server.submit_small().await;
    let mut followers = Vec::new();
    for key in [server.key(), second.reveal()].repeat(20) {
        let path = format!("/v1/videos/{}/events", text(&job["id"]));
        let response = server.anonymous(Method::GET, &path).bearer_auth(key).send().await.unwrap();
        followers.push(Events::of(response));
    }
    for events in &mut followers {
        assert_eq!(events.next().await.expect("how it stands").name, "status");
    }
    answer(server.request(Method::POST, &format!("/v1/videos/{}/cancel", text(&job["id"])))).await;
    for events in &mut followers {
        assert_eq!(events.next_but("queue_position").await.expect("its end").name, "video.cancelled");
    }
}

#[tokio::test]
async fn a_key_that_is_revoked_is_told_nothing_more_and_nothing_wrong() {
    let server = Server::start().await;
    let (id, second) = keys::create(&server.pool, server.account, &KeyWish::named("second")).await.unwrap();
    let job = server.submit_small().await;
    let path = format!("/v1/videos/{}/events", text(&job["id"]));
    let response = server.anonymous(Method::GET, &path).bearer_auth(second.reveal()).send().await.unwrap();
    let mut events = Events::of(response);
    events.next().await.expect("how it stands");
    keys::revoke(&server.pool, server.account, id.id).await.unwrap();
    answer(server.request(Method::POST, &format!("/v1/videos/{}/cancel", text(&job["id"])))).await;
    assert!(events.next_but("queue_position").await.is_none(), "the stream ends");
}
