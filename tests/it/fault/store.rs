use std::sync::Arc;

use clipmill_shared::storage::{Storage, StorageConfig};
use clipmill_tests::Server;
use clipmill_tests::shared::shared;
use clipmill_worker::{Env, preview_engines};

/// A worker whose store refuses it.
pub(crate) async fn refused(server: &Server) -> Arc<Env> {
    let wrong = StorageConfig { secret_access_key: Some("wrong".to_owned().into()), ..shared().await.storage() };
    at_store(server, &wrong).await
}

/// A worker with another store.
pub(crate) async fn at_store(server: &Server, config: &StorageConfig) -> Arc<Env> {
    let storage = Storage::open(config).await;
    let outbound = clipmill_shared::outbound::OutboundConfig::unguarded();
    Arc::new(
        Env::new(
            server.pool.clone(),
            storage,
            server.env.vault.clone(),
            preview_engines(),
            server.env.config.clone(),
            &outbound,
            server.env.stop.clone(),
        )
        .unwrap(),
    )
}

#[tokio::test]
async fn a_store_that_refuses_costs_an_attempt_and_no_video() {
    let server = Server::start().await;
    let job = server.submit_small().await;
    assert!(clipmill_worker::pull::step(&refused(&server).await).await.unwrap());
    assert_eq!(server.video(&job["id"]).await["status"], "queued");
    server.age_timers().await;
    server.render().await;
    assert_eq!(server.video(&job["id"]).await["status"], "completed");
}

#[tokio::test]
async fn objects_that_cannot_be_removed_stay_due_and_their_row_says_nothing_else() {
    let server = Server::start().await;
    let job = server.completed().await;
    server.age_timers().await;
    let refused = refused(&server).await;
    assert_eq!(clipmill_worker::expire::step(&refused).await.unwrap(), 1);
    assert_eq!(server.video(&job["id"]).await["status"], "completed", "objects first, then the row");
    assert_eq!(clipmill_worker::expire::step(&refused).await.unwrap(), 0, "not before its pause is over");
    server.age_timers().await;
    assert_eq!(server.expire().await, 1);
    assert_eq!(server.video(&job["id"]).await["status"], "expired");
}

#[tokio::test]
async fn a_scratch_folder_that_cannot_be_written_costs_the_job_nothing() {
    let server = Server::start().await;
    let job = server.submit_small().await;
    let outbound = clipmill_shared::outbound::OutboundConfig::unguarded();
    let parent = tempfile::tempdir().unwrap();
    let mut config = server.env.config.clone();
    config.scratch = Some(parent.path().to_owned());
    let stop = server.env.stop.clone();
    let (pool, storage, vault) = (server.pool.clone(), server.storage.clone(), server.env.vault.clone());
    let env = Env::new(pool, storage, vault, preview_engines(), config, &outbound, stop).unwrap();
    std::fs::remove_dir_all(parent.path()).unwrap();
    let broken = Arc::new(env);
    for _ in 0..5 {
        assert!(clipmill_worker::pull::step(&broken).await.unwrap());
        assert_eq!(server.video(&job["id"]).await["status"], "queued", "given back as good as new");
    }
    server.render().await;
    assert_eq!(server.video(&job["id"]).await["status"], "completed");
}

#[tokio::test]
async fn a_large_file_goes_up_in_parts_and_comes_back_the_same() {
    let server = Server::start().await;
    let key = format!("{}/large", server.account);
    let bytes: Vec<u8> = (0..20_000_003_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &bytes).unwrap();
    server.storage.put_file(&key, "video/mp4", file.path()).await.unwrap();
    assert!(server.storage.read(&key, bytes.len()).await.unwrap() == bytes);
    assert!(server.storage.read(&key, bytes.len() - 1).await.is_err(), "more than expected is not read");
    server.storage.remove_prefix(&key).await.unwrap();
}
