//! Files that go up while they are written.

use std::fs::{File, OpenOptions};
use std::io::{Seek as _, Write as _};

use clipmill_shared::storage::{PART_BYTES, Storage, StorageConfig};
use clipmill_tests::process::until;
use clipmill_tests::proxy::{Proxy, Way};
use clipmill_tests::trap::Trap;
use tempfile::TempDir;

use super::at::At;

const KEY: &str = "acct/a/video.mp4";

/// A file, and the way by which it goes up.
struct Scene {
    folder: TempDir,
    proxy: Proxy,
    storage: Storage,
}

impl Scene {
    async fn at(at: &At) -> Self {
        let endpoint = at.config.endpoint.clone().unwrap();
        let proxy = Proxy::to(endpoint.strip_prefix("http://").unwrap()).await;
        let endpoint = Some(format!("http://{}", proxy.address()));
        let storage = Storage::open(&StorageConfig { endpoint, ..at.config.clone() }).await;
        Self { folder: tempfile::tempdir().unwrap(), proxy, storage }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("video.mp4")
    }

    /// Writes on at the end of the file.
    fn grow(&self, bytes: &[u8]) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.path()).unwrap();
        file.write_all(bytes).unwrap();
    }

    /// Writes on and waits until a part of it arrives.
    async fn grow_until_sent(&self, bytes: &[u8], part: &'static str) {
        self.proxy.set_trap(Trap::before(part, Way::Open));
        self.grow(bytes);
        self.proxy.sprung().await;
    }
}

/// Bytes that are others at each place, and so many parts and a half of them.
fn bytes(parts: u64) -> Vec<u8> {
    let length = (parts * PART_BYTES + PART_BYTES / 2) as u32;
    let mut state = 7_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(length as usize)
    .collect()
}

#[tokio::test]
async fn parts_arrive_while_the_file_is_written_and_its_head_comes_last() {
    for at in &At::each().await {
        let scene = Scene::at(at).await;
        let growing = scene.storage.put_growing(KEY, "video/mp4", &scene.path());
        let written = bytes(3);
        let cut = (2 * PART_BYTES + 5) as usize;
        scene.grow_until_sent(&written[..cut], "partNumber=2").await;
        scene.grow_until_sent(&written[cut..], "partNumber=3").await;
        assert!(at.storage.list("acct/").await.unwrap().is_empty(), "{}: nothing is to be seen yet", at.name);
        let signed = [&written[..32], &[9; 20_000], &written[32..]].concat();
        std::fs::write(scene.folder.path().join("signed"), &signed).unwrap();
        std::fs::rename(scene.folder.path().join("signed"), scene.path()).unwrap();
        scene.proxy.set_trap(Trap::before("partNumber=1&", Way::Open));
        growing.finish().await.unwrap();
        scene.proxy.sprung().await;
        assert!(at.storage.read(KEY, signed.len()).await.unwrap() == signed, "{}", at.name);
    }
}

#[tokio::test]
async fn a_file_that_became_another_one_goes_up_anew() {
    let at = At::rclone().await;
    let scene = Scene::at(&at).await;
    let growing = scene.storage.put_growing(KEY, "video/mp4", &scene.path());
    let mut written = bytes(3);
    scene.grow_until_sent(&written, "partNumber=3").await;
    let changed = PART_BYTES + PART_BYTES / 2;
    written[changed as usize] ^= 1;
    let mut file = File::options().write(true).open(scene.path()).unwrap();
    file.seek(std::io::SeekFrom::Start(changed)).unwrap();
    file.write_all(&written[changed as usize..=changed as usize]).unwrap();
    growing.finish().await.unwrap();
    assert!(at.storage.read(KEY, written.len()).await.unwrap() == written);
    until("the end of the first upload", async || begun(&at).await == 0).await;
}

#[tokio::test]
async fn a_file_that_stays_small_goes_up_in_one_piece() {
    for at in &At::each().await {
        let scene = Scene::at(at).await;
        let growing = scene.storage.put_growing(KEY, "video/mp4", &scene.path());
        scene.grow(b"small");
        growing.finish().await.unwrap();
        assert_eq!(at.storage.read(KEY, 5).await.unwrap(), "small", "{}", at.name);
    }
}

#[tokio::test]
async fn an_upload_that_is_given_up_leaves_nothing_behind() {
    let at = At::rclone().await;
    let scene = Scene::at(&at).await;
    let growing = scene.storage.put_growing(KEY, "video/mp4", &scene.path());
    scene.grow_until_sent(&bytes(2), "partNumber=2").await;
    assert_eq!(begun(&at).await, 1);
    drop(growing);
    until("the end of the upload", async || begun(&at).await == 0).await;
    assert!(at.storage.list("acct/").await.unwrap().is_empty());
}

async fn begun(at: &At) -> usize {
    at.storage.survey_uploads("acct/", None).await.unwrap().expect("a server that lists them").items.len()
}
