//! The machine that a worker runs on: its name, and its GPUs as NVIDIA's driver sees them.

use clipmill_shared::fleet::process::Gpu;
use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use tracing::debug;

/// The machine.
#[derive(Debug)]
pub(crate) struct Machine {
    /// What it is called in its network.
    pub(crate) host: String,
    driver: Option<Nvml>,
}

impl Machine {
    /// This machine. Without NVIDIA's driver it has no GPUs to speak of.
    pub(crate) fn here() -> Self {
        let driver = Nvml::init().inspect_err(|error| debug!(%error, "There is no NVML")).ok();
        Self { host: host(), driver }
    }

    /// Its GPUs as they are now, also as metrics.
    pub(crate) fn gpus(&self) -> Vec<Gpu> {
        let Some(driver) = &self.driver else { return Vec::new() };
        let count = driver.device_count().unwrap_or(0);
        let gpus = (0..count).filter_map(|nth| read(&driver.device_by_index(nth).ok()?).ok());
        gpus.enumerate().map(|(nth, gpu)| measured(nth, gpu)).collect()
    }
}

/// What this machine is called in its network.
pub(crate) fn host() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "unknown" } else { host.trim() };
    host.to_owned()
}

fn read(device: &Device<'_>) -> Result<Gpu, NvmlError> {
    let memory = device.memory_info()?;
    Ok(Gpu {
        name: device.name()?,
        memory_bytes: memory.total,
        memory_used_bytes: memory.used,
        utilization_percent: device.utilization_rates().ok().map(|rates| rates.gpu),
        temperature_celsius: device.temperature(TemperatureSensor::Gpu).ok(),
    })
}

fn measured(nth: usize, gpu: Gpu) -> Gpu {
    let labels = [("gpu", nth.to_string())];
    metrics::gauge!("clipmill_gpu_memory_bytes", &labels).set(gpu.memory_bytes as f64);
    metrics::gauge!("clipmill_gpu_memory_used_bytes", &labels).set(gpu.memory_used_bytes as f64);
    if let Some(percent) = gpu.utilization_percent {
        metrics::gauge!("clipmill_gpu_utilization_percent", &labels).set(f64::from(percent));
    }
    if let Some(celsius) = gpu.temperature_celsius {
        metrics::gauge!("clipmill_gpu_temperature_celsius", &labels).set(f64::from(celsius));
    }
    gpu
}
