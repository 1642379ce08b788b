//! Which server, as whom, and how to print: what all commands of the client have in common.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, Result};
use url::Url;

use super::api::Client;

/// Options of every command of the client.
#[derive(Clone, clap::Args)]
pub struct Connection {
    /// Address of the server
    #[arg(long, value_name = "URL", env = "CLIPMILL_SERVER", default_value = "http://127.0.0.1:8080")]
    pub server: Url,

    /// API key; if left out, the key file is read
    #[arg(long, value_name = "KEY", env = "CLIPMILL_API_KEY", hide_env_values = true)]
    pub api_key: Option<String>,

    /// File with the API key, such as `clipmill dev` writes
    #[arg(long, value_name = "FILE", env = "CLIPMILL_KEY_FILE", default_value = ".clipmill/api-key")]
    pub key_file: PathBuf,

    /// Print the server's answer in JSON, and nothing else
    #[arg(long)]
    pub json: bool,
}

impl Connection {
    /// A client for that server.
    ///
    /// # Errors
    /// When there is no key, or what is given cannot be one.
    pub fn open(&self, http: reqwest::Client) -> Result<Client> {
        Ok(Client::new(http, self.server.clone(), self.key()?.trim())?)
    }

    fn key(&self) -> Result<String> {
        match &self.api_key {
            Some(key) => Ok(key.clone()),
            None => std::fs::read_to_string(&self.key_file).with_context(|| {
                let file = self.key_file.display();
                format!("no API key: give --api-key or CLIPMILL_API_KEY, or a --key-file that can be read ({file})")
            }),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connection").field("key_file", &self.key_file).finish_non_exhaustive()
    }
}
