//! Signs manifests.

use std::fmt;
use std::fs::{self, File};
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use c2pa::crypto::cose::{CertificateTrustPolicy, check_end_entity_certificate_profile};
use c2pa::status_tracker::StatusTracker;
use c2pa::{BoxedSigner, Builder, Context, SigningAlg, create_signer};
use chrono::DateTime;
use image::{ImageFormat, RgbImage};
use serde_json::json;

use super::manifest;
use crate::postprocess::{PostprocessError, Variant};

/// The kinds of keys, each with the algorithm that goes with it.
const ALGORITHMS: [SigningAlg; 5] =
    [SigningAlg::Es256, SigningAlg::Es384, SigningAlg::Es512, SigningAlg::Ed25519, SigningAlg::Ps256];
/// The most of a file that is held in memory while it is signed, in megabytes; the rest goes through a temporary file.
const MEMORY_MB: usize = 8;
/// Room for a signature and what stands around it, beside the certificates, in bytes.
const SIGNATURE_BYTES: usize = 2048;

/// The certificate cannot sign, or not any more.
#[derive(Debug, thiserror::Error)]
#[error("C2PA does not accept the certificate: {0}")]
pub struct CertificateError(String);

/// Signs manifests with one key and its certificates.
pub struct Signer {
    key: Key,
    context: Arc<Context>,
}

impl Signer {
    /// Takes the key and the certificates in PEM, the signing one first.
    pub(super) fn new(certificates: &[u8], key: &[u8]) -> anyhow::Result<Self> {
        let of = |algorithm| create_signer::from_keys(certificates, key, algorithm, None).ok();
        let key =
            ALGORITHMS.into_iter().find_map(of).context("neither EC, Ed25519 nor RSA in PKCS#8, or not in PEM")?;
        let settings = json!({
            "core": { "backing_store_memory_threshold_in_mb": MEMORY_MB },
            // The poster is a file of its own.
            "builder": { "thumbnail": { "enabled": false } },
        });
        Ok(Self { key: Key(key), context: Context::new().with_settings(settings)?.into_shared() })
    }

    /// Whether verifiers accept the certificate at this time.
    pub(super) fn check(&self) -> Result<(), CertificateError> {
        let certificates = self.key.0.certs().map_err(|error| CertificateError(error.to_string()))?;
        let certificate = certificates.first().ok_or_else(|| CertificateError("there is none".to_owned()))?;
        let mut log = StatusTracker::default();
        let checked =
            check_end_entity_certificate_profile(certificate, &CertificateTrustPolicy::default(), &mut log, None);
        checked.map_err(|error| {
            let said = log.logged_items().first().map(|item| item.description.to_string());
            CertificateError(said.unwrap_or_else(|| error.to_string()))
        })
    }

    /// Signs a picture of one point and looks whether the certificate bears the signature out.
    pub(super) fn try_out(&self) -> anyhow::Result<()> {
        let context = Context::new().with_settings(json!({
            "verify": { "verify_after_sign": true },
            "builder": { "thumbnail": { "enabled": false } },
        }))?;
        let mut picture = Cursor::new(Vec::new());
        RgbImage::new(1, 1).write_to(&mut picture, ImageFormat::Jpeg)?;
        let manifest = manifest::definition(Variant::Spritesheet, "", DateTime::UNIX_EPOCH);
        let mut builder = Builder::from_context(context).with_definition(manifest)?;
        builder.sign(&self.key, "image/jpeg", &mut picture, &mut Cursor::new(Vec::new()))?;
        Ok(())
    }

    /// Puts a signed manifest into the finished file of `variant`, by way of another file beside it.
    pub(super) fn sign(&self, variant: Variant, path: &Path, engine: &str) -> Result<(), PostprocessError> {
        self.check()?;
        let written_at = fs::metadata(path)?.modified()?;
        let manifest = manifest::definition(variant, engine, written_at.into());
        let signed = path.with_added_extension("signed");
        let (mut from, mut to) = (File::open(path)?, File::create_new(&signed)?);
        let builder = Builder::from_shared_context(&self.context).with_definition(manifest);
        builder
            .and_then(|mut builder| builder.sign(&self.key, variant.content_type(), &mut from, &mut to))
            .map_err(refused(variant))?;
        Ok(fs::rename(signed, path)?)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("algorithm", &self.key.0.alg()).finish_non_exhaustive()
    }
}

fn refused(part: Variant) -> impl FnOnce(c2pa::Error) -> PostprocessError {
    move |error| match error {
        c2pa::Error::IoError(error) => PostprocessError::Disk(error),
        other => PostprocessError::encoder(part)(other),
    }
}

/// The library's own signer keeps ten kilobytes free for a time stamp, more than a small picture weighs.
struct Key(BoxedSigner);

impl c2pa::Signer for Key {
    fn sign(&self, data: &[u8]) -> c2pa::Result<Vec<u8>> {
        self.0.sign(data)
    }

    fn alg(&self) -> SigningAlg {
        self.0.alg()
    }

    fn certs(&self) -> c2pa::Result<Vec<Vec<u8>>> {
        self.0.certs()
    }

    fn reserve_size(&self) -> usize {
        let certificates = self.0.certs().unwrap_or_default();
        SIGNATURE_BYTES + certificates.iter().map(Vec::len).sum::<usize>()
    }
}
