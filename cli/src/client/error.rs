//! Why a request came to nothing, in sentences for the user.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use reqwest::{Response, StatusCode};
use serde::Deserialize;

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The key cannot be sent.
    #[error("the API key has characters that no key has")]
    Key,
    /// The address cannot be a server's.
    #[error("the server's address must begin with http:// or https://")]
    Address,
    /// No answer came, or it broke off.
    #[error("no answer from {server}: {reason}")]
    Unreachable {
        /// Host and port.
        server: String,
        /// The innermost cause.
        reason: String,
    },
    /// The server said no.
    #[error("{message} ({code})")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The server's word for programs.
        code: String,
        /// The server's sentence for people.
        message: String,
    },
    /// Something else than a Clipmill server answered.
    #[error("{server} does not answer like a Clipmill server (HTTP {status})")]
    Foreign {
        /// Host and port.
        server: String,
        /// The HTTP status.
        status: StatusCode,
    },
    /// A download is not what the server announced.
    #[error("the download differs from the file that the server announced; try again")]
    Damaged,
    /// A download cannot be kept.
    #[error("cannot write {}: {source}", path.display())]
    File {
        /// Where it should have gone.
        path: PathBuf,
        /// Why it could not.
        source: io::Error,
    },
}

#[derive(Deserialize)]
struct Body {
    error: Detail,
}

#[derive(Deserialize)]
struct Detail {
    message: String,
    code: String,
}

impl ClientError {
    /// `error` without the URL, which may be a signed one.
    pub(super) fn unreachable(server: &str, error: &reqwest::Error) -> Self {
        let mut cause: &dyn Error = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        let reason = if error.is_timeout() { "it took too long".to_owned() } else { cause.to_string() };
        Self::Unreachable { server: server.to_owned(), reason }
    }

    /// What a response without success says.
    pub(super) async fn from_response(server: &str, response: Response) -> Self {
        let status = response.status();
        match response.json::<Body>().await {
            Ok(Body { error: Detail { message, code } }) => Self::Refused { status, code, message },
            Err(_) => Self::Foreign { server: server.to_owned(), status },
        }
    }

    pub(super) fn file(path: &Path, source: io::Error) -> Self {
        Self::File { path: path.to_owned(), source }
    }

    /// Whether the same request may succeed in a moment.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { status, .. } | Self::Foreign { status, .. } => {
                matches!(status.as_u16(), 408 | 429 | 502 | 503 | 504)
            }
            Self::Key | Self::Address | Self::Damaged | Self::File { .. } => false,
        }
    }
}
