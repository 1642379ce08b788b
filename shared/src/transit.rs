//! What this process sends over a network in the clear, told when it starts.

use tracing::warn;

use crate::db::{self, DbConfig};
use crate::storage::StorageConfig;

/// Warns of every connection beyond this machine that nothing encrypts, and says what to do about it.
pub fn warn(database: &DbConfig, storage: &StorageConfig) {
    if db::in_the_clear(database) {
        warn!(
            "The way to Postgres may be in the clear: end DATABASE_URL with ?sslmode=verify-full, and with \
             &sslrootcert=FILE if the server's certificate is signed by an authority of your own"
        );
    }
    for setting in storage.in_the_clear() {
        warn!(setting, "The way to the S3 server is in the clear: give it an address that begins with https://");
    }
}
