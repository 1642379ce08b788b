//! `clipmill-wan inspect`: what a folder holds.

use std::path::PathBuf;

use anyhow::Result;
use candle_core::DType;
use clipmill_wan::folder::Folder;
use clipmill_wan::memory::Estimate;

/// Say what a folder holds, how large it is, and whether it can be used
#[derive(Debug, clap::Args)]
pub(crate) struct Inspect {
    /// The model's folder, in diffusers layout
    folder: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub(crate) fn run(&self) -> Result<()> {
        let folder = Folder::open(&self.folder)?;
        let summary = folder.summary()?;
        let (half, full) = (Estimate::of(&folder, DType::BF16, false)?, Estimate::of(&folder, DType::F32, true)?);
        if self.json {
            let mut said = serde_json::to_value(&summary)?;
            said["memory_bytes"] = serde_json::json!({ "bf16": half.all_bytes(), "f32": full.all_bytes() });
            println!("{}", serde_json::to_string_pretty(&said)?);
            return Ok(());
        }
        println!("{:?} in {}", summary.kind, self.folder.display());
        for part in &summary.components {
            let (millions, mib) = (part.parameters as f64 / 1e6, part.bytes >> 20);
            let dtypes = part.dtypes.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            println!(
                "  {:<14} {millions:>10.1} M parameters  {mib:>7} MiB as {dtypes} in {} files",
                part.name, part.files
            );
        }
        for (name, estimate) in [("bf16 (GPU)", half), ("f32 (CPU)", full)] {
            let (all, largest) = (estimate.all_bytes() >> 20, estimate.largest_bytes() >> 20);
            println!("Memory for weights, {name}: {all} MiB, or {largest} MiB with one component at a time");
        }
        Ok(())
    }
}
