use std::collections::HashMap;
use std::path::PathBuf;

use candle_core::{DType, Device, Result, Tensor};

use super::Lora;
use crate::weights::Weights;

/// A folder with a transformer of two tensors, and whatever LoRA files a test writes into it.
struct Fixture {
    folder: tempfile::TempDir,
}

fn matrix(values: &[&[f32]]) -> Tensor {
    let flat: Vec<f32> = values.concat();
    Tensor::from_vec(flat, (values.len(), values[0].len()), &Device::Cpu).unwrap()
}

impl Fixture {
    fn new(dtype: DType) -> Self {
        let fixture = Self { folder: tempfile::tempdir().unwrap() };
        let weight = matrix(&[&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]]).to_dtype(dtype).unwrap();
        let bias = Tensor::new(&[0.5f32, -0.5], &Device::Cpu).unwrap();
        let patches = Tensor::zeros((2, 3, 1, 1, 1), DType::F32, &Device::Cpu).unwrap();
        let tensors = [
            ("blocks.0.attn1.to_q.weight", weight),
            ("blocks.0.attn1.to_q.bias", bias),
            ("patch_embedding.weight", patches),
        ];
        fixture.write("model", tensors);
        fixture
    }

    fn write<const N: usize>(&self, stem: &str, tensors: [(&str, Tensor); N]) -> PathBuf {
        let file = self.folder.path().join(format!("{stem}.safetensors"));
        candle_core::safetensors::save(&HashMap::from(tensors), &file).unwrap();
        file
    }

    fn weights(&self) -> Weights {
        Weights::open(self.folder.path(), "model").unwrap()
    }

    fn with<const N: usize>(&self, strength: f64, tensors: [(&str, Tensor); N]) -> crate::Result<Weights> {
        self.weights().with_lora(Lora::open(&self.write("lora", tensors), strength)?)
    }

    fn refusal<const N: usize>(&self, tensors: [(&str, Tensor); N]) -> String {
        self.with(1.0, tensors).err().unwrap().to_string()
    }
}

fn read(weights: &Weights, shape: (usize, usize)) -> Vec<Vec<f32>> {
    let tensor = weights.builder(DType::F32, &Device::Cpu).get(shape, "blocks.0.attn1.to_q.weight");
    tensor.and_then(|tensor| tensor.to_vec2()).unwrap()
}

fn scalar(value: f32) -> Tensor {
    Tensor::new(value, &Device::Cpu).unwrap()
}

/// `up down` is ((10, 0, 20), (0, 1, 0)).
fn pair() -> [Tensor; 2] {
    [matrix(&[&[1.0, 0.0, 2.0], &[0.0, 1.0, 0.0]]), matrix(&[&[10.0, 0.0], &[0.0, 1.0]])]
}

#[test]
fn a_pair_is_added_as_it_is_where_there_is_no_alpha() {
    let [down, up] = pair();
    let weights = Fixture::new(DType::F32).with(
        1.0,
        [
            ("transformer.blocks.0.attn1.to_q.lora_A.weight", down),
            ("transformer.blocks.0.attn1.to_q.lora_B.weight", up),
        ],
    );
    assert_eq!(read(&weights.unwrap(), (2, 3)), [[11.0, 2.0, 23.0], [4.0, 6.0, 6.0]]);
}

#[test]
fn a_pair_is_scaled_by_strength_and_by_alpha_over_rank() {
    let [down, up] = pair();
    let weights = Fixture::new(DType::BF16).with(
        -0.5,
        [
            ("diffusion_model.blocks.0.self_attn.q.lora_down.weight", down.to_dtype(DType::F16).unwrap()),
            ("diffusion_model.blocks.0.self_attn.q.lora_up.weight", up.to_dtype(DType::F16).unwrap()),
            ("diffusion_model.blocks.0.self_attn.q.alpha", scalar(4.0)),
        ],
    );
    assert_eq!(read(&weights.unwrap(), (2, 3)), [[-9.0, 2.0, -17.0], [4.0, 4.0, 6.0]]);
}

#[test]
fn whole_differences_are_added_and_those_of_norms_skipped_where_they_are_zero() -> Result<()> {
    let difference = matrix(&[&[1.0, 1.0, 1.0], &[0.0, 0.0, 0.0]]);
    let nothing = Tensor::zeros(2, DType::F32, &Device::Cpu)?;
    let weights = Fixture::new(DType::F32).with(
        2.0,
        [
            ("blocks.0.self_attn.q.diff", difference),
            ("blocks.0.self_attn.q.diff_b", Tensor::new(&[1f32, 2.0], &Device::Cpu)?),
            ("blocks.0.norm1.diff", nothing),
        ],
    );
    let weights = weights.unwrap();
    assert_eq!(read(&weights, (2, 3)), [[3.0, 4.0, 5.0], [4.0, 5.0, 6.0]]);
    let bias = weights.builder(DType::F32, &Device::Cpu).get(2, "blocks.0.attn1.to_q.bias")?;
    assert_eq!(bias.to_vec1::<f32>()?, [2.5, 3.5]);
    Ok(())
}

#[test]
fn a_convolution_takes_a_pair_too_and_a_second_file_adds_to_the_first() -> Result<()> {
    let fixture = Fixture::new(DType::F32);
    let down = Tensor::new(&[1f32, 2.0, 3.0], &Device::Cpu)?.reshape((1, 3, 1, 1, 1))?;
    let up = Tensor::new(&[1f32, -1.0], &Device::Cpu)?.reshape((2, 1, 1, 1, 1))?;
    let names = ["patch_embedding.lora_down.weight", "patch_embedding.lora_up.weight"];
    let file = fixture.write("lora", [(names[0], down), (names[1], up)]);
    let weights = fixture.weights().with_lora(Lora::open(&file, 1.0).unwrap()).unwrap();
    let weights = weights.with_lora(Lora::open(&file, 0.5).unwrap()).unwrap();
    let merged = weights.builder(DType::F32, &Device::Cpu).get((2, 3, 1, 1, 1), "patch_embedding.weight")?;
    assert_eq!(merged.flatten_all()?.to_vec1::<f32>()?, [1.5, 3.0, 4.5, -1.5, -3.0, -4.5]);
    Ok(())
}

#[test]
fn what_does_not_fit_the_model_is_refused_by_its_name() {
    let fixture = Fixture::new(DType::F32);
    let [down, up] = pair();
    let q = ["blocks.0.self_attn.q.lora_down.weight", "blocks.0.self_attn.q.lora_up.weight"];
    let refusal = fixture.refusal([("blocks.9.self_attn.q.diff", down.clone())]);
    assert!(refusal.contains("lora.safetensors: it changes `blocks.9.attn1.to_q.weight`, which "), "{refusal}");
    let refusal = fixture.refusal([(q[0], down.clone()), (q[1], matrix(&[&[1.0], &[2.0]]))]);
    assert!(refusal.contains("`blocks.0.self_attn.q.lora_up.weight` of shape [2, 1] does not fit"), "{refusal}");
    let refusal = fixture.refusal([(q[0], up.clone()), (q[1], up.clone())]);
    assert!(refusal.contains("lora_down.weight` of shape [2, 2] does not fit"), "{refusal}");
    let refusal = fixture.refusal([("blocks.0.self_attn.q.diff", up)]);
    assert!(refusal.contains("`blocks.0.self_attn.q.diff` of shape [2, 2] does not fit"), "{refusal}");
    let refusal = fixture.refusal([("blocks.0.norm1.diff", down)]);
    assert!(refusal.contains("it changes `blocks.0.norm1.weight`, which "), "{refusal}");
}

#[test]
fn what_is_no_whole_change_is_refused() {
    let fixture = Fixture::new(DType::F32);
    let [down, up] = pair();
    let q = |end| format!("blocks.0.self_attn.q.{end}");
    let refusal = fixture.refusal([(&q("lora_down.weight"), down.clone())]);
    assert!(refusal.ends_with("the change to `blocks.0.attn1.to_q.weight` lacks half of its pair"), "{refusal}");
    let refusal = fixture.refusal([(&q("alpha"), scalar(1.0)), (&q("diff"), down.clone())]);
    assert!(refusal.ends_with("lacks half of its pair"), "{refusal}");
    let refusal = fixture.refusal([(&q("dora_scale"), up)]);
    assert!(refusal.ends_with("the name `blocks.0.self_attn.q.dora_scale` is not understood"), "{refusal}");
    let refusal = fixture.refusal([(&q("diff"), down.clone()), ("diffusion_model.blocks.0.self_attn.q.diff", down)]);
    assert!(refusal.ends_with("are the same change"), "{refusal}");
    assert!(fixture.refusal([]).ends_with("it changes nothing"));
    assert!(Lora::open(&fixture.folder.path().join("model.safetensors"), f64::NAN).is_err());
}
