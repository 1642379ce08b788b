//! The whole network, tiny and with random weights.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{DType, Device, Result, Tensor};
use tempfile::TempDir;

use super::*;
use crate::error::Error;
use crate::watch::Watch;
use crate::weights::Weights;

fn config() -> Config {
    Config {
        num_attention_heads: 2,
        attention_head_dim: 12,
        in_channels: 4,
        out_channels: 3,
        text_dim: 10,
        freq_dim: 8,
        ffn_dim: 20,
        num_layers: 3,
        rope_max_seq_len: 8,
        ..Config::default()
    }
}

fn with_images() -> Config {
    Config { image_dim: Some(14), added_kv_proj_dim: Some(24), pos_embed_seq_len: Some(6), ..config() }
}

/// Names and shapes of all weights.
fn shapes(config: &Config) -> Vec<(String, Vec<usize>)> {
    let d = config.inner_dim();
    let condition = |name: &str| format!("condition_embedder.{name}");
    let mut linear = vec![
        (condition("time_embedder.linear_1"), config.freq_dim, d),
        (condition("time_embedder.linear_2"), d, d),
        (condition("time_proj"), d, 6 * d),
        (condition("text_embedder.linear_1"), config.text_dim, d),
        (condition("text_embedder.linear_2"), d, d),
        ("proj_out".into(), d, 4 * config.out_channels),
    ];
    for i in 0..config.num_layers {
        for name in ["to_q", "to_k", "to_v", "to_out.0"] {
            linear.extend(["attn1", "attn2"].map(|attention| (format!("blocks.{i}.{attention}.{name}"), d, d)));
        }
        linear.push((format!("blocks.{i}.ffn.net.0.proj"), d, config.ffn_dim));
        linear.push((format!("blocks.{i}.ffn.net.2"), config.ffn_dim, d));
        if config.image_dim.is_some() {
            linear.extend(["add_k_proj", "add_v_proj"].map(|name| (format!("blocks.{i}.attn2.{name}"), d, d)));
        }
    }
    if let Some(image) = config.image_dim {
        linear.push((condition("image_embedder.ff.net.0.proj"), image, image));
        linear.push((condition("image_embedder.ff.net.2"), image, d));
    }
    let both = |(name, from, to)| [(format!("{name}.weight"), vec![to, from]), (format!("{name}.bias"), vec![to])];
    linear.into_iter().flat_map(both).chain(other_shapes(config)).collect()
}

/// Names and shapes of what is not a linear layer.
fn other_shapes(config: &Config) -> Vec<(String, Vec<usize>)> {
    let d = config.inner_dim();
    let mut shapes = vec![
        ("patch_embedding.weight".into(), vec![d, config.in_channels, 1, 2, 2]),
        ("patch_embedding.bias".into(), vec![d]),
        ("scale_shift_table".into(), vec![1, 2, d]),
    ];
    for i in 0..config.num_layers {
        shapes.push((format!("blocks.{i}.scale_shift_table"), vec![1, 6, d]));
        let mut names =
            vec!["attn1.norm_q.weight", "attn1.norm_k.weight", "attn2.norm_q.weight", "attn2.norm_k.weight"];
        names.extend(["norm2.weight", "norm2.bias"].into_iter().filter(|_| config.cross_attn_norm));
        names.extend(config.image_dim.map(|_| "attn2.norm_added_k.weight"));
        shapes.extend(names.into_iter().map(|name| (format!("blocks.{i}.{name}"), vec![d])));
    }
    if let Some(image) = config.image_dim {
        let embedder = |name: &str| format!("condition_embedder.image_embedder.{name}");
        for (norm, channels) in [("norm1", image), ("norm2", d)] {
            shapes.push((embedder(&format!("{norm}.weight")), vec![channels]));
            shapes.push((embedder(&format!("{norm}.bias")), vec![channels]));
        }
        shapes.extend(config.pos_embed_seq_len.map(|rows| (embedder("pos_embed"), vec![1, rows, image])));
    }
    shapes
}

/// A folder of random weights, without the one named `missing`.
fn weights(config: &Config, missing: &str) -> (TempDir, Weights) {
    let folder = tempfile::tempdir().expect("a folder");
    let random = |shape: Vec<usize>| Tensor::randn(0f32, 0.3, shape, &Device::Cpu).expect("random");
    let named = shapes(config).into_iter().filter(|(name, _)| name != missing);
    let tensors: HashMap<String, Tensor> = named.map(|(name, shape)| (name, random(shape))).collect();
    candle_core::safetensors::save(&tensors, folder.path().join("tiny.safetensors")).expect("saved");
    let weights = Weights::open(folder.path(), "tiny").expect("opened");
    (folder, weights)
}

fn load(config: &Config) -> Transformer {
    let (_folder, weights) = weights(config, "");
    Transformer::load(&weights, config, DType::F32, &Device::Cpu, &()).expect("loaded")
}

fn text(rows: usize) -> Result<Tensor> {
    Tensor::randn(0f32, 1., (1, rows, 10), &Device::Cpu)
}

fn latents(frames: usize) -> Result<Tensor> {
    Tensor::randn(0f32, 1., (1, 4, frames, 6, 4), &Device::Cpu)
}

fn run(frames: usize, timestep: f64) -> Run {
    Run { frames, timestep }
}

fn difference(a: &Tensor, b: &Tensor) -> Result<f32> {
    (a - b)?.abs()?.max_all()?.to_scalar()
}

#[test]
fn the_parameters_are_counted_to_the_last() {
    for config in [config(), with_images(), Config { cross_attn_norm: false, ..config() }] {
        let count: usize = shapes(&config).iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
        assert_eq!(config.parameters(), count as u64);
    }
}

#[test]
fn the_velocity_has_the_size_of_the_video() -> crate::Result<()> {
    let model = load(&config());
    let context = model.context(&text(5)?, None)?;
    let inputs = Inputs { latents: &latents(3)?, times: &[run(3, 700.0)], context: &context };
    let mut blocks = Vec::new();
    let velocity = model.forward_traced(&inputs, None, &(), &mut |i, x| blocks.push((i, x.dims().to_vec())))?;
    assert_eq!(velocity.dims(), [1, 3, 3, 6, 4]);
    assert_eq!(blocks, [0, 1, 2].map(|i| (i, vec![3 * 3 * 2, 24])));
    Ok(())
}

#[test]
fn frames_may_have_timesteps_of_their_own() -> crate::Result<()> {
    let model = load(&config());
    let context = model.context(&text(5)?, None)?;
    let latents = latents(3)?;
    let velocity = |times: &[Run]| model.forward(&Inputs { latents: &latents, times, context: &context }, None, &());
    let whole = velocity(&[run(3, 700.0)])?;
    assert!(difference(&whole, &velocity(&[run(1, 700.0), run(2, 700.0)])?)? < 1e-4);
    assert!(difference(&whole, &velocity(&[run(1, 0.0), run(2, 700.0)])?)? > 1e-2);
    Ok(())
}

#[test]
fn the_same_pass_again_comes_from_the_cache() -> crate::Result<()> {
    let model = load(&config());
    let context = model.context(&text(5)?, None)?;
    let inputs = Inputs { latents: &latents(2)?, times: &[run(2, 700.0)], context: &context };
    let mut cache = StepCache::new(0.05);
    let mut blocks = 0;
    let first = model.forward_traced(&inputs, Some(&mut cache), &(), &mut |_, _| blocks += 1)?;
    let second = model.forward_traced(&inputs, Some(&mut cache), &(), &mut |_, _| blocks += 1)?;
    assert_eq!((blocks, cache.hits()), (3 + 1, 1));
    assert!(difference(&first, &second)? < 1e-4);
    assert!(difference(&first, &model.forward(&inputs, None, &())?)? < 1e-4);
    Ok(())
}

#[test]
fn half_precision_stays_close() -> crate::Result<()> {
    let (_folder, weights) = weights(&with_images(), "");
    let (text, image, latents) = (text(5)?, Tensor::randn(0f32, 1., (1, 6, 14), &Device::Cpu)?, latents(2)?);
    let velocity = |dtype| {
        let model = Transformer::load(&weights, &with_images(), dtype, &Device::Cpu, &())?;
        let context = model.context(&text, Some(&image))?;
        model.forward(&Inputs { latents: &latents, times: &[run(2, 700.0)], context: &context }, None, &())
    };
    let exact = velocity(DType::F32)?;
    let scale = exact.abs()?.max_all()?.to_scalar::<f32>()?;
    for (dtype, bound) in [(DType::BF16, 0.05), (DType::F16, 0.01)] {
        let half = velocity(dtype)?;
        assert_eq!(half.dtype(), DType::F32);
        let error = difference(&exact, &half)? / scale;
        assert!(error < bound, "{dtype:?} is off by {error}");
    }
    Ok(())
}

#[test]
fn what_does_not_fit_the_model_is_rejected() -> crate::Result<()> {
    let rejected = |result: crate::Result<Tensor>| matches!(result, Err(Error::Rejected(_)));
    let (model, other) = (load(&config()), load(&config()));
    let (context, of_another) = (model.context(&text(5)?, None)?, other.context(&text(5)?, None)?);
    let velocity = |latents: &Tensor, times: &[Run], context: &Context| {
        model.forward(&Inputs { latents, times, context }, None, &())
    };
    assert!(rejected(velocity(&latents(3)?, &[run(2, 700.0)], &context)), "too few timesteps");
    assert!(rejected(velocity(&latents(3)?, &[run(3, 700.0), run(0, 1.0)], &context)), "an empty run");
    assert!(rejected(velocity(&latents(9)?, &[run(9, 700.0)], &context)), "more frames than positions");
    assert!(rejected(velocity(&latents(3)?.narrow(1, 0, 3)?, &[run(3, 700.0)], &context)), "too few channels");
    assert!(rejected(velocity(&latents(3)?.narrow(3, 0, 5)?, &[run(3, 700.0)], &context)), "odd rows");
    assert!(rejected(velocity(&latents(3)?, &[run(3, 700.0)], &of_another)), "another transformer's context");
    Ok(())
}

#[test]
fn a_context_of_other_embeddings_is_rejected() -> crate::Result<()> {
    let rejected = |result: crate::Result<Context>| matches!(result, Err(Error::Rejected(_)));
    let image = Tensor::zeros((1, 6, 14), DType::F32, &Device::Cpu)?;
    let model = load(&config());
    assert!(rejected(model.context(&text(5)?, Some(&image))), "an image that the model cannot see");
    assert!(rejected(model.context(&text(5)?.narrow(2, 0, 9)?, None)), "text of fewer channels");
    let model = load(&with_images());
    assert!(rejected(model.context(&text(5)?, None)), "no image");
    assert!(rejected(model.context(&text(5)?, Some(&image.narrow(1, 0, 3)?))), "one image of two");
    Ok(())
}

#[test]
fn a_tensor_that_is_missing_is_named() {
    let (_folder, weights) = weights(&config(), "blocks.1.ffn.net.2.bias");
    let error = Transformer::load(&weights, &config(), DType::F32, &Device::Cpu, &()).expect_err("refused");
    assert!(error.to_string().contains("blocks.1.ffn.net.2.bias"), "{error}");
}

/// Stops at the question of this number.
struct StopAt(AtomicUsize);

impl Watch for StopAt {
    fn stopped(&self) -> bool {
        self.0.fetch_sub(1, Ordering::Relaxed) == 1
    }
}

#[test]
fn a_pass_stops_between_blocks() -> crate::Result<()> {
    let model = load(&config());
    let context = model.context(&text(5)?, None)?;
    let inputs = Inputs { latents: &latents(2)?, times: &[run(2, 700.0)], context: &context };
    let mut blocks = 0;
    let stopped = model.forward_traced(&inputs, None, &StopAt(2.into()), &mut |_, _| blocks += 1);
    assert!(matches!(stopped, Err(Error::Stopped)) && blocks == 1);
    Ok(())
}
