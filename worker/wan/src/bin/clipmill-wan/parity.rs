//! `clipmill-wan parity`: the comparison with diffusers.

use std::path::PathBuf;

use anyhow::Result;

use crate::device::DeviceArgs;

/// Compare with what diffusers recorded for a folder; prints the largest difference of each group as JSON
#[derive(Debug, clap::Args)]
pub(crate) struct Parity {
    /// A model's folder with reference.json and reference.safetensors in it
    #[arg(long)]
    reference: PathBuf,
    #[command(flatten)]
    device: DeviceArgs,
}

impl Parity {
    pub(crate) fn run(&self) -> Result<()> {
        let differences = clipmill_wan::parity::run(&self.reference, &self.device.open()?)?;
        println!("{}", serde_json::to_string_pretty(&differences)?);
        Ok(())
    }
}
