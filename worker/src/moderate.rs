//! The stage between post-processing and upload: a video whose poster is refused is never stored.

use clipmill_shared::moderation::{Moderation, Picture, Verdict};
use tokio::fs;

use crate::fault::Fault;
use crate::postprocess::{Clip, Variant};

/// Judges a clip by its poster.
pub(crate) async fn run(moderation: &Moderation, clip: &Clip) -> Result<(), Fault> {
    let Some(poster) = clip.files.iter().find(|file| file.variant == Variant::Thumbnail) else { return Ok(()) };
    let bytes = fs::read(&poster.path).await.map_err(|error| Fault::of_this_worker("disk_failed", error))?;
    let picture = Picture { content_type: poster.variant.content_type(), bytes: &bytes };
    match moderation.judge(None, &[picture]).await {
        Ok(Verdict::Accepted) => Ok(()),
        Ok(Verdict::Flagged) => Err(Fault::permanent(
            "output_moderated",
            "The video was refused by this service's moderation. Change the request before submitting it again.",
            anyhow::anyhow!("the poster was flagged"),
        )),
        Err(away) => Err(Fault::transient(
            "moderation_unavailable",
            "The video could not be judged by this service's moderation. Submit the request again.",
            away,
        )),
    }
}
