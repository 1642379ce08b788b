//! What lies in the bucket, page by page: objects in the order of their keys, and uploads that were begun.

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::DateTime as Moment;
use chrono::{DateTime, Utc};

use super::{PAGE, Storage, StorageError, is_declined, unavailable};

/// An object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its key.
    pub key: String,
    /// When it was written last.
    pub modified_at: DateTime<Utc>,
    /// Its size in bytes.
    pub size_bytes: u64,
}

/// An upload in parts that was begun and is not finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// The key of the object that it is to become.
    pub key: String,
    /// What the store calls it.
    pub upload_id: String,
    /// When it was begun.
    pub begun_at: DateTime<Utc>,
}

/// Some of what there is, and whether there is more behind the last of it.
#[derive(Debug)]
pub struct Page<T> {
    /// In the order of their keys.
    pub items: Vec<T>,
    /// Whether there is more.
    pub has_more: bool,
}

impl Storage {
    /// Up to a [`PAGE`] of the objects whose keys start with `prefix` and come after another key.
    pub async fn survey(&self, prefix: &str, after: Option<&str>) -> Result<Page<Stored>, StorageError> {
        let list = self.client.list_objects_v2().bucket(&self.bucket).max_keys(PAGE as i32);
        let list = list.prefix(self.prefix.add(prefix)).set_start_after(after.map(|after| self.prefix.add(after)));
        let page = list.send().await.map_err(unavailable("list objects"))?;
        let items = page.contents().iter().filter_map(|object| {
            Some(Stored {
                key: self.prefix.strip(object.key()?)?,
                modified_at: moment(object.last_modified()?)?,
                size_bytes: object.size().and_then(|size| size.try_into().ok()).unwrap_or(0),
            })
        });
        Ok(Page { items: items.collect(), has_more: page.is_truncated().unwrap_or(false) })
    }

    /// Up to a [`PAGE`] of the uploads for keys that start with `prefix`, after another one. None where the server cannot list
    /// them, or our key may not.
    pub async fn survey_uploads(
        &self,
        prefix: &str,
        after: Option<&Begun>,
    ) -> Result<Option<Page<Begun>>, StorageError> {
        let list = self.client.list_multipart_uploads().bucket(&self.bucket).prefix(self.prefix.add(prefix));
        let list = list.set_key_marker(after.map(|upload| self.prefix.add(&upload.key)));
        let list = list.set_upload_id_marker(after.map(|upload| upload.upload_id.clone()));
        let page = match list.send().await {
            Err(error) if is_declined(&error) => return Ok(None),
            // That is how rclone says that there are none.
            Err(error) if error.code() == Some("NoSuchUpload") => {
                return Ok(Some(Page { items: Vec::new(), has_more: false }));
            }
            listed => listed.map_err(unavailable("list uploads"))?,
        };
        let items = page.uploads().iter().filter_map(|upload| {
            Some(Begun {
                key: self.prefix.strip(upload.key()?)?,
                upload_id: upload.upload_id()?.to_owned(),
                begun_at: moment(upload.initiated()?)?,
            })
        });
        Ok(Some(Page { items: items.collect(), has_more: page.is_truncated().unwrap_or(false) }))
    }

    /// Ends the uploads that were begun below `prefix` and never finished: their worker is gone. Where the server cannot list
    /// them, or our key may not, they are left to a rule of the bucket.
    pub async fn abort_uploads(&self, prefix: &str) -> Result<(), StorageError> {
        let mut after = None;
        while let Some(page) = self.survey_uploads(prefix, after.as_ref()).await? {
            for upload in &page.items {
                self.abort(upload).await?;
            }
            after = page.items.into_iter().last();
            if !page.has_more || after.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Ends an upload that was begun. One that is over is no error.
    pub async fn abort(&self, upload: &Begun) -> Result<(), StorageError> {
        self.abort_multipart(&upload.key, &upload.upload_id).await
    }

    pub(super) async fn abort_multipart(&self, key: &str, upload_id: &str) -> Result<(), StorageError> {
        let abort = self.client.abort_multipart_upload().bucket(&self.bucket).key(self.prefix.add(key));
        match abort.upload_id(upload_id).send().await {
            Err(error) if error.raw_response().is_some_and(|raw| raw.status().as_u16() == 404) => Ok(()),
            aborted => aborted.map(drop).map_err(unavailable("abort an upload")),
        }
    }
}

fn moment(moment: &Moment) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(moment.secs(), 0)
}
