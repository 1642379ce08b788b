//! What has to hold whatever struck.

use std::collections::HashSet;

use clipmill_tests::server::text;

use super::End;
use super::scene::Scene;

/// Looks at everything that is left of the job.
///
/// # Panics
/// When a fact does not hold.
pub(super) async fn hold(scene: &Scene<'_>, end: &End) {
    ended_as_it_may(scene, end).await;
    has_the_objects_of_one_attempt(scene, end).await;
    is_told_under_one_id(scene, end).await;
    is_counted_once(scene, end).await;
}

async fn ended_as_it_may(scene: &Scene<'_>, end: &End) {
    type Row = (String, i32, bool, Option<String>, bool);
    let rows = "select status::text, attempt - released, released > 0, error_code, lease_until is null from jobs";
    let rows: Vec<Row> = sqlx::query_as(rows).fetch_all(&scene.server.pool).await.unwrap();
    let expected = (end.status.to_owned(), end.attempt, end.is_released, end.code.map(str::to_owned), true);
    assert_eq!(rows, [expected], "status, attempts that count, whether others do not, error, no lease");
}

/// The attempt that made the video has its five files, and nothing else is left, now or later.
async fn has_the_objects_of_one_attempt(scene: &Scene<'_>, end: &End) {
    let video = scene.video().await;
    let mut expected = Vec::new();
    if end.status == "completed" {
        let prefix = format!("{}/{}/{}/", scene.server.account, text(&video["id"]), video["attempt"]);
        expected = ["preview.webp", "spritesheet.jpg", "spritesheet.vtt", "thumbnail.webp", "video.mp4"]
            .map(|name| format!("{prefix}{name}"))
            .into();
    }
    assert_eq!(scene.objects().await, expected);
    assert_eq!(video["outputs"].as_array().unwrap().len(), expected.len(), "{video}");
    let timers: Vec<String> =
        sqlx::query_scalar("select reason::text from removals").fetch_all(&scene.server.pool).await.unwrap();
    let expected: &[&str] = if end.status == "completed" { &["expired"] } else { &[] };
    assert_eq!(timers, expected, "timers that are still set");
}

async fn is_told_under_one_id(scene: &Scene<'_>, end: &End) {
    let kinds: Vec<String> =
        sqlx::query_scalar("select kind from events order by created_at").fetch_all(&scene.server.pool).await.unwrap();
    let expected: &[&str] = match end.status {
        "failed" => &["video.failed"],
        "expired" => &["video.completed", "video.expired"],
        _ => &["video.completed"],
    };
    assert_eq!(kinds, expected, "events");
    let waiting: i64 = sqlx::query_scalar("select count(*) from deliveries where not delivered")
        .fetch_one(&scene.server.pool)
        .await
        .unwrap();
    assert_eq!(waiting, 0, "webhooks that were not delivered");
    let messages = scene.receiver.messages();
    for kind in expected {
        let told: Vec<&str> = messages
            .iter()
            .filter(|message| message.json()["type"] == *kind)
            .map(|message| message.header("webhook-id"))
            .collect();
        assert_eq!(told.iter().collect::<HashSet<_>>().len(), 1, "ids of {kind}: {told:?}");
        assert!(told.len() >= end.told, "{kind} was told {} times", told.len());
    }
    assert!(messages.iter().all(|message| message.is_genuine(&scene.server.webhook_secret)));
    assert!(messages.iter().all(|message| expected.iter().any(|kind| message.json()["type"] == *kind)));
}

async fn is_counted_once(scene: &Scene<'_>, end: &End) {
    let counted: i64 = sqlx::query_scalar("select count(*) from usage").fetch_one(&scene.server.pool).await.unwrap();
    assert_eq!(counted, i64::from(end.status != "failed"), "rows of usage");
}
