//! A render that goes on in a model server, outside of the worker that has its job.

use serde::{Deserialize, Serialize};

/// Where a render goes on, and what it is called there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// The server, as every worker that reaches it calls it.
    pub server: String,
    /// The render's name, given by that server.
    pub id: String,
}
