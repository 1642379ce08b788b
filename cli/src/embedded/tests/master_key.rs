//! The master key of the embedded service.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use clipmill_shared::vault::VaultConfig;

use crate::embedded::master_key_file;

#[test]
fn a_master_key_is_made_once_and_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let file = master_key_file(&folder.path().join("data")).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let made = fs::read_to_string(&file).unwrap();
    let again = master_key_file(&folder.path().join("data")).unwrap();
    assert_eq!(fs::read_to_string(&again).unwrap(), made);
    let secrets = VaultConfig { master_key_file: Some(again), master_keys: None };
    assert_eq!(secrets.vault().unwrap().keys().count(), 1);
}
