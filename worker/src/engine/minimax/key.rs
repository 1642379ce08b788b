//! The key of MiniMax's API, in a file of the operator's.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use clipmill_shared::secret::SecretText;

const LONGEST_BYTES: u64 = 8192;

/// Reads the key. The error says nothing of what stands in the file.
pub(super) fn read(path: &Path) -> anyhow::Result<SecretText> {
    let at = || format!("`api_key_file`: {}", path.display());
    let file = File::open(path).with_context(at)?;
    let mode = file.metadata().with_context(at)?.permissions().mode();
    // Its group may read it: so systemd hands a credential on.
    ensure!(mode & 0o037 == 0, "{}: others than its owner may use it: chmod 600 {}", at(), path.display());
    let mut text = String::new();
    file.take(LONGEST_BYTES + 1).read_to_string(&mut text).with_context(at)?;
    let key = text.trim();
    let is_key =
        !key.is_empty() && key.len() as u64 <= LONGEST_BYTES && key.bytes().all(|byte| byte.is_ascii_graphic());
    ensure!(is_key, "{}: holds no key: one line of visible ASCII characters", at());
    Ok(key.to_owned().into())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use tempfile::NamedTempFile;

    use super::*;

    fn in_a_file(text: &str, mode: u32) -> anyhow::Result<SecretText> {
        let file = NamedTempFile::new().expect("a file");
        fs::write(file.path(), text).expect("its text");
        fs::set_permissions(file.path(), Permissions::from_mode(mode)).expect("its mode");
        read(file.path())
    }

    #[test]
    fn a_key_stands_alone_in_a_file_of_its_owner_s() {
        assert_eq!(in_a_file("eyJhbGci.x-y_z\n", 0o600).expect("a key").reveal(), "eyJhbGci.x-y_z");
        for (text, mode, says) in [
            ("secret", 0o644, "chmod 600"),
            ("", 0o600, "holds no key"),
            ("secret secret", 0o600, "holds no key"),
            (&"s".repeat(9000), 0o600, "holds no key"),
        ] {
            let error = format!("{:#}", in_a_file(text, mode).expect_err(says));
            assert!(error.contains(says) && !error.contains("secret"), "{error}");
        }
    }
}
