//! The stage as the pipeline sees it: off the runtime's threads, and in the worker's words for what went wrong.

use std::path::PathBuf;

use clipmill_shared::tier::Size;

use super::{Clip, Footage, PostprocessError, Target, postprocess};
use crate::fault::Fault;

/// Turns footage into a clip of `size`, on a thread that may block.
pub(crate) async fn run(footage: Footage, size: Size, scratch: PathBuf) -> Result<Clip, Fault> {
    let target = Target { width: size.width, height: size.height };
    let work = tokio::task::spawn_blocking(move || postprocess(footage, target, &scratch));
    match work.await {
        Ok(finished) => finished.map_err(fault),
        Err(panic) => Err(Fault::transient("postprocess_failed", PUBLIC, panic)),
    }
}

const PUBLIC: &str = "The video could not be encoded. Submit the request again.";

fn fault(error: PostprocessError) -> Fault {
    match error {
        PostprocessError::FramesMissing { .. } | PostprocessError::FramesSurplus { .. } => {
            Fault::transient("render_failed", "The video could not be rendered. Submit the request again.", error)
        }
        PostprocessError::Encoder { .. } => Fault::transient("postprocess_failed", PUBLIC, error),
        PostprocessError::Disk(_) => Fault::of_this_worker("disk_failed", error),
    }
}
