//! Removing objects, a thousand with each request.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::{Storage, StorageError, unavailable};

/// Keys that a listing shows, and that a request removes, at most.
pub const PAGE: usize = 1000;

/// An object that the store did not remove, though it removed others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its key.
    pub key: String,
    /// Why, in the store's word. For logs only.
    pub code: String,
}

impl Storage {
    /// Removes every object whose key starts with `prefix`, and the uploads that were begun there. Says how many objects there were.
    pub async fn remove_prefix(&self, prefix: &str) -> Result<usize, StorageError> {
        let mut removed = 0;
        loop {
            let keys = self.list(prefix).await?;
            if keys.is_empty() {
                self.abort_uploads(prefix).await?;
                return Ok(removed);
            }
            removed += keys.len();
            if let Some(refused) = self.remove(&keys).await?.first() {
                return Err(failed(refused.code.clone()));
            }
        }
    }

    /// Removes these objects, a [`PAGE`] at most, in one request. What is not there counts as removed. Says which ones the store
    /// refused to remove.
    pub async fn remove(&self, keys: &[String]) -> Result<Vec<Refused>, StorageError> {
        let object = |key: &String| ObjectIdentifier::builder().key(self.prefix.add(key)).build();
        let objects: Result<Vec<_>, _> = keys.iter().map(object).collect();
        let objects = objects.map_err(|error| failed(error.to_string()))?;
        let batch = Delete::builder().set_objects(Some(objects)).quiet(true).build();
        let batch = batch.map_err(|error| failed(error.to_string()))?;
        let request = self.client.delete_objects().bucket(&self.bucket).delete(batch);
        let answer = request.send().await.map_err(unavailable("delete objects"))?;
        let refused = answer.errors().iter().map(|error| Refused {
            key: error.key().and_then(|key| self.prefix.strip(key)).unwrap_or_default(),
            code: error.code().unwrap_or("unknown").to_owned(),
        });
        Ok(refused.collect())
    }
}

fn failed(reason: String) -> StorageError {
    StorageError::Unavailable { verb: "delete objects", reason }
}
