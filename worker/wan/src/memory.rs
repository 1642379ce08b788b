//! What a model and its renders take, before anything is loaded: refused with numbers rather than killed without.

use candle_core::{DType, Device};

use crate::error::{Error, Result};
use crate::folder::{Folder, Part};

/// Bytes that a model takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estimate {
    parts: Vec<(Part, u64)>,
}

impl Estimate {
    /// What a folder's components take when the transformers and the text encoder are kept as `dtype`, all else in f32.
    ///
    /// # Errors
    /// A weight file that cannot be read.
    pub fn of(folder: &Folder, dtype: DType) -> Result<Self> {
        let bytes = |part: Part| {
            let parameters: usize =
                folder.weights(part)?.shapes().values().map(|shape| shape.iter().product::<usize>()).sum();
            let size = match part {
                Part::Vae | Part::ImageEncoder => DType::F32.size_in_bytes(),
                _ => dtype.size_in_bytes(),
            };
            Ok((part, (parameters * size) as u64))
        };
        Ok(Self { parts: folder.parts().into_iter().map(bytes).collect::<Result<_>>()? })
    }

    /// Each component's bytes.
    pub fn parts(&self) -> &[(Part, u64)] {
        &self.parts
    }

    /// With everything loaded.
    pub fn all_bytes(&self) -> u64 {
        self.parts.iter().map(|(_, bytes)| bytes).sum()
    }

    /// With one component at a time.
    pub fn largest_bytes(&self) -> u64 {
        self.parts.iter().map(|(_, bytes)| *bytes).max().unwrap_or(0)
    }
}

/// Refuses work that takes more than there is. Where what is free is not known, all is let through.
pub(crate) fn require(what: &str, needed_bytes: u64, device: &Device) -> Result<()> {
    match free_bytes(device) {
        Some(free_bytes) if needed_bytes > free_bytes => {
            Err(Error::Memory { what: what.to_owned(), needed_bytes, free_bytes })
        }
        _ => Ok(()),
    }
}

/// Bytes that are free on a device; none if that cannot be found out.
pub fn free_bytes(device: &Device) -> Option<u64> {
    match device {
        Device::Cpu => available_kib(&std::fs::read_to_string("/proc/meminfo").ok()?).map(|kib| kib << 10),
        #[cfg(feature = "cuda")]
        Device::Cuda(_) => {
            candle_core::cuda_backend::cudarc::driver::result::mem_get_info().ok().map(|(free, _)| free as u64)
        }
        _ => None,
    }
}

/// What Linux could give without swapping.
fn available_kib(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_memory_is_read_in_kibibytes() {
        let text = "MemTotal:       24000000 kB\nMemFree:         1000000 kB\nMemAvailable:   20000000 kB\n";
        assert_eq!(available_kib(text), Some(20_000_000));
        assert_eq!(available_kib("MemTotal: 1 kB\n"), None);
    }

    #[test]
    fn work_beyond_what_is_free_is_refused_with_both_numbers() {
        let refused = require("a video", 1 << 60, &Device::Cpu).expect_err("nobody has an exbibyte");
        assert!(refused.to_string().starts_with("a video needs 1099511627776 MiB of memory and "), "{refused}");
        assert!(require("a video", 1 << 20, &Device::Cpu).is_ok());
    }
}
