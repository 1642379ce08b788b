//! What a model and its renders take, before anything is loaded: refused with numbers rather than killed without.

use std::path::Path;

use candle_core::{DType, Device};

use crate::error::{Error, Result};
use crate::folder::{Folder, Part};

/// Bytes that a model takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estimate {
    parts: Vec<(Part, u64)>,
}

impl Estimate {
    /// What a folder's components take when the transformers and the text encoder are kept as `dtype`, all else in f32. On the
    /// CPU the autoencoder's kernels of nine numbers are laid out as sixteen for its convolutions (Winograd, F(2x2, 3x3)).
    ///
    /// # Errors
    /// A weight file that cannot be read.
    pub fn of(folder: &Folder, dtype: DType, on_cpu: bool) -> Result<Self> {
        let bytes = |part: Part| {
            let parameters: usize =
                folder.weights(part)?.shapes().values().map(|shape| shape.iter().product::<usize>()).sum();
            let size = match part {
                Part::Vae | Part::ImageEncoder => DType::F32.size_in_bytes(),
                _ => dtype.size_in_bytes(),
            };
            let bytes = (parameters * size) as u64;
            Ok((part, if on_cpu && part == Part::Vae { bytes.div_ceil(9) * 16 } else { bytes }))
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
    Memory::of(device).map(|memory| memory.free)
}

/// Bytes that a device has, whoever uses them; none if that cannot be found out.
pub fn total_bytes(device: &Device) -> Option<u64> {
    Memory::of(device).map(|memory| memory.total)
}

/// A device's memory in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Memory {
    free: u64,
    total: u64,
}

impl Memory {
    fn of(device: &Device) -> Option<Self> {
        match device {
            Device::Cpu => {
                let machine = Self::of_machine(&std::fs::read_to_string("/proc/meminfo").ok()?)?;
                Some(Self::of_group(Path::new("/sys/fs/cgroup")).map_or(machine, |group| machine.within(group)))
            }
            #[cfg(feature = "cuda")]
            Device::Cuda(device) => {
                let (free, total) = device.cuda_stream().context().mem_get_info().ok()?;
                Some(Self { free: free as u64, total: total as u64 })
            }
            _ => None,
        }
    }

    /// What Linux has, and could give without swapping.
    fn of_machine(meminfo: &str) -> Option<Self> {
        let bytes = |key: &str| {
            let line = meminfo.lines().find_map(|line| line.strip_prefix(key))?;
            let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
            Some(kib << 10)
        };
        Some(Self { free: bytes("MemAvailable:")?, total: bytes("MemTotal:")? })
    }

    /// What a container may use, if that is limited (cgroup v2); pages of files are given back when they are needed.
    fn of_group(folder: &Path) -> Option<Self> {
        let read = |file: &str| std::fs::read_to_string(folder.join(file)).ok();
        let total: u64 = read("memory.max")?.trim().parse().ok()?;
        let used: u64 = read("memory.current")?.trim().parse().ok()?;
        let stat = read("memory.stat")?;
        let files: u64 = stat.lines().find_map(|line| line.strip_prefix("file "))?.parse().ok()?;
        Some(Self { free: total.saturating_sub(used.saturating_sub(files)), total })
    }

    /// The narrower of both.
    fn within(self, other: Self) -> Self {
        Self { free: self.free.min(other.free), total: self.total.min(other.total) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_machine_is_read_in_kibibytes() {
        let text = "MemTotal:       24000000 kB\nMemFree:         1000000 kB\nMemAvailable:   20000000 kB\n";
        assert_eq!(Memory::of_machine(text), Some(Memory { free: 20_000_000 << 10, total: 24_000_000 << 10 }));
        assert_eq!(Memory::of_machine("MemTotal: 1 kB\n"), None);
    }

    #[test]
    fn a_container_has_what_its_limit_leaves_and_the_pages_of_files() {
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| std::fs::write(folder.path().join(file), text).unwrap();
        write("memory.max", "max\n");
        write("memory.current", "700\n");
        write("memory.stat", "anon 500\nfile 200\nfile_mapped 100\n");
        assert_eq!(Memory::of_group(folder.path()), None);
        write("memory.max", "1000\n");
        let group = Memory { free: 500, total: 1000 };
        assert_eq!(Memory::of_group(folder.path()), Some(group));
        assert_eq!(Memory { free: 300, total: 9000 }.within(group), Memory { free: 300, total: 1000 });
    }

    #[test]
    fn work_beyond_what_is_free_is_refused_with_both_numbers() {
        let refused = require("a video", 1 << 60, &Device::Cpu).expect_err("nobody has an exbibyte");
        assert!(refused.to_string().starts_with("a video needs 1099511627776 MiB of memory and "), "{refused}");
        assert!(require("a video", 1 << 20, &Device::Cpu).is_ok());
    }
}
