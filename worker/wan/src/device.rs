//! Which device computes.

use candle_core::Device;

use crate::error::{Error, Result};

/// Opens a device by its name: `cpu`, `cuda` for the first NVIDIA GPU, or `cuda:N`. GPUs need a build with the feature `cuda`.
///
/// # Errors
/// [`Error::Rejected`] for another name, or what the driver says of a GPU that is not there.
pub fn open(name: &str) -> Result<Device> {
    let number = match name {
        "cpu" => return Ok(Device::Cpu),
        "cuda" => 0,
        named => match named.strip_prefix("cuda:").map(str::parse) {
            Some(Ok(number)) => number,
            _ => return Err(Error::Rejected(format!("the device is {named:?}; it has to be cpu, cuda or cuda:N"))),
        },
    };
    Ok(Device::new_cuda(number)?)
}

#[cfg(test)]
mod tests {
    use super::open;

    #[test]
    fn a_device_is_found_by_its_name() {
        assert!(open("cpu").is_ok_and(|device| device.is_cpu()));
        for name in ["gpu", "cuda:", "cuda:x", "cuda:-1", ""] {
            assert!(open(name).is_err_and(|error| error.to_string().contains("cpu, cuda or cuda:N")), "{name}");
        }
    }
}
