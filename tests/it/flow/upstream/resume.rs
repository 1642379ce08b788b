//! Renders that MiniMax has accepted, in the hands of one worker after another.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_render_that_was_accepted_is_followed_by_whoever_has_the_job_next() {
    for tiers in [V1, V2] {
        let hosted = Hosted::start(tiers, FREE).await;
        hosted.upstream.hold(true);
        let running = tokio::spawn(clipmill_worker::run(hosted.env.clone()));
        let job = hosted.server.submit(wish()).await;
        let noted = "select count(*) from jobs where remote is not null";
        until("a note of where it is rendered", async || count(&hosted, noted).await == 1).await;
        hosted.env.stop.cancel();
        running.await.unwrap().unwrap();
        assert_eq!(
            (hosted.server.video(&job["id"]).await["status"].clone(), hosted.upstream.called_off()),
            (json!("queued"), 0)
        );

        hosted.upstream.hold(false);
        let next = worker(&hosted.server, &hosted.file());
        assert!(pull::step(&next).await.unwrap());
        assert_eq!(hosted.server.video(&job["id"]).await["status"], "completed");
        assert_eq!(hosted.upstream.orders().len(), 1, "it is asked for, and paid for, once");
        assert_eq!(count(&hosted, noted).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_render_that_came_to_nothing_is_not_followed_again() {
    let hosted = Hosted::start(V1, FREE).await;
    hosted.upstream.give_stale_links(3);
    let job = hosted.rendered(wish()).await;
    assert_eq!(job["status"], "queued", "{job}");
    sqlx::query("update jobs set run_at = now()").execute(&hosted.server.pool).await.unwrap();
    hosted.step().await;
    assert_eq!(hosted.server.video(&job["id"]).await["status"], "completed");
    assert_eq!(hosted.upstream.orders().len(), 2);
}

async fn count(hosted: &Hosted, statement: &'static str) -> i64 {
    sqlx::query_scalar(statement).fetch_one(&hosted.server.pool).await.unwrap()
}
