//! One live process per folder.

use std::fs::{File, TryLockError};
use std::io::{Seek, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// A process that was just killed may hold its locks for a moment longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The right to use a folder for one purpose; ends with the value, or with the process however that ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes `folder/<purpose>.lock`, or says who holds it. Blocks for at most two seconds.
    pub(super) fn take(folder: &Path, purpose: &str) -> Result<Self> {
        let path = folder.join(format!("{purpose}.lock"));
        let open = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.with_context(|| format!("cannot open {}", path.display()))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(Duration::from_millis(20)),
                Err(TryLockError::WouldBlock) => bail!("{}", held_by_another(folder, &path)),
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("cannot lock {}", path.display()));
                }
            }
        }
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id()))?;
        Ok(Self { _file: file })
    }
}

fn held_by_another(folder: &Path, path: &Path) -> String {
    let holder = std::fs::read_to_string(path).unwrap_or_default();
    format!("{} is in use by another clipmill (process {holder}); stop it, or choose another folder", folder.display())
}
