//! The stage as the pipeline sees it: off the runtime's threads, and in the worker's words for what went wrong.

use std::path::PathBuf;

use super::{Clip, Footage, PostprocessError, Recipe, postprocess};
use crate::fault::Fault;

/// Turns footage into a clip, on a thread that may block.
pub(crate) async fn run(footage: Footage, recipe: Recipe, scratch: PathBuf) -> Result<Clip, Fault> {
    let work = tokio::task::spawn_blocking(move || postprocess(footage, &recipe, &scratch));
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
