//! `clipmill-worker engines`: what each tier would be rendered with on this machine.

use clipmill_shared::tier::Tier;
use clipmill_wan::Device;
use clipmill_wan::folder::Folder;
use clipmill_wan::memory::{self, Estimate};
use clipmill_wan::pipeline::Options;

use crate::config::EngineConfig;
use crate::tiers::{Rendering, Tiers, Wan};

/// Prints what was found and what fits.
///
/// # Errors
/// A tiers file, a device or a model that cannot be used.
pub fn report(config: &EngineConfig) -> anyhow::Result<()> {
    let device = config.open_device()?;
    let free = memory::free_bytes(&device).map_or("unknown".to_owned(), |bytes| format!("{} MiB", bytes >> 20));
    println!("device {}: {free} of memory free", config.device);
    let Some(file) = &config.tiers_file else {
        println!("{}: the preview engine, which needs no model", Tier::ALL.map(Tier::as_str).join(", "));
        return Ok(());
    };
    let tiers = Tiers::read(file)?;
    for (tier, rendering) in tiers.renderings() {
        match rendering {
            Rendering::Preview {} => println!("{tier}: the preview engine, which needs no model"),
            Rendering::Wan(wan) => println!("{tier}: {}", model(wan, &device)?),
        }
    }
    // Looks at what the files say against what the models can.
    tiers.engines(&device).map(drop)
}

fn model(wan: &Wan, device: &Device) -> anyhow::Result<String> {
    let folder = Folder::open(&wan.folder)?;
    let estimate = Estimate::of(&folder, Options::on(device.clone()).dtype)?;
    let (all, largest) = (estimate.all_bytes(), estimate.largest_bytes());
    let fits = match memory::free_bytes(device) {
        Some(free) if all <= free => "stays loaded",
        Some(free) if largest <= free => "fits one component at a time: each is read anew for every video",
        Some(_) => "does not fit",
        None => "may fit",
    };
    let sizes: Vec<String> = wan.sizes.iter().map(ToString::to_string).collect();
    Ok(format!(
        "{} ({:?}), up to {} frames at {} a second in {}; weights take {} MiB, the largest component {} MiB: {fits}",
        wan.folder.display(),
        folder.kind,
        wan.max_frames,
        wan.fps,
        sizes.join(", "),
        all >> 20,
        largest >> 20,
    ))
}
