//! Every engine does what each has to.

use std::path::Path;
use std::sync::Arc;

use clipmill_shared::tier::Tier;
use clipmill_tests::conformance::conforms;
use clipmill_tests::remote::{Manner, ModelServer};
use clipmill_worker::engine::remote::profile::Profile;
use clipmill_worker::engine::{Engine, Request};
use clipmill_worker::preview_engines;
use clipmill_worker::tiers::Tiers;

fn engine(tiers: &str) -> Arc<dyn Engine> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tiers.toml");
    std::fs::write(&file, tiers).unwrap();
    Tiers::read(&file).unwrap().engines(&clipmill_wan::Device::Cpu, None).unwrap()[&Tier::Fast].clone()
}

fn request(width: u32, height: u32, frames: u32, fps: u32) -> Request {
    Request {
        prompt: "a fox in the snow".to_owned(),
        negative_prompt: None,
        width,
        height,
        frames,
        fps,
        seed: 7,
        first_frame: None,
        last_frame: None,
    }
}

/// Off the runtime, as engines are in a worker.
async fn put_through(engine: Arc<dyn Engine>, request: Request) {
    tokio::task::spawn_blocking(move || conforms(&engine, &request)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_preview_engine_conforms() {
    put_through(preview_engines()[&Tier::Fast].clone(), request(96, 54, 12, 24)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wan_engine_conforms() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/wan/ti2v5b");
    let tiers = format!(
        "[fast]\nengine = \"wan\"\nfolder = {golden:?}\nsizes = [\"96x64\"]\nfps = 8\nmax_frames = 17\nsteps = [1000, 500]\nshift = 5.0\n"
    );
    put_through(engine(&tiers), request(96, 64, 8, 8)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_remote_engine_conforms_whichever_server_it_speaks_to() {
    for profile in Profile::ALL {
        let server = ModelServer::start(Manner::of(profile)).await;
        put_through(engine(&server.section("fast")), request(256, 144, 24, 24)).await;
        assert_eq!(server.records(), 0, "{profile}: what was rendered is fetched and forgotten there");
        assert!(!server.is_busy(), "{profile}");
    }
}
