//! `clipmill-worker engines`: what each tier would be rendered with on this machine.

use clipmill_shared::tier::Tier;
use clipmill_wan::folder::Folder;
use clipmill_wan::memory::{self, Estimate};
use clipmill_wan::pipeline::{Model, Options};
use clipmill_wan::{Device, Error};

use crate::config::EngineConfig;
use crate::engine::remote::section::Section;
use crate::engine::wan::options;
use crate::tiers::{Minimax, Rendering, Resolution, Tiers, Wan};

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
            Rendering::Remote(section) => println!("{tier}: {}", server(section)),
            Rendering::Minimax(minimax) => println!("{tier}: {}", elsewhere(minimax)),
        }
    }
    // Looks at what the files say against what the models can.
    tiers.engines(&device, None).map(drop)
}

fn elsewhere(minimax: &Minimax) -> String {
    let resolution = |resolution: &Resolution| {
        let sizes: Vec<String> = resolution.sizes.iter().map(ToString::to_string).collect();
        format!("{} in {}", resolution.name, sizes.join(", "))
    };
    let resolutions: Vec<String> = minimax.resolutions.iter().map(resolution).collect();
    format!(
        "{} at {}, {} a minute: {}",
        minimax.model,
        minimax.url,
        minimax.requests_per_minute,
        resolutions.join("; ")
    )
}

fn server(section: &Section) -> String {
    let (model, profile) = (section.model.as_deref().unwrap_or("whatever it serves"), section.profile);
    let runs = if section.server.is_some() { "which this worker runs" } else { "which runs by itself" };
    format!(
        "{model} of a model server ({profile}) at {}, {runs}; up to {} frames at {} a second",
        section.url, section.max_frames, section.fps
    )
}

fn model(wan: &Wan, device: &Device) -> anyhow::Result<String> {
    let folder = Folder::open(&wan.folder)?;
    let dtype = Options::on(device.clone()).dtype;
    let (kind, weights) = (folder.kind, Estimate::of(&folder, dtype, device.is_cpu())?.all_bytes());
    let fits = match Model::open(folder, options(wan, device)) {
        Ok(model) => stays(&model),
        Err(error @ Error::Memory { .. }) => error.to_string(),
        Err(error) => return Err(error.into()),
    };
    let sizes: Vec<String> = wan.sizes.iter().map(ToString::to_string).collect();
    Ok(format!(
        "{} ({kind:?}), up to {} frames at {} a second in {}; weights take {} MiB: {fits}",
        wan.folder.display(),
        wan.max_frames,
        wan.fps,
        sizes.join(", "),
        weights >> 20,
    ))
}

/// What of a model is read anew for a video, if its device has no room for all.
fn stays(model: &Model) -> String {
    let parts = model.estimate().parts().iter().filter(|(part, _)| !model.kept().contains(part));
    let anew: Vec<&str> = parts.map(|(part, _)| part.name()).collect();
    match anew.is_empty() {
        true => "all of it stays loaded".to_owned(),
        false => format!("it stays loaded but for {}, read anew when needed", anew.join(", ")),
    }
}
