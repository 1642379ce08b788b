"""Tiny Wan models with random weights, put together to diffusers pipelines."""

from pathlib import Path

from diffusers import (
    AutoencoderKLWan,
    FlowMatchEulerDiscreteScheduler,
    SchedulerMixin,
    UniPCMultistepScheduler,
    WanImageToVideoPipeline,
    WanPipeline,
    WanTransformer3DModel,
)
from transformers import CLIPImageProcessorPil, CLIPVisionConfig, CLIPVisionModel, UMT5Config, UMT5EncoderModel

from noise import Noise, redraw
from variants import Variant
from vocabulary import tokenizer

TEXT_WIDTH = 32
CLIP_WIDTH = 24
CLIP_PIXELS = 16
CLIP_PATCH = 4
CLIP_TOKENS = 1 + (CLIP_PIXELS // CLIP_PATCH) ** 2
# Small enough that the experts and the text encoder of two-expert folders come in several files, as published.
SHARD = "60KB"

Pipeline = WanPipeline | WanImageToVideoPipeline


def scheduler(kind: str, shift: float) -> SchedulerMixin:
    if kind == "euler":
        return FlowMatchEulerDiscreteScheduler(shift=shift)
    return UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift)


def text_encoder(noise: Noise, vocabulary: int, width: int = TEXT_WIDTH) -> UMT5EncoderModel:
    config = UMT5Config(
        vocab_size=vocabulary,
        d_model=width,
        d_kv=width // 4,
        d_ff=width * 3 // 2,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
    )
    return redraw(UMT5EncoderModel(config), noise, "text_encoder")


def transformer(noise: Noise, label: str, variant: Variant, latent_channels: int) -> WanTransformer3DModel:
    # An image comes as four mask channels and its own latents, beside the noise.
    condition_channels = 0 if variant.image == "none" else 4 + latent_channels
    clip = {}
    if variant.clip:
        clip = {"image_dim": CLIP_WIDTH, "added_kv_proj_dim": 2 * variant.head_dim}
    if variant.image == "first and last":
        clip["pos_embed_seq_len"] = 2 * CLIP_TOKENS
    model = WanTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=variant.head_dim,
        in_channels=latent_channels + condition_channels,
        out_channels=latent_channels,
        text_dim=TEXT_WIDTH,
        freq_dim=32,
        ffn_dim=64,
        num_layers=variant.layers,
        **clip,
    )
    return redraw(model, noise, label)


def vae(noise: Noise, kind: str) -> AutoencoderKLWan:
    tiny = {"base_dim": 4, "dim_mult": [1, 2, 2, 2], "num_res_blocks": 1}
    if kind == "2.2":
        tiny |= {
            "base_dim": 3,
            "dim_mult": [1, 1, 2, 2],
            "decoder_base_dim": 4,
            "z_dim": 48,
            "is_residual": True,
            "in_channels": 12,
            "out_channels": 12,
            "patch_size": 2,
            "scale_factor_spatial": 16,
            "latents_mean": [round(x, 4) for x in (0.2 * noise.normal("latents_mean", 48)).tolist()],
            "latents_std": [round(x, 4) for x in (0.5 + 0.2 * noise.normal("latents_std", 48).abs()).tolist()],
        }
    return redraw(AutoencoderKLWan(**tiny), noise, "vae")


def clip(noise: Noise) -> tuple[CLIPVisionModel, CLIPImageProcessorPil]:
    config = CLIPVisionConfig(
        hidden_size=CLIP_WIDTH,
        intermediate_size=40,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=CLIP_PIXELS,
        patch_size=CLIP_PATCH,
        projection_dim=8,
        hidden_act="gelu",
    )
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": CLIP_PIXELS}, crop_size={"height": CLIP_PIXELS, "width": CLIP_PIXELS}
    )
    return redraw(CLIPVisionModel(config), noise, "image_encoder"), processor


def pipeline(variant: Variant, noise: Noise) -> Pipeline:
    words = tokenizer()
    autoencoder = vae(noise, variant.vae)
    experts = [
        transformer(noise, label, variant, autoencoder.config.z_dim)
        for label in ["transformer", "transformer_2"][: variant.experts]
    ]
    parts = {
        "tokenizer": words,
        "text_encoder": text_encoder(noise, len(words)),
        "vae": autoencoder,
        "scheduler": scheduler(variant.scheduler, variant.shift),
        "transformer": experts[0],
        "transformer_2": experts[1] if variant.experts == 2 else None,
        "boundary_ratio": variant.boundary,
        "expand_timesteps": variant.expand_timesteps,
    }
    if variant.image == "none":
        return WanPipeline(**parts)
    encoder, processor = clip(noise) if variant.clip else (None, None)
    return WanImageToVideoPipeline(**parts, image_encoder=encoder, image_processor=processor)


def with_image(pipe: WanPipeline, variant: Variant) -> WanImageToVideoPipeline:
    """The image-to-video pipeline of the same models."""
    return WanImageToVideoPipeline(
        tokenizer=pipe.tokenizer,
        text_encoder=pipe.text_encoder,
        vae=pipe.vae,
        scheduler=scheduler(variant.scheduler, variant.shift),
        transformer=pipe.transformer,
        expand_timesteps=variant.expand_timesteps,
    )


def save(pipe: Pipeline, folder: Path) -> None:
    pipe.save_pretrained(folder)
    if pipe.transformer_2 is None:
        return
    for name in ("transformer", "transformer_2", "text_encoder"):
        for whole in (folder / name).glob("*.safetensors"):
            whole.unlink()
        getattr(pipe, name).save_pretrained(folder / name, max_shard_size=SHARD)
