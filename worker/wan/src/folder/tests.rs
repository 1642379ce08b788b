use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};

use super::{Folder, Kind};

/// A model folder of configurations and one small tensor for each component.
struct Fixture {
    root: tempfile::TempDir,
}

impl Fixture {
    /// Wan 2.1, text to video.
    fn new() -> Self {
        let fixture = Self { root: tempfile::tempdir().unwrap() };
        fixture.write("model_index.json", &index("WanPipeline"));
        fixture.write("scheduler/scheduler_config.json", &scheduler());
        fixture.write("tokenizer/tokenizer.json", &json!({}));
        fixture.component("text_encoder", "model", &text_encoder());
        fixture.component("transformer", "diffusion_pytorch_model", &transformer(16));
        fixture.component("vae", "diffusion_pytorch_model", &json!({"_class_name": "AutoencoderKLWan", "z_dim": 16}));
        fixture
    }

    /// Wan 2.1, image to video.
    fn from_image() -> Self {
        let fixture = Self::new();
        let mut index = index("WanImageToVideoPipeline");
        index["image_encoder"] = json!(["transformers", "CLIPVisionModel"]);
        index["image_processor"] = json!(["transformers", "CLIPImageProcessor"]);
        fixture.write("model_index.json", &index);
        fixture.write("image_processor/preprocessor_config.json", &image_processor());
        fixture.component("image_encoder", "model", &image_encoder());
        fixture.change(
            "transformer/config.json",
            &[("in_channels", json!(36)), ("image_dim", json!(1280)), ("added_kv_proj_dim", json!(1536))],
        );
        fixture
    }

    /// Wan 2.2 with two experts.
    fn experts(class: &str, channels: usize) -> Self {
        let fixture = Self::new();
        let mut index = index(class);
        index["transformer_2"] = json!(["diffusers", "WanTransformer3DModel"]);
        index["boundary_ratio"] = json!(0.875);
        fixture.write("model_index.json", &index);
        for name in ["transformer", "transformer_2"] {
            fixture.component(name, "diffusion_pytorch_model", &transformer(channels));
        }
        fixture
    }

    fn path(&self, file: &str) -> PathBuf {
        self.root.path().join(file)
    }

    fn write(&self, file: &str, value: &Value) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, value.to_string()).unwrap();
    }

    fn change(&self, file: &str, keys: &[(&str, Value)]) {
        let mut value: Value = serde_json::from_slice(&fs::read(self.path(file)).unwrap()).unwrap();
        for (key, new) in keys {
            value[key] = new.clone();
        }
        self.write(file, &value);
    }

    fn component(&self, name: &str, stem: &str, config: &Value) {
        self.write(&format!("{name}/config.json"), config);
        self.tensor(&format!("{name}/{stem}.safetensors"), "a.weight", DType::BF16);
    }

    fn tensor(&self, file: &str, name: &str, dtype: DType) {
        let tensor = Tensor::zeros((2, 3), dtype, &Device::Cpu).unwrap();
        candle_core::safetensors::save(&HashMap::from([(name, tensor)]), self.path(file)).unwrap();
    }

    fn open(&self) -> Folder {
        Folder::open(self.root.path()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Why it is refused, from the folder's root on.
    fn refusal(&self) -> String {
        let refusal = Folder::open(self.root.path()).err().expect("refused").to_string();
        refusal.strip_prefix(&format!("{}/", self.root.path().display())).expect("names the file").to_string()
    }
}

fn index(class: &str) -> Value {
    json!({
        "_class_name": class, "_diffusers_version": "0.35.0", "expand_timesteps": false, "a_key_of_next_year": [1],
        "scheduler": ["diffusers", "UniPCMultistepScheduler"], "tokenizer": ["transformers", "T5TokenizerFast"],
        "text_encoder": ["transformers", "UMT5EncoderModel"], "transformer": ["diffusers", "WanTransformer3DModel"],
        "transformer_2": [null, null], "vae": ["diffusers", "AutoencoderKLWan"],
    })
}

fn scheduler() -> Value {
    json!({
        "_class_name": "UniPCMultistepScheduler", "prediction_type": "flow_prediction", "use_flow_sigmas": true,
        "flow_shift": 3.0,
    })
}

fn text_encoder() -> Value {
    json!({
        "model_type": "umt5", "vocab_size": 256384, "d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24,
        "num_heads": 64, "feed_forward_proj": "gated-gelu",
    })
}

fn transformer(channels: usize) -> Value {
    json!({
        "_class_name": "WanTransformer3DModel", "in_channels": channels, "out_channels": 16, "text_dim": 4096,
        "num_attention_heads": 12, "attention_head_dim": 128, "image_dim": null, "pos_embed_seq_len": null,
    })
}

fn image_encoder() -> Value {
    json!({
        "model_type": "clip_vision_model", "hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32,
        "num_attention_heads": 16, "image_size": 224, "patch_size": 14, "hidden_act": "gelu",
    })
}

fn image_processor() -> Value {
    json!({
        "size": {"shortest_edge": 224}, "crop_size": 224, "image_mean": [0.48, 0.46, 0.41], "image_std": [0.27, 0.26, 0.28],
    })
}

#[test]
fn every_model_is_told_by_its_configurations() {
    assert_eq!(Fixture::new().open().kind, Kind::TextToVideo);
    assert_eq!(Fixture::experts("WanPipeline", 16).open().kind, Kind::TextToVideoExperts);
    assert_eq!(Fixture::experts("WanImageToVideoPipeline", 36).open().kind, Kind::ImageToVideoExperts);
    let image = Fixture::from_image();
    assert_eq!(image.open().kind, Kind::ImageToVideo);
    image.change("transformer/config.json", &[("pos_embed_seq_len", json!(514))]);
    assert_eq!(image.open().kind, Kind::FirstLastFrame);
    let five = Fixture::new();
    five.change("model_index.json", &[("expand_timesteps", json!(true))]);
    assert_eq!(five.open().kind, Kind::TextImageToVideo);
    five.change("model_index.json", &[("_class_name", json!("WanImageToVideoPipeline"))]);
    assert_eq!(five.open().kind, Kind::TextImageToVideo);
}

#[test]
fn keys_that_older_folders_lack_have_their_old_meaning() {
    let fixture = Fixture::new();
    let mut index = index("WanPipeline");
    for key in ["expand_timesteps", "transformer_2"] {
        index.as_object_mut().unwrap().remove(key);
    }
    fixture.write("model_index.json", &index);
    let folder = fixture.open();
    assert_eq!((folder.kind, folder.boundary_ratio), (Kind::TextToVideo, None));
}

#[test]
fn another_family_is_refused_by_its_class() {
    let fixture = Fixture::new();
    fixture
        .write("model_index.json", &json!({"_class_name": "FluxPipeline", "text_encoder_2": ["transformers", "T5"]}));
    assert!(fixture.refusal().starts_with("model_index.json: `_class_name` is \"FluxPipeline\", and only WanPipeline"));
    for (key, class, refusal) in [
        ("text_encoder", json!(["transformers", "T5EncoderModel"]), "is T5EncoderModel of transformers, and only UMT5"),
        (
            "transformer",
            json!(["fastvideo", "WanTransformer3DModel"]),
            "is WanTransformer3DModel of fastvideo, and only",
        ),
        ("vae", json!([null, null]), "is missing"),
        ("boundary_ratio", json!(0.9), "is 0.9, and there is no `transformer_2` to take over"),
    ] {
        let fixture = Fixture::new();
        fixture.change("model_index.json", &[(key, class)]);
        let full = fixture.refusal();
        assert!(full.starts_with(&format!("model_index.json: `{key}` {refusal}")), "{full}");
    }
    let fixture = Fixture::experts("WanPipeline", 16);
    fixture.change("model_index.json", &[("boundary_ratio", json!(1.5))]);
    assert!(fixture.refusal().starts_with("model_index.json: `boundary_ratio` is 1.5"));
}

#[test]
fn components_that_do_not_fit_each_other_are_refused() {
    let file = "transformer/config.json";
    for (key, value, reason) in [
        ("text_dim", json!(2048), "is 2048, and `d_model` of the text encoder is 4096"),
        ("out_channels", json!(48), "is 48, and `z_dim` of the vae is 16"),
        ("in_channels", json!(20), "is 20, and with this `_class_name` and `z_dim` of the vae 16, 36 is supported"),
        ("image_dim", json!(1024), "is 1024, and `hidden_size` of the image encoder is 1280"),
        ("pos_embed_seq_len", json!(257), "is 257, and two images make 514 rows"),
    ] {
        let fixture = Fixture::from_image();
        fixture.change(file, &[(key, value)]);
        assert_eq!(fixture.refusal(), format!("{file}: `{key}` {reason}"));
    }
    let fixture = Fixture::from_image();
    fixture.change(file, &[("image_dim", Value::Null), ("added_kv_proj_dim", Value::Null)]);
    assert!(fixture.refusal().contains("`image_dim` is null, and Wan 2.1's image to video needs a number"));
    let fixture = Fixture::from_image();
    fixture.change("image_processor/preprocessor_config.json", &[("crop_size", json!(200))]);
    assert!(fixture.refusal().starts_with("image_processor/preprocessor_config.json: `crop_size` is 200"));
    let fixture = Fixture::experts("WanPipeline", 16);
    fixture.change("transformer_2/config.json", &[("in_channels", json!(36))]);
    assert!(fixture.refusal().starts_with("transformer_2/config.json: `in_channels` is 36"));
}

#[test]
fn every_file_that_is_missing_or_damaged_is_named() {
    for file in [
        "model_index.json",
        "scheduler/scheduler_config.json",
        "tokenizer/tokenizer.json",
        "text_encoder/config.json",
        "text_encoder/model.safetensors",
        "transformer/config.json",
        "transformer/diffusion_pytorch_model.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
        "image_encoder/config.json",
        "image_encoder/model.safetensors",
        "image_processor/preprocessor_config.json",
    ] {
        let fixture = Fixture::from_image();
        fs::remove_file(fixture.path(file)).unwrap();
        assert_eq!(fixture.refusal(), format!("{file}: the file is missing"));
    }
    let fixture = Fixture::new();
    fs::write(fixture.path("vae/config.json"), "{").unwrap();
    assert!(fixture.refusal().starts_with("vae/config.json: EOF while parsing"));
    let fixture = Fixture::new();
    let file = fixture.path("vae/diffusion_pytorch_model.safetensors");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    assert!(fixture.refusal().starts_with("vae: the weights cannot be read: "));
}

#[test]
fn a_shard_that_is_missing_is_named_and_one_outside_of_the_folder_refused() {
    let fixture = Fixture::new();
    let list = |file: &str| json!({"weight_map": {"a.weight": "one.safetensors", "b.weight": file}});
    let index = "transformer/diffusion_pytorch_model.safetensors.index.json";
    fixture.tensor("transformer/one.safetensors", "a.weight", DType::F32);
    fixture.write(index, &list("two.safetensors"));
    assert_eq!(fixture.refusal(), "transformer/two.safetensors: the file is missing");
    fixture.write(index, &list("../vae/diffusion_pytorch_model.safetensors"));
    assert!(fixture.refusal().starts_with(&format!("{index}: `weight_map` names \"../vae/")));
    fixture.write(index, &list("two.safetensors"));
    fixture.tensor("transformer/two.safetensors", "b.weight", DType::F16);
    fixture.open();
}

#[test]
fn weights_that_mean_other_numbers_than_they_store_are_refused() {
    let fixture = Fixture::new();
    fixture.tensor("transformer/diffusion_pytorch_model.safetensors", "a.weight", DType::U8);
    assert_eq!(fixture.refusal(), "transformer: `a.weight` is stored as U8, and F32, F16 and BF16 are supported");
    fixture.tensor("transformer/diffusion_pytorch_model.safetensors", "blocks.0.to_gate_compress.weight", DType::F32);
    assert!(fixture.refusal().contains("belongs to sparse attention"));
}

#[test]
fn a_summary_adds_up_the_headers_of_all_files() {
    let fixture = Fixture::experts("WanPipeline", 16);
    let shards = json!({"weight_map": {"a.weight": "one.safetensors", "b.weight": "two.safetensors"}});
    fixture.write("transformer/diffusion_pytorch_model.safetensors.index.json", &shards);
    fixture.tensor("transformer/one.safetensors", "a.weight", DType::F32);
    fixture.tensor("transformer/two.safetensors", "b.weight", DType::BF16);
    let summary = serde_json::to_value(fixture.open().summary().unwrap()).unwrap();
    assert_eq!(summary["kind"], "text-to-video-experts");
    let names: Vec<&str> =
        summary["components"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["text_encoder", "transformer", "vae", "transformer_2"]);
    let sharded = json!({"name": "transformer", "parameters": 12, "dtypes": ["BF16", "F32"], "bytes": 36, "files": 2});
    assert_eq!(summary["components"][1], sharded);
}
