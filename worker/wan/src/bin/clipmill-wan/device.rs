//! Which device computes.

use candle_core::Device;

/// Which device computes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DeviceArgs {
    /// `cpu`, or `cuda` or `cuda:N` for an NVIDIA GPU (needs a build with the feature `cuda`)
    #[arg(long, env = "CLIPMILL_DEVICE", default_value = "cpu")]
    device: String,
}

impl DeviceArgs {
    pub(crate) fn open(&self) -> anyhow::Result<Device> {
        Ok(clipmill_wan::device::open(&self.device)?)
    }
}
