//! What is left over in the store when nobody uses it.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

/// An upload that was begun this long ago is not going to be completed.
const UPLOAD_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Removes the folders that deleted objects left empty, which every listing would walk, and abandoned uploads.
pub(super) fn sweep(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_empty_folders(&entry.path())?;
        } else if is_abandoned_upload(&entry)? {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The folder itself stays: it may be a bucket.
fn remove_empty_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_empty_folders(&entry.path())?;
            // Fails when something is in it.
            let _ = fs::remove_dir(entry.path());
        }
    }
    Ok(())
}

fn is_abandoned_upload(entry: &fs::DirEntry) -> io::Result<bool> {
    let name = entry.file_name();
    let name = name.to_string_lossy();
    let of_upload = name.starts_with(".upload") || name.contains(".upload-");
    Ok(of_upload && entry.metadata()?.modified()?.elapsed().is_ok_and(|age| age > UPLOAD_AGE))
}
