use std::path::{Path, PathBuf};
use std::sync::Mutex;

use candle_core::{Device, Tensor};
use image::RgbImage;

use super::request::Shape;
use super::*;
use crate::folder::{Folder, Part};
use crate::schedule::Sampling;
use crate::{Error, Result, Stage, Watch};

fn golden(variant: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/wan")).join(variant)
}

fn model(variant: &str) -> Model {
    Model::open(Folder::open(&golden(variant)).unwrap(), Options::on(Device::Cpu)).unwrap()
}

fn request(width: u32, height: u32, frames: u32) -> Request<'static> {
    Request {
        prompt: "a fox",
        negative_prompt: "blurry",
        width,
        height,
        frames,
        seed: 7,
        first_frame: None,
        last_frame: None,
    }
}

fn render(model: &Model, request: &Request, settings: &Settings, watch: &dyn Watch) -> Result<Vec<RgbImage>> {
    let mut frames = Vec::new();
    model.render(request, settings, watch, &mut |frame| {
        frames.push(frame);
        Ok(())
    })?;
    Ok(frames)
}

#[test]
fn as_many_frames_come_out_as_were_asked_for_and_a_seed_repeats_them() {
    let (model, settings) = (model("ti2v5b"), Settings::steps(2, 3.0));
    let frames = render(&model, &request(96, 64, 6), &settings, &()).unwrap();
    assert_eq!(frames.len(), 6);
    assert!(frames.iter().all(|frame| frame.dimensions() == (96, 64)));
    assert_eq!(render(&model, &request(96, 64, 6), &settings, &()).unwrap(), frames);
    let other = Request { seed: 8, ..request(96, 64, 6) };
    assert_ne!(render(&model, &other, &settings, &()).unwrap(), frames);
}

#[test]
fn the_steps_of_distilled_models_need_half_the_forward_passes_and_no_guidance() {
    let model = model("t2v22");
    for renoise in [false, true] {
        let sampling = Sampling::Distilled { steps: vec![1000.0, 750.0, 500.0, 250.0], shift: 5.0, renoise };
        let settings = Settings { sampling, ..Settings::steps(1, 1.0) };
        assert_eq!(model.work(&request(64, 64, 5), &settings).unwrap().forwards, 4);
        assert_eq!(render(&model, &request(64, 64, 5), &settings, &()).unwrap().len(), 5);
    }
    assert_eq!(model.work(&request(64, 64, 5), &Settings::steps(4, 2.0)).unwrap().forwards, 8);
}

#[test]
fn what_a_model_cannot_render_is_refused_before_anything_is_computed() {
    let (text, both, image) = (model("t2v22"), model("ti2v5b"), RgbImage::new(50, 40));
    let (first, last) = (Some(&image), Some(&image));
    let cases: [(&Model, Request, &str); 7] = [
        (&text, request(72, 64, 5), "width is 72; this model takes multiples of 16"),
        (&both, request(64, 80, 5), "height is 80; this model takes multiples of 32"),
        (&text, request(8192, 64, 5), "up to 4096"),
        (&text, request(64, 64, 0), "frames is 0"),
        (&text, Request { first_frame: first, ..request(64, 64, 5) }, "text alone"),
        (&both, Request { first_frame: first, last_frame: last, ..request(64, 64, 5) }, "no image to end on"),
        (&both, Request { last_frame: last, ..request(64, 64, 5) }, "starts from"),
    ];
    for (model, request, said) in cases {
        match render(model, &request, &Settings::steps(1, 1.0), &()) {
            Err(Error::Rejected(text)) => assert!(text.contains(said), "{text}"),
            other => panic!("{said}: {:?}", other.map(|frames| frames.len())),
        }
    }
    let first_last = model("flf21");
    for request in [request(64, 64, 5), Request { first_frame: first, ..request(64, 64, 5) }] {
        assert!(matches!(render(&first_last, &request, &Settings::steps(1, 1.0), &()), Err(Error::Rejected(_))));
    }
}

/// Stops a render at the so-manieth time that it is asked in a stage.
struct StopIn {
    stage: Stage,
    asked: Mutex<(Option<Stage>, u32)>,
    at: u32,
}

impl Watch for StopIn {
    fn stopped(&self) -> bool {
        let mut asked = self.asked.lock().unwrap();
        if asked.0 == Some(self.stage) {
            asked.1 += 1;
        }
        asked.1 >= self.at
    }

    fn progress(&self, stage: Stage, _: usize, _: usize) {
        self.asked.lock().unwrap().0 = Some(stage);
    }
}

#[test]
fn a_render_stops_in_the_middle_of_denoising_and_of_decoding() {
    let model = model("ti2v5b");
    for stage in [Stage::Load, Stage::Denoise, Stage::Decode] {
        let watch = StopIn { stage, asked: Mutex::default(), at: 2 };
        let ended = render(&model, &request(64, 64, 9), &Settings::steps(3, 2.0), &watch).map(|frames| frames.len());
        assert!(matches!(ended, Err(Error::Stopped)), "{stage:?}: {ended:?}");
        assert_eq!(watch.asked.lock().unwrap().1, 2, "asked again after it was told to stop");
    }
}

#[test]
fn a_number_that_is_not_finite_is_found_at_the_step_that_made_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broken.safetensors");
    let model = model("t2v22");
    let d = model.folder().transformer.inner_dim();
    let delta = Tensor::full(f32::NAN, d, &Device::Cpu).unwrap();
    let named = [("diffusion_model.blocks.0.ffn.2.diff_b".to_owned(), delta)];
    candle_core::safetensors::save(&named.into_iter().collect(), &file).unwrap();
    let lora = LoraFile { file, strength: 1.0, expert: Some(Expert::High) };
    let options = Options { loras: vec![lora], ..Options::on(Device::Cpu) };
    let broken = Model::open(Folder::open(&golden("t2v22")).unwrap(), options).unwrap();
    let ended = render(&broken, &request(64, 64, 5), &Settings::steps(3, 1.0), &()).map(|frames| frames.len());
    assert!(matches!(&ended, Err(Error::NotFinite(what)) if what.contains("step 0")), "{ended:?}");
}

#[test]
fn a_warm_model_has_all_that_it_keeps_and_renders_as_a_cold_one() {
    for (variant, steps) in
        [("t2v22", Sampling::Steps { count: 4, shift: None }), ("ti2v5b", distilled()), ("flf21", distilled())]
    {
        let (warm, settings) = (model(variant), Settings { sampling: steps, ..Settings::steps(1, 2.0) });
        warm.warm_up(&settings, &()).unwrap();
        let (mut loaded, mut kept) = (warm.loaded(), warm.kept().to_vec());
        loaded.sort_by_key(|part| part.name());
        kept.sort_by_key(|part| part.name());
        assert_eq!(loaded, kept);
        if variant == "flf21" {
            continue;
        }
        let of = |model: &Model| render(model, &request(64, 64, 5), &settings, &()).unwrap();
        assert_eq!(of(&warm), of(&model(variant)));
    }
}

fn distilled() -> Sampling {
    Sampling::Distilled { steps: vec![1000.0, 500.0], shift: 5.0, renoise: true }
}

#[test]
fn the_second_expert_is_read_while_the_first_is_at_work() {
    let model = model("t2v22");
    let is_loaded = || model.loaded().contains(&Part::Transformer2);
    let patience = std::time::Instant::now();
    let at_work = || {
        while !is_loaded() && patience.elapsed().as_secs() < 60 {
            std::thread::yield_now();
        }
        Ok(is_loaded())
    };
    assert!(preload::beside(&model, &(), at_work).unwrap());
    assert!(model.loaded().contains(&Part::Transformer));
}

#[test]
fn a_video_that_has_no_room_is_refused_with_numbers() {
    let (model, video) = (model("ti2v5b"), Video { width: 1024, height: 768, frames: 81 });
    let options = Options { videos: vec![video], ..Options::on(Device::Cpu) };
    let kept = |free_bytes| model::kept(model.folder(), model.estimate(), &options, None, free_bytes);
    assert_eq!(kept(1 << 40).unwrap().len(), 3);
    let weights = model.estimate().all_bytes();
    let said = kept(weights).unwrap_err().to_string();
    assert!(said.contains("a video of 1024x768 needs ") && said.ends_with("MiB are free"), "{said}");
    // Without the video, the weights alone would fit.
    assert_eq!(
        model::kept(model.folder(), model.estimate(), &Options::on(Device::Cpu), None, weights).unwrap().len(),
        3
    );
}

#[test]
fn a_frame_is_decoded_whole_or_in_the_largest_tiles_that_fit() {
    let model = model("ti2v5b");
    let shape = Shape::sized(&Video { width: 1024, height: 768, frames: 5 }, model.folder()).unwrap();
    let tile_in = |mib: u64| model.sizing().tiling(&shape, Some(mib << 20)).map(|tiling| tiling.tile);
    assert_eq!(model.sizing().tiling(&shape, None), None);
    let tiles: Vec<_> = (0..20).map(|doublings| tile_in(1 << doublings)).collect();
    assert_eq!((tiles[0], tiles[19]), (Some(128), None));
    let by_size = |tile: &Option<usize>| tile.unwrap_or(usize::MAX);
    assert!(tiles.is_sorted_by_key(by_size) && tiles.iter().any(|tile| by_size(tile) == 512), "{tiles:?}");
}

#[test]
fn tiles_that_the_model_cannot_decode_are_refused_before_anything_is_read() {
    let model = model("ti2v5b");
    let settings = Settings { tile: Some(100), ..Settings::steps(1, 1.0) };
    assert!(matches!(render(&model, &request(64, 64, 5), &settings, &()), Err(Error::Rejected(_))));
    assert!(model.loaded().is_empty());
}

#[test]
fn a_step_cache_changes_the_video_a_little_or_not_at_all() {
    let model = model("t2v22");
    let plain = render(&model, &request(64, 64, 5), &Settings::steps(8, 1.0), &()).unwrap();
    let with = |threshold| {
        let settings = Settings { cache_threshold: Some(threshold), ..Settings::steps(8, 1.0) };
        render(&model, &request(64, 64, 5), &settings, &()).unwrap()
    };
    assert_eq!(with(0.0), plain);
    assert_ne!(with(10.0), plain);
}
