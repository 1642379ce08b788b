//! Moderation before anything is queued. Neither the answer nor the log says a word of the prompt.

use axum::body::Bytes;
use clipmill_shared::jobs::spec::{Invalid, Spec};
use clipmill_shared::moderation::{Picture, Verdict};
use clipmill_shared::picture::{Content, SourceImage};
use clipmill_shared::storage::StorageError;

use crate::app::App;
use crate::limit::IMAGE_MAX_BYTES;
use crate::problem::Problem;

/// Judges the prompt as it was sent, as it was written out, and the images that come with it.
pub(super) async fn pass(app: &App, spec: &Spec, written: &str) -> Result<(), Problem> {
    let (moderation, prompt) = (app.studio.moderation(), spec.prompt());
    let text = if written == prompt { prompt.to_owned() } else { format!("{prompt}\n\n{written}") };
    let mut files = Vec::new();
    for image in spec.images().filter(|_| moderation.sees_pictures()) {
        files.push((image.kind.content_type(), content(app, image).await?));
    }
    let pictures = files.iter().map(|(content_type, bytes)| Picture { content_type, bytes });
    match moderation.judge(Some(&text), &pictures.collect::<Vec<_>>()).await {
        Ok(Verdict::Accepted) => Ok(()),
        Ok(Verdict::Flagged) => Err(Problem::moderated()),
        // Why is in the log already.
        Err(_) => Err(Problem::unavailable()),
    }
}

async fn content(app: &App, image: &SourceImage) -> Result<Bytes, Problem> {
    match &image.content {
        Content::Bytes(bytes) => Ok(bytes.clone()),
        Content::Object(key) => app.storage.read(key, IMAGE_MAX_BYTES).await.map_err(|error| match error {
            StorageError::NotFound => Invalid::no_file("input_reference").into(),
            error => error.into(),
        }),
    }
}
