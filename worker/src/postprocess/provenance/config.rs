//! Settings of how generated media are marked.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use super::{SelfMade, Signer};

/// Who the label says made the media, unless the operator says otherwise.
pub(super) const PRODUCER: &str = "Clipmill";
/// The longest name of a producer in bytes.
const PRODUCER_MAX: usize = 200;

/// How generated media are marked as such.
#[derive(Debug, Clone, clap::Args)]
pub struct ProvenanceConfig {
    /// File with the certificate chain (PEM, the signing one first) for the signed provenance of videos (C2PA); unset means unsigned
    #[arg(long = "c2pa-certificate", env = "CLIPMILL_C2PA_CERTIFICATE", requires = "c2pa_key")]
    pub c2pa_certificate: Option<PathBuf>,
    /// File with the private key of that certificate (PEM, PKCS#8): EC P-256, P-384 or P-521, Ed25519, or RSA
    #[arg(long = "c2pa-key", env = "CLIPMILL_C2PA_KEY", requires = "c2pa_certificate")]
    pub c2pa_key: Option<PathBuf>,
    /// Who the label for machines says made the media: a name, or the code that China's rule asks for
    #[arg(id = "label_producer", value_name = "LABEL_PRODUCER", long = "label-producer", env = "CLIPMILL_LABEL_PRODUCER", default_value = PRODUCER, value_parser = producer)]
    pub producer: String,
}

impl Default for ProvenanceConfig {
    /// Unsigned.
    fn default() -> Self {
        Self { c2pa_certificate: None, c2pa_key: None, producer: PRODUCER.to_owned() }
    }
}

impl ProvenanceConfig {
    /// Whether files shall be signed.
    pub fn signs(&self) -> bool {
        self.c2pa_certificate.is_some() || self.c2pa_key.is_some()
    }

    /// The same, signed by a self-made certificate.
    #[must_use]
    pub fn signed_by(self, made: SelfMade) -> Self {
        Self { c2pa_certificate: Some(made.certificate), c2pa_key: Some(made.key), ..self }
    }

    /// What signs, tried out; none if files shall not be signed.
    pub(super) fn signer(&self) -> anyhow::Result<Option<Signer>> {
        const CERTIFICATE: &str = "--c2pa-certificate / CLIPMILL_C2PA_CERTIFICATE";
        const KEY: &str = "--c2pa-key / CLIPMILL_C2PA_KEY";
        let (certificate, key) = match (&self.c2pa_certificate, &self.c2pa_key) {
            (None, None) => return Ok(None),
            (Some(certificate), Some(key)) => (certificate, key),
            (None, Some(_)) => anyhow::bail!("{CERTIFICATE} is needed beside {KEY}"),
            (Some(_), None) => anyhow::bail!("{KEY} is needed beside {CERTIFICATE}"),
        };
        let signer = Signer::new(&read(certificate, CERTIFICATE)?, &read(key, KEY)?).context(KEY)?;
        signer.check().with_context(|| format!("{CERTIFICATE}: {}", certificate.display()))?;
        signer.try_out().map_err(|error| match error.downcast_ref() {
            // That is how C2PA's library says it.
            Some(c2pa::Error::CoseX5ChainMissing) => anyhow!("{CERTIFICATE}: its subject names no organization (O)"),
            _ => error.context(format!("{KEY} does not belong to the certificate")),
        })?;
        Ok(Some(signer))
    }
}

fn read(file: &Path, setting: &str) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("{setting}: cannot read {}", file.display()))
}

fn producer(text: &str) -> Result<String, String> {
    let fits = (1..=PRODUCER_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned()).ok_or_else(|| format!("1 to {PRODUCER_MAX} bytes without control characters"))
}
