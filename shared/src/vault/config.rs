//! Where master keys come from: a file of the operator's, or the environment.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tracing::warn;
use zeroize::Zeroizing;

use super::{MasterKey, Vault};
use crate::secret::SecretText;

/// Bytes of a file of keys, comments and all.
const FILE_MAX_BYTES: u64 = 64 * 1024;

/// What secrets in the database are sealed with.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct VaultConfig {
    /// File of master keys that seal the secrets in the database, one a line: the first one seals, all of them open. Unset means that secrets are stored as they are
    #[arg(long, env = "CLIPMILL_MASTER_KEY_FILE", global = true, help_heading = "Secrets")]
    pub master_key_file: Option<PathBuf>,
    /// Master keys in place of such a file, separated by commas
    #[arg(long, env = "CLIPMILL_MASTER_KEYS", hide_env_values = true, global = true, help_heading = "Secrets")]
    pub master_keys: Option<SecretText>,
}

impl VaultConfig {
    /// Whether any key is named.
    pub fn is_set(&self) -> bool {
        self.master_key_file.is_some() || self.master_keys.is_some()
    }

    /// The vault that is configured. Warns if it has no key; the error names the setting that cannot be used.
    pub fn vault(&self) -> Result<Vault, String> {
        const FILE: &str = "--master-key-file / CLIPMILL_MASTER_KEY_FILE";
        const KEYS: &str = "--master-keys / CLIPMILL_MASTER_KEYS";
        let keys = match (&self.master_key_file, &self.master_keys) {
            (Some(_), Some(_)) => Err(format!("{FILE} and {KEYS} say the same in two ways: set one of them")),
            (Some(file), None) => read(file).map_err(|error| format!("{FILE}: {}: {error}", file.display())),
            (None, Some(keys)) => parse(keys.reveal().split(',')).map_err(|error| format!("{KEYS}: {error}")),
            (None, None) => {
                warn!("Secrets in the database are not sealed: make a master key with `clipmill-api secrets generate`");
                Ok(Vec::new())
            }
        };
        keys.map(Vault::new)
    }
}

fn read(path: &Path) -> Result<Vec<MasterKey>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mode = file.metadata().map_err(|error| error.to_string())?.permissions().mode();
    // Its group may read it: so systemd hands a credential on.
    if mode & 0o037 != 0 {
        return Err(format!("others than its owner may use it: chmod 600 {}", path.display()));
    }
    let mut text = Zeroizing::new(String::new());
    let size = file.take(FILE_MAX_BYTES + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if size as u64 > FILE_MAX_BYTES {
        return Err(format!("must have at most {FILE_MAX_BYTES} bytes"));
    }
    parse(text.lines())
}

/// The keys, one an entry. An entry that is empty or begins with # is none.
fn parse<'a>(entries: impl Iterator<Item = &'a str>) -> Result<Vec<MasterKey>, String> {
    let mut keys = Vec::new();
    for (number, entry) in entries.map(str::trim).enumerate() {
        if !entry.is_empty() && !entry.starts_with('#') {
            keys.push(entry.parse().map_err(|error| format!("entry {} {error}", number + 1))?);
        }
    }
    if keys.is_empty() { Err("holds no key".to_owned()) } else { Ok(keys) }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use tempfile::NamedTempFile;

    use super::*;

    fn in_a_file(text: &str, mode: u32) -> Result<Vault, String> {
        let file = NamedTempFile::new().expect("a file");
        fs::write(file.path(), text).expect("its text");
        fs::set_permissions(file.path(), Permissions::from_mode(mode)).expect("its mode");
        VaultConfig { master_key_file: Some(file.path().to_owned()), master_keys: None }.vault()
    }

    fn in_the_environment(text: &str) -> Result<Vault, String> {
        VaultConfig { master_key_file: None, master_keys: Some(text.to_owned().into()) }.vault()
    }

    #[test]
    fn keys_come_from_a_file_or_the_environment_in_their_order() {
        let keys = [MasterKey::generate(), MasterKey::generate()];
        let ids: Vec<_> = keys.iter().map(MasterKey::id).collect();
        let [first, second] = keys.map(|key| key.reveal());
        let read = in_a_file(&format!("# new\n{first}\n\n# old\n {second}\n"), 0o600).expect("two keys");
        assert_eq!(read.keys().collect::<Vec<_>>(), ids);
        let read = in_the_environment(&format!("{first}, {second}")).expect("two keys");
        assert_eq!(read.keys().collect::<Vec<_>>(), ids);
        assert_eq!(VaultConfig::default().vault().expect("a vault").keys().count(), 0);
    }

    #[test]
    fn a_file_that_others_may_use_is_refused() {
        let key = MasterKey::generate().reveal();
        for mode in [0o604, 0o620, 0o610, 0o666] {
            let error = in_a_file(&key, mode).expect_err("refused");
            assert!(error.contains("CLIPMILL_MASTER_KEY_FILE") && error.contains("chmod 600"), "{error}");
        }
        for mode in [0o400, 0o440, 0o640] {
            assert!(in_a_file(&key, mode).is_ok());
        }
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_repeated() {
        let key = MasterKey::generate().reveal();
        for (text, says) in [
            ("".to_owned(), "holds no key"),
            ("# none\n".to_owned(), "holds no key"),
            (format!("{key}\n{}\n", &key[4..]), "entry 2 must be 32 bytes in base64"),
            (format!("{key}\n").repeat(2000), "at most 65536 bytes"),
        ] {
            let error = in_a_file(&text, 0o600).expect_err("refused");
            assert!(error.contains(says) && !error.contains(&key[4..]), "{error}");
        }
        assert!(in_the_environment("").is_err_and(|error| error.contains("CLIPMILL_MASTER_KEYS")));
        let both = VaultConfig { master_key_file: Some("keys".into()), master_keys: Some(key.into()) };
        assert!(both.vault().is_err_and(|error| error.contains("set one of them")));
    }
}
