//! A certificate made by ourselves, to try the signing out. Nobody trusts it who was not given its root.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};

/// The purpose that C2PA asks a signing certificate to name (id-c2pa-kp-claimSigning).
const CLAIM_SIGNING: [u64; 9] = [1, 3, 6, 1, 4, 1, 62558, 2, 1];

/// The files of a self-made certificate.
#[derive(Debug, Clone)]
pub struct SelfMade {
    /// The certificate that signs.
    pub certificate: PathBuf,
    /// Its key, for the owner of the folder alone.
    pub key: PathBuf,
    /// The certificate that issued it, for those who want to verify. Its own key is gone.
    pub root: PathBuf,
}

/// The self-made certificate that is kept in `folder`; made at first use, whole or not at all.
///
/// # Errors
/// A folder that cannot be written.
pub fn self_made(folder: &Path) -> Result<SelfMade> {
    let home = folder.join("c2pa");
    let made = |home: &Path| SelfMade {
        certificate: home.join("certificate.pem"),
        key: home.join("key.pem"),
        root: home.join("root.pem"),
    };
    if !home.is_dir() {
        let fresh = tempfile::Builder::new().prefix("c2pa-").tempdir_in(folder).context("cannot make a folder")?;
        make(&made(fresh.path())).context("cannot make a certificate")?;
        fs::rename(fresh.path(), &home).context("cannot keep the certificate that was made")?;
    }
    Ok(made(&home))
}

fn make(files: &SelfMade) -> Result<()> {
    let mut root = named("Clipmill test root");
    root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate()?)?;
    let mut signing = named("Clipmill test certificate");
    signing.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    signing.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(CLAIM_SIGNING.to_vec())];
    signing.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    write(&files.certificate, &signing.signed_by(&key, &root)?.pem())?;
    write(&files.key, &key.serialize_pem())?;
    write(&files.root, &root.pem())
}

fn named(name: &str) -> CertificateParams {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, "Clipmill");
    subject.push(DnType::CommonName, name);
    let mut certificate = CertificateParams::default();
    certificate.distinguished_name = subject;
    certificate.not_before = date_time_ymd(2025, 1, 1);
    certificate.not_after = date_time_ymd(2049, 12, 31);
    certificate
}

fn write(file: &Path, text: &str) -> Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(file)?;
    file.write_all(text.as_bytes())?;
    Ok(file.sync_all()?)
}
