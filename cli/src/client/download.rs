//! Finished files on their way to the user's disk.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::api::Client;
use super::error::ClientError;
use super::video::Video;

/// How long a download may take in all, and how long it may stand still.
const WHOLE_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);
const STALL_LIMIT: Duration = Duration::from_secs(60);

/// A file that was downloaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// Its size.
    pub size_bytes: u64,
    /// Its SHA-256 in hexadecimal digits.
    pub sha256: String,
}

impl Client {
    /// Downloads the file `variant` of a finished video to `path` and tells `watch` the bytes so far. The file appears
    /// when it is whole, and as the server announced it.
    ///
    /// # Errors
    /// See [`ClientError`]; then `path` is as it was.
    pub async fn download(
        &self,
        video: &Video,
        variant: &str,
        path: &Path,
        watch: impl FnMut(u64),
    ) -> Result<Download, ClientError> {
        let response = self.open(&video.id, variant, WHOLE_LIMIT).await?;
        let draft = draft_beside(path).map_err(|error| ClientError::file(path, error))?;
        let download = self.receive(response, &draft, path, watch).await?;
        if video.output(variant).is_some_and(|output| !output.sha256.eq_ignore_ascii_case(&download.sha256)) {
            return Err(ClientError::Damaged);
        }
        draft.persist(path).map_err(|error| ClientError::file(path, error.error))?;
        Ok(download)
    }

    async fn receive(
        &self,
        mut response: Response,
        draft: &NamedTempFile,
        path: &Path,
        mut watch: impl FnMut(u64),
    ) -> Result<Download, ClientError> {
        let failed = |error| ClientError::file(path, error);
        let mut file = File::from_std(draft.as_file().try_clone().map_err(failed)?);
        let (mut hash, mut size_bytes) = (Sha256::new(), 0);
        while let Some(chunk) = self.next_chunk(&mut response).await? {
            file.write_all(&chunk).await.map_err(failed)?;
            hash.update(&chunk);
            size_bytes += chunk.len() as u64;
            watch(size_bytes);
        }
        file.flush().await.map_err(failed)?;
        Ok(Download { size_bytes, sha256: hex::encode(hash.finalize()) })
    }

    async fn next_chunk(&self, response: &mut Response) -> Result<Option<Bytes>, ClientError> {
        let chunk = tokio::time::timeout(STALL_LIMIT, response.chunk()).await;
        let stalled = "the download stands still";
        match chunk {
            Ok(chunk) => chunk.map_err(|error| ClientError::unreachable(self.server(), &error)),
            Err(_) => Err(ClientError::Unreachable { server: self.server().to_owned(), reason: stalled.to_owned() }),
        }
    }
}

/// In the same folder, so that it can be renamed; with the usual permissions, because it becomes the user's file.
fn draft_beside(path: &Path) -> std::io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let permissions = Permissions::from_mode(0o666);
    tempfile::Builder::new().prefix(".clipmill-").suffix(".part").permissions(permissions).tempfile_in(folder)
}
