//! Timers that are due together: removed by few requests, settled together, and each for itself where the store refuses.

use clipmill_shared::jobs::removal;
use clipmill_tests::server::{small, text};
use clipmill_tests::{Receiver, Recorder, Server};
use serde_json::{Value, json};

use crate::fault::store::at_store;

/// A store that removes everything but what belongs to this video.
async fn store_but_for(video: &str) -> Recorder {
    let kept = video.to_owned();
    Recorder::answering(move |asked| {
        let keys = asked.body.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
        let refused = keys.filter(|key| key.contains(&kept));
        let errors: String = refused
            .map(|key| format!("<Error><Key>{key}</Key><Code>AccessDenied</Code><Message>no</Message></Error>"))
            .collect();
        (200, format!("<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{errors}</DeleteResult>"))
    })
    .await
}

/// What the real store still has of a video that another store was told to remove.
async fn clear(server: &Server, video: &Value) {
    let prefix = format!("{}/{}/", server.account, text(&video["id"]));
    server.storage.remove_prefix(&prefix).await.unwrap();
}

#[tokio::test]
async fn a_batch_is_removed_by_one_request_and_what_is_refused_is_put_off_alone() {
    let server = Server::start().await;
    let receiver = Receiver::answering([]).await;
    let mut videos = Vec::new();
    for _ in 0..3 {
        let mut body = small();
        body["webhook_url"] = json!(receiver.url());
        videos.push(server.submit(body).await);
        server.render().await;
    }
    let store = store_but_for(text(&videos[1]["id"])).await;
    let env = at_store(&server, &store.storage().await).await;
    server.age_timers().await;
    assert_eq!(clipmill_worker::expire::step(&env).await.unwrap(), 3);
    let mut states = Vec::new();
    for video in &videos {
        states.push(server.video(&video["id"]).await["status"].clone());
    }
    assert_eq!(states, ["expired", "completed", "expired"]);
    let asked = store.asked();
    assert_eq!(asked.len(), 1, "the ledger knows the keys, so nothing is listed: {asked:?}");
    assert!(asked[0].has("delete"));
    assert_eq!(asked[0].body.matches("<Key>").count(), 15, "five objects of each");

    let backlog = removal::backlog(&server.pool).await.unwrap();
    assert_eq!((backlog.due, backlog.failing), (0, 1), "it is put off");
    while server.notify().await > 0 {}
    let told = receiver.messages().iter().filter(|message| message.json()["type"] == "video.expired").count();
    assert_eq!(told, 2);
    for video in [&videos[0], &videos[2]] {
        clear(&server, video).await;
    }
    server.age_timers().await;
    assert_eq!(server.expire().await, 1);
    assert_eq!(server.video(&videos[1]["id"]).await["status"], "expired");
    assert!(server.objects(&videos[1]["id"]).await.is_empty());
}

#[tokio::test]
async fn what_somebody_else_took_meanwhile_is_not_settled() {
    let server = Server::start().await;
    let video = server.completed().await;
    server.age_timers().await;
    let patience = std::time::Duration::from_secs(300);
    let slow = removal::claim(&server.env.pool, 10, patience).await.unwrap();
    server.age_timers().await;
    let quick = removal::claim(&server.env.pool, 10, patience).await.unwrap();
    assert_eq!((slow[0].attempt, quick[0].attempt), (1, 2));
    removal::settle(&server.env.pool, &slow.iter().collect::<Vec<_>>()).await.unwrap();
    assert_eq!(server.video(&video["id"]).await["status"], "completed", "it is the other's by now");
    server.storage.remove_prefix(&quick[0].prefix).await.unwrap();
    removal::settle(&server.env.pool, &quick.iter().collect::<Vec<_>>()).await.unwrap();
    assert_eq!(server.video(&video["id"]).await["status"], "expired");
}
