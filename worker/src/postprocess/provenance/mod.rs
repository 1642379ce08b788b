//! What a clip's files say of where they come from: a label for machines, and a signed manifest (C2PA) as the last thing.
//!
//! Nothing of it tells what was asked for or by whom: no prompt, no seed, no account.

use std::path::Path;
use std::sync::Arc;

use clipmill_shared::id::JobId;

mod certificate;
mod config;
mod manifest;
mod signer;
#[cfg(test)]
mod tests;

pub use certificate::{SelfMade, self_made};
pub use config::ProvenanceConfig;
pub use signer::{CertificateError, Signer};

use super::label::Label;
use super::{PostprocessError, Target, Variant};

/// How a worker marks what it makes.
#[derive(Debug, Clone)]
pub struct Provenance {
    signer: Option<Arc<Signer>>,
    producer: String,
}

impl Provenance {
    /// Reads and tries out what the settings name.
    ///
    /// # Errors
    /// A certificate or key that cannot be used, with the setting's name.
    pub fn open(config: &ProvenanceConfig) -> anyhow::Result<Self> {
        Ok(Self { signer: config.signer()?.map(Arc::new), producer: config.producer.clone() })
    }

    /// Whether files are signed, or only labelled.
    pub fn signs(&self) -> bool {
        self.signer.is_some()
    }

    /// What the files of this job say.
    pub(crate) fn of(&self, job: JobId) -> Origin {
        Origin { label: Label::new(&self.producer, job), signer: self.signer.clone() }
    }
}

/// What the files of a clip say of where they come from.
#[derive(Debug, Clone)]
pub struct Origin {
    pub(super) label: Label,
    signer: Option<Arc<Signer>>,
}

impl Default for Origin {
    /// A label without a number, and no signature.
    fn default() -> Self {
        Self { label: Label::new(config::PRODUCER, ""), signer: None }
    }
}

impl Origin {
    /// Labels and signs the finished files in `folder`, in place. `engine` made the pictures.
    pub(super) fn seal(
        &self,
        engine: &str,
        folder: &Path,
        files: &[(Variant, Target)],
    ) -> Result<(), PostprocessError> {
        for (variant, size) in files.iter().copied().filter(|(variant, _)| has_pictures(*variant)) {
            let path = folder.join(variant.file_name());
            self.label.write(variant, &path, size)?;
            if let Some(signer) = &self.signer {
                signer.sign(variant, &path, engine)?;
            }
        }
        Ok(())
    }
}

fn has_pictures(variant: Variant) -> bool {
    ["image/", "video/"].iter().any(|kind| variant.content_type().starts_with(kind))
}
