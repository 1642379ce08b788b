//! The folder for files between post-processing and upload. A worker that is killed leaves its own behind; the next
//! one that starts clears it away.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use tracing::{info, warn};

const PREFIX: &str = "clipmill-worker-";
/// Held for as long as its worker lives: the lock goes with the process, however that ends.
const LOCK: &str = "lock";

/// A folder of this worker's own. It goes with the value.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: TempDir,
    _lock: File,
}

impl Scratch {
    /// A new folder inside `parent`, or inside the system's temporary folder.
    pub(crate) fn open(parent: Option<&Path>) -> Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX);
        let folder = match parent {
            Some(parent) => builder.tempdir_in(parent),
            None => builder.tempdir(),
        };
        let folder = folder.context("cannot make a folder for files under way: look at --scratch")?;
        let lock = File::create(folder.path().join(LOCK)).context("cannot write to the scratch folder")?;
        lock.try_lock().context("cannot lock the scratch folder")?;
        if let Some(parent) = folder.path().parent() {
            clear(parent);
        }
        Ok(Self { folder, _lock: lock })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the folders of workers that live no more.
fn clear(parent: &Path) {
    for folder in abandoned(parent) {
        match fs::remove_dir_all(&folder) {
            Ok(()) => info!("Removed files that a killed worker left behind"),
            Err(error) => warn!(%error, "Could not remove files that a killed worker left behind"),
        }
    }
}

fn abandoned(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().filter_map(Result::ok);
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    // A folder without a lock file is just being made by another worker.
    let is_abandoned = |folder: &PathBuf| File::open(folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
    ours.map(|entry| entry.path()).filter(is_abandoned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_worker_left_is_cleared_and_what_a_live_one_has_is_not() {
        let parent = tempfile::tempdir().expect("a folder");
        let live = Scratch::open(Some(parent.path())).expect("a scratch folder");
        let dead = parent.path().join(format!("{PREFIX}dead"));
        fs::create_dir(&dead).expect("a folder");
        fs::write(dead.join(LOCK), "").expect("its lock file");
        fs::write(dead.join("video.mp4"), "half a video").expect("what it left");

        let next = Scratch::open(Some(parent.path())).expect("another");
        assert!(live.path().exists() && next.path().exists());
        assert!(!dead.exists());
        drop((live, next));
        assert_eq!(fs::read_dir(parent.path()).expect("the parent").count(), 0);
    }
}
