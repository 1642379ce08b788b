"""Runs a pipeline and writes down what went in and what came out."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import diffusers
import numpy as np
import torch
import transformers
from diffusers import AutoencoderKLWan, WanImageToVideoPipeline
from diffusers.pipelines.wan.pipeline_wan import prompt_clean
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from models import Pipeline
from noise import Noise
from variants import Variant
from vocabulary import NEGATIVE, PROMPT

# Of the calls of the experts, the first two (with the prompt, and without) are written down.
CALLS = 2
# Smaller than one would choose for a video, so that a small one is decoded in several tiles.
TILE = 32
STRIDE = 16
# Frames and size of the clip that is encoded: a first chunk and a second one.
CLIP = (5, 32, 16)
# Neither a whole multiple of the videos' sizes nor of their shape.
PICTURE = (40, 74)

Tensors = dict[str, Tensor]


@dataclass
class Trace:
    """What was seen while a pipeline ran."""

    calls: list[str] = field(default_factory=list)
    inputs: list[dict[str, Tensor]] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    blocks: list[Tensor] = field(default_factory=list)
    steps: list[Tensor] = field(default_factory=list)

    def on_step(self, _pipe: Pipeline, _step: int, _timestep: Tensor, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """The callback that diffusers calls after each step."""
        self.steps.append(state["latents"].clone())
        return {}

    def tensors(self) -> Tensors:
        first = self.inputs[0]
        found = {f"step_{step}.latents": latents for step, latents in enumerate(self.steps)}
        for call, (given, output) in enumerate(zip(self.inputs, self.outputs, strict=True)):
            found[f"call_{call}.noise_pred"] = output
            found[f"call_{call}.timestep"] = given["timestep"].float()
        found["call_0.hidden_in"] = first["hidden_states"]
        found |= {f"call_0.block_{block}": output for block, output in enumerate(self.blocks)}
        if "encoder_hidden_states_image" in first:
            found["image_embeds"] = first["encoder_hidden_states_image"]
        return found


def record(pipe: Pipeline, variant: Variant, noise: Noise, folder: Path, name: str) -> Tensors:
    """Runs the request and writes `name`.safetensors and `name`.json into the folder."""
    pipe.set_progress_bar_config(disable=True)
    pictures = _pictures(pipe, variant)
    found = {"latents_in": _latents(pipe, variant, noise)} | _text(pipe, variant) | _seen(pipe, variant, pictures)

    trace = Trace()
    started = time.perf_counter()
    with _watched(pipe, trace):
        found["latents_out"] = pipe(
            **_request(variant, pictures),
            latents=found["latents_in"].clone(),
            callback_on_step_end=trace.on_step,
            output_type="latent",
        ).frames.clone()
    denoised = time.perf_counter()
    found |= trace.tensors()
    found["frames"] = _decoded(pipe.vae, found["latents_out"])
    decoded = time.perf_counter()
    found |= _autoencoded(pipe.vae, found["latents_out"], noise)

    information = {
        "seconds_denoise": round(denoised - started, 3),
        "seconds_decode": round(decoded - denoised, 3),
        "calls": trace.calls,
        "timesteps": pipe.scheduler.timesteps.tolist(),
        "sigmas": pipe.scheduler.sigmas.tolist(),
        "args": variant.arguments() | {"prompt": PROMPT, "negative": NEGATIVE},
    }
    write(found, information, noise.seed, folder / name)
    return found


def write(tensors: Tensors, information: dict[str, object], seed: int, path: Path) -> None:
    """Writes path.safetensors, with the seed in its metadata, and path.json, with the versions and every shape."""
    information["versions"] = {library.__name__: library.__version__ for library in (torch, diffusers, transformers)}
    information["tensors"] = {name: [str(tensor.dtype), list(tensor.shape)] for name, tensor in tensors.items()}
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    save_file(contiguous, path.with_suffix(".safetensors"), metadata={"seed": str(seed)})
    path.with_suffix(".json").write_text(json.dumps(information, indent=1) + "\n")


def _request(variant: Variant, pictures: dict[str, Image.Image]) -> dict[str, object]:
    """The arguments of the pipeline's call. It refuses a second guidance where there is one expert."""
    second = {} if variant.guidance_2 is None else {"guidance_scale_2": variant.guidance_2}
    return pictures | second | {
        "prompt": PROMPT,
        "negative_prompt": NEGATIVE,
        "height": variant.height,
        "width": variant.width,
        "num_frames": variant.frames,
        "num_inference_steps": variant.steps,
        "guidance_scale": variant.guidance,
        "max_sequence_length": variant.sequence,
    }


def _latents(pipe: Pipeline, variant: Variant, noise: Noise) -> Tensor:
    config = pipe.vae.config
    frames = (variant.frames - 1) // config.scale_factor_temporal + 1
    height = variant.height // config.scale_factor_spatial
    width = variant.width // config.scale_factor_spatial
    return noise.normal("latents", 1, config.z_dim, frames, height, width)


def _text(pipe: Pipeline, variant: Variant) -> Tensors:
    """Ids and embeddings of the two prompts, without the padding."""
    found = {}
    embedded = pipe.encode_prompt(PROMPT, NEGATIVE, max_sequence_length=variant.sequence)
    for name, text, rows in zip(("prompt", "negative"), (PROMPT, NEGATIVE), embedded, strict=True):
        ids = pipe.tokenizer(prompt_clean(text)).input_ids
        assert len(ids) < variant.sequence and not rows[:, len(ids) :].any(), "padding must be there, and zero"
        found[f"{name}_ids"] = torch.tensor(ids)
        found[f"{name}_embeds"] = rows[:, : len(ids)]
    return found


def _pictures(pipe: Pipeline, variant: Variant) -> dict[str, Image.Image]:
    """The pictures of the request, by the names of the pipeline's arguments."""
    if not isinstance(pipe, WanImageToVideoPipeline):
        return {}
    pictures = {"image": _picture(0.0)}
    if variant.image == "first and last":
        pictures["last_image"] = _picture(2.0)
    return pictures


def _picture(phase: float) -> Image.Image:
    """Rings, stripes and a ramp that wraps: smooth parts, and edges where a resize filter overshoots."""
    y, x = np.mgrid[: PICTURE[0], : PICTURE[1]].astype(np.float64)
    rings = np.sin(np.hypot(x - 30, y - 18) / 2 + phase)
    stripes = np.sign(np.sin(x / 4 - y / 9 + phase))
    ramp = (5 * x + 11 * y + 60 * phase) % 256
    return Image.fromarray(np.stack([128 + 127 * rings, 128 + 120 * stripes, ramp], -1).astype(np.uint8))


def _seen(pipe: Pipeline, variant: Variant, pictures: dict[str, Image.Image]) -> Tensors:
    """The pictures as bytes, as the VAE gets them, and as CLIP gets them."""
    found = {}
    for argument, picture in pictures.items():
        name = argument.removesuffix("_image")
        found[f"{name}_rgb"] = torch.from_numpy(np.array(picture))
        found[f"{name}_pre"] = pipe.video_processor.preprocess(picture, height=variant.height, width=variant.width)
    if variant.clip:
        found["clip_pre"] = pipe.image_processor(images=list(pictures.values()), return_tensors="pt").pixel_values
    return found


@contextmanager
def _watched(pipe: Pipeline, trace: Trace) -> Iterator[None]:
    """Hooks that write into the trace, for as long as the context lasts."""

    def called(expert: str) -> object:
        def hook(_model: nn.Module, _args: tuple, given: dict[str, Tensor | None], output: tuple[Tensor]) -> None:
            trace.calls.append(expert)
            if len(trace.outputs) < CALLS:
                tensors = {name: value.clone() for name, value in given.items() if isinstance(value, Tensor)}
                trace.inputs.append(tensors)
                trace.outputs.append(output[0].clone())

        return hook

    def left(_block: nn.Module, _args: tuple, output: Tensor) -> None:
        if not trace.outputs:
            trace.blocks.append(output.clone())

    hooks = [block.register_forward_hook(left) for block in pipe.transformer.blocks]
    for expert in ("transformer", "transformer_2"):
        if (model := getattr(pipe, expert)) is not None:
            hooks.append(model.register_forward_hook(called(expert), with_kwargs=True))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _decoded(vae: AutoencoderKLWan, latents: Tensor) -> Tensor:
    """Frames from -1 to 1, before the pipeline maps them to 0..1."""
    mean, std = (
        torch.tensor(numbers).view(1, -1, 1, 1, 1) for numbers in (vae.config.latents_mean, vae.config.latents_std)
    )
    return vae.decode(latents * std + mean, return_dict=False)[0]


def _autoencoded(vae: AutoencoderKLWan, latents: Tensor, noise: Noise) -> Tensors:
    """A clip of several frames through the encoder, and the latents decoded in tiles."""
    clip = torch.tanh(noise.normal("clip", 1, 3, *CLIP))
    vae.enable_tiling(TILE, TILE, STRIDE, STRIDE)
    tiled = _decoded(vae, latents)
    vae.disable_tiling()
    mean = vae.encode(clip).latent_dist.mode()
    return {"enc_in": clip, "enc_mean": mean, f"frames_tiled_{TILE}_{STRIDE}": tiled}
