//! The stage as the pipeline sees it: off the runtime's threads, and in the worker's words for what went wrong.

use std::path::Path;

use tempfile::TempDir;

use super::{Clip, Footage, PostprocessError, Recipe};
use crate::fault::Fault;

/// A fresh folder inside `scratch` for the files of one clip.
pub(crate) fn folder(scratch: &Path) -> Result<TempDir, Fault> {
    super::folder(scratch).map_err(|error| fault(error.into()))
}

/// Turns footage into a clip whose files lie in `folder`, on a thread that may block.
pub(crate) async fn run(footage: Footage, recipe: Recipe, folder: TempDir) -> Result<Clip, Fault> {
    let work = tokio::task::spawn_blocking(move || super::postprocess_in(folder, footage, &recipe));
    match work.await {
        Ok(finished) => finished.map_err(fault),
        Err(panic) => Err(Fault::transient("postprocess_failed", PUBLIC, panic)),
    }
}

const PUBLIC: &str = "The video could not be encoded. Submit the request again.";

fn fault(error: PostprocessError) -> Fault {
    match error {
        PostprocessError::FramesMissing { .. }
        | PostprocessError::FramesSurplus { .. }
        | PostprocessError::Sound(_) => {
            Fault::transient("render_failed", "The video could not be rendered. Submit the request again.", error)
        }
        PostprocessError::Encoder { .. } => Fault::transient("postprocess_failed", PUBLIC, error),
        PostprocessError::Disk(_) => Fault::of_this_worker("disk_failed", error),
        PostprocessError::Certificate(_) => Fault::of_this_worker("signing_failed", error),
    }
}
