//! Putting a file to an address of a customer's, a presigned one as a rule.

use std::io;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Method};
use tokio::fs::File;

use super::{Outbound, Refused};

/// How long one file may take.
const TIMEOUT: Duration = Duration::from_secs(900);

/// Why a file was not put. Names nothing of the address.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// The address is not called.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It answered with this HTTP status.
    #[error("it answered with HTTP status {0}")]
    Status(u16),
    /// Nobody answered in time.
    #[error("it could not be reached")]
    Unreachable,
    /// The file cannot be read.
    #[error("cannot read the file: {0}")]
    File(#[from] io::Error),
}

impl Outbound {
    /// Puts the file at `path` to `url`. Only 2xx is success; no redirect is followed.
    pub async fn put_file(&self, url: &str, content_type: &str, path: &Path) -> Result<(), PutError> {
        let file = File::open(path).await?;
        let request = self.request(Method::PUT, url)?.timeout(TIMEOUT);
        let request = request.header(CONTENT_TYPE, content_type).header(CONTENT_LENGTH, file.metadata().await?.len());
        let answer = request.body(Body::from(file)).send().await.map_err(|error| silence(&error))?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(PutError::Status(status.as_u16())),
        }
    }
}

/// Why there is no answer: a name that leads to where nobody may be called does so at every try.
fn silence(error: &reqwest::Error) -> PutError {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    let refused = causes.filter_map(|cause| cause.downcast_ref::<Refused>()).next();
    refused.map_or(PutError::Unreachable, |refused| PutError::Refused(refused.clone()))
}
