//! A tokenizer of five tokens and an encoder that can be followed by hand.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use serde_json::json;

use super::Config;
use crate::watch::Watch;
use crate::weights::Weights;

/// Wants everything to stop.
pub(super) struct Stop;

impl Watch for Stop {
    fn stopped(&self) -> bool {
        true
    }
}

/// Writes a tokenizer that knows `a` (3) and `b` (4), and whose file asks for padding and truncation.
pub(super) fn tokenizer(folder: &Path) {
    let end = json!({"SpecialToken": {"id": "</s>", "type_id": 0}});
    let file = json!({
        "version": "1.0", "added_tokens": [], "normalizer": null, "decoder": null,
        "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
        "padding": {
            "strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0,
            "pad_token": "<pad>",
        },
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {
            "type": "TemplateProcessing", "pair": [], "single": [{"Sequence": {"id": "A", "type_id": 0}}, end],
            "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}},
        },
        "model": {"type": "WordLevel", "unk_token": "<unk>", "vocab": {"<pad>": 0, "</s>": 1, "<unk>": 2, "a": 3, "b": 4}},
    });
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("tokenizer.json"), file.to_string()).unwrap();
}

/// An encoder of one block, two channels and one head.
pub(super) fn config() -> Config {
    let config = json!({
        "model_type": "umt5", "feed_forward_proj": "gated-gelu", "vocab_size": 5, "d_model": 2, "d_kv": 1, "d_ff": 1,
        "num_layers": 1, "num_heads": 1, "layer_norm_epsilon": 1e-12,
    });
    serde_json::from_value(config).unwrap()
}

/// Its weights: attention adds a weighted mean of the first channels to the second, and the gate is shut.
pub(super) fn weights(folder: &Path, table: &str) -> Weights {
    let tensor = |shape: (usize, usize), values: &[f32]| Tensor::from_slice(values, shape, &Device::Cpu).unwrap();
    let ones = || Tensor::ones(2, DType::F32, &Device::Cpu).unwrap();
    let block = |name: &str| format!("encoder.block.0.layer.{name}.weight");
    // The bucket 17 is that of the next token: it counts three times.
    let mut positions = [0f32; 32];
    positions[17] = 3f32.ln();
    let tensors = HashMap::from([
        (table.to_string(), tensor((5, 2), &[0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 3.0, 4.0, 1.0, 0.0])),
        (block("0.layer_norm"), ones()),
        (block("0.SelfAttention.q"), tensor((1, 2), &[0.0, 0.0])),
        (block("0.SelfAttention.k"), tensor((1, 2), &[1.0, 1.0])),
        (block("0.SelfAttention.v"), tensor((1, 2), &[1.0, 0.0])),
        (block("0.SelfAttention.o"), tensor((2, 1), &[0.0, 1.0])),
        (block("0.SelfAttention.relative_attention_bias"), tensor((32, 1), &positions)),
        (block("1.layer_norm"), ones()),
        (block("1.DenseReluDense.wi_0"), tensor((1, 2), &[0.0, 0.0])),
        (block("1.DenseReluDense.wi_1"), tensor((1, 2), &[1.0, 1.0])),
        (block("1.DenseReluDense.wo"), tensor((2, 1), &[1.0, 1.0])),
        ("encoder.final_layer_norm.weight".to_string(), ones()),
    ]);
    candle_core::safetensors::save(&tensors, folder.join("model.safetensors")).unwrap();
    Weights::open(folder, "model").unwrap()
}
