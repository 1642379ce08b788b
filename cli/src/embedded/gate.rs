//! Who may do what in the store, and which of s3s-fs' habits a client never meets.

use std::fs;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use s3s::access::{S3Access, S3AccessContext};
use s3s::dto::{
    CompleteMultipartUploadInput, CreateMultipartUploadInput, DeleteObjectInput, DeleteObjectsInput, GetObjectInput,
    HeadObjectInput,
};
use s3s::{S3Request, S3Result, s3_error};

/// The longest file name of the usual file systems.
const NAME_LIMIT_BYTES: usize = 255;

/// What a side file's name has besides the encoded names: `.bucket-`, `.object-` and `.metadata.json`.
const SIDE_FILE_BYTES: usize = 30;

/// What it has more while parts are uploaded: `.upload-` and a UUID.
const UPLOAD_BYTES: usize = 44;

/// Stands before every operation. s3s-fs keeps an object's attributes in side files named after it, forgets them
/// when the object goes, and takes a key for a path.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) root: PathBuf,
}

#[async_trait]
impl S3Access for Gate {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        if context.credentials().is_none() {
            return Err(s3_error!(AccessDenied, "Signature is required"));
        }
        context.s3_path().as_object().map_or(Ok(()), |(bucket, key)| check_key(bucket, key, 0))
    }

    async fn create_multipart_upload(&self, request: &mut S3Request<CreateMultipartUploadInput>) -> S3Result<()> {
        check_key(&request.input.bucket, &request.input.key, UPLOAD_BYTES)
    }

    /// Otherwise the checksum of an earlier object under this key would be told for the new one.
    async fn complete_multipart_upload(&self, request: &mut S3Request<CompleteMultipartUploadInput>) -> S3Result<()> {
        let _ = fs::remove_file(side_file(&self.root, &request.input.bucket, &request.input.key, "internal"));
        Ok(())
    }

    async fn delete_object(&self, request: &mut S3Request<DeleteObjectInput>) -> S3Result<()> {
        self.forget(&request.input.bucket, &request.input.key);
        Ok(())
    }

    async fn delete_objects(&self, request: &mut S3Request<DeleteObjectsInput>) -> S3Result<()> {
        let input = &request.input;
        for object in &input.delete.objects {
            check_key(&input.bucket, &object.key, 0)?;
            self.forget(&input.bucket, &object.key);
        }
        Ok(())
    }

    async fn get_object(&self, request: &mut S3Request<GetObjectInput>) -> S3Result<()> {
        self.refuse_folder(&request.input.bucket, &request.input.key)
    }

    async fn head_object(&self, request: &mut S3Request<HeadObjectInput>) -> S3Result<()> {
        self.refuse_folder(&request.input.bucket, &request.input.key)
    }
}

impl Gate {
    fn forget(&self, bucket: &str, key: &str) {
        for kind in ["metadata", "internal"] {
            let _ = fs::remove_file(side_file(&self.root, bucket, key, kind));
        }
    }

    /// The first part of some keys is no object.
    fn refuse_folder(&self, bucket: &str, key: &str) -> S3Result<()> {
        match self.root.join(bucket).join(key).is_dir() {
            true => Err(s3_error!(NoSuchKey)),
            false => Ok(()),
        }
    }
}

/// Where s3s-fs 0.14 keeps the attributes (`metadata`) or checksums (`internal`) of an object.
fn side_file(root: &Path, bucket: &str, key: &str, kind: &str) -> PathBuf {
    let [bucket, key] = [bucket, key].map(|name| URL_SAFE_NO_PAD.encode(name));
    root.join(format!(".bucket-{bucket}.object-{key}.{kind}.json"))
}

fn check_key(bucket: &str, key: &str, more_bytes: usize) -> S3Result<()> {
    if key.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(s3_error!(InvalidArgument, "This store takes no key with an empty, `.` or `..` part"));
    }
    let encoded_bytes = |name: &str| (name.len() * 4).div_ceil(3);
    let name_bytes = SIDE_FILE_BYTES + encoded_bytes(bucket) + encoded_bytes(key) + more_bytes;
    if name_bytes > NAME_LIMIT_BYTES {
        return Err(s3_error!(KeyTooLongError, "This store takes only shorter keys"));
    }
    Ok(())
}
