#!/usr/bin/env python3
"""Renders a video with diffusers on the CPU in f32 and prints the seconds of every stage as one JSON object.

    pip install -r ../../golden/wan/requirements.txt
    python torch_render.py --folder DIR

The model in DIR is made the first time: six blocks of Wan 2.1 1.3B as they are, its whole VAE, a tiny text encoder, all
with random weights (1.7 GB). Any other text-to-video folder of Wan in diffusers layout is rendered as it is.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import torch
import transformers
from diffusers import AutoencoderKLWan, WanPipeline, WanTransformer3DModel
from diffusers.utils import logging
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "golden" / "wan"))

import models
from noise import Noise, redraw
from vocabulary import NEGATIVE, PROMPT, tokenizer

LAYERS = 6
TEXT_WIDTH = 64

R = TypeVar("R")


def main() -> None:
    options = arguments()
    logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    torch.set_grad_enabled(False)
    torch.set_num_threads(options.threads)
    if not (options.folder / "model_index.json").exists():
        say(f"making the model in {options.folder}")
        make(options.folder)
    if not options.make_only:
        print(json.dumps(render(options)))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, metavar="DIR", help="the model, made if it is not there")
    parser.add_argument("--make-only", action="store_true", help="make the model and stop")
    parser.add_argument("--threads", type=int, default=2, help="(default: %(default)s)")
    parser.add_argument("--steps", type=int, default=4, help="each calls the model twice (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=17, help="one more than a multiple of 4 (default: %(default)s)")
    parser.add_argument("--width", type=int, default=480, help="a multiple of 16 (default: %(default)s)")
    parser.add_argument("--height", type=int, default=272, help="a multiple of 16 (default: %(default)s)")
    options = parser.parse_args()
    if options.frames % 4 != 1 or options.width % 16 or options.height % 16:
        parser.error("frames must be one more than a multiple of 4, width and height multiples of 16")
    return options


def make(folder: Path) -> None:
    noise = Noise(1)
    words = tokenizer()
    transformer = WanTransformer3DModel(
        num_attention_heads=12,
        attention_head_dim=128,
        in_channels=16,
        out_channels=16,
        text_dim=TEXT_WIDTH,
        ffn_dim=8960,
        num_layers=LAYERS,
    )
    pipe = WanPipeline(
        tokenizer=words,
        text_encoder=models.text_encoder(noise, len(words), TEXT_WIDTH),
        vae=redraw(AutoencoderKLWan(), noise, "vae"),
        scheduler=models.scheduler("unipc", 3.0),
        transformer=redraw(transformer, noise, "transformer"),
    )
    pipe.save_pretrained(folder)


def render(options: argparse.Namespace) -> dict[str, object]:
    """The stages one after another, as the pipeline goes through them, each with its seconds."""
    pipe, load = timed("load", lambda: loaded(options.folder))
    pipe.set_progress_bar_config(disable=True)
    embeds, text = timed("text", lambda: pipe.encode_prompt(PROMPT, NEGATIVE, max_sequence_length=512))
    (latents, steps), denoise = timed("denoise", lambda: denoised(pipe, options, *embeds))
    video, decode = timed("decode", lambda: decoded(pipe.vae, latents))
    assert video.isfinite().all(), "the video holds numbers that are not finite"
    return {
        "width": options.width,
        "height": options.height,
        "frames": options.frames,
        "steps": options.steps,
        "threads": options.threads,
        "load": load,
        "text": text,
        "denoise": denoise,
        "per_step": steps,
        "decode": decode,
        "total": round(text + denoise + decode, 3),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "versions": {library: version(library) for library in ("torch", "diffusers", "transformers")},
    }


def loaded(folder: Path) -> WanPipeline:
    """The transformer is read here, since diffusers reads this one only with another package, accelerate."""
    config = WanTransformer3DModel.load_config(folder / "transformer")
    transformer = WanTransformer3DModel.from_config(config).eval()
    weights = {}
    for file in (folder / "transformer").glob("*.safetensors"):
        weights |= load_file(file)
    transformer.load_state_dict(weights)
    return WanPipeline.from_pretrained(folder, transformer=transformer, dtype=torch.float32)


def denoised(
    pipe: WanPipeline, options: argparse.Namespace, embeds: torch.Tensor, negative: torch.Tensor
) -> tuple[torch.Tensor, list[float]]:
    """The latents, and the seconds of every step."""
    ends = [time.perf_counter()]

    def on_step(_pipe: WanPipeline, step: int, _timestep: torch.Tensor, _state: dict) -> dict:
        ends.append(time.perf_counter())
        say(f"step {step + 1} of {options.steps}: {ends[-1] - ends[-2]:.1f} s")
        return {}

    latents = pipe(
        prompt_embeds=embeds,
        negative_prompt_embeds=negative,
        height=options.height,
        width=options.width,
        num_frames=options.frames,
        num_inference_steps=options.steps,
        guidance_scale=5.0,
        generator=torch.Generator().manual_seed(1),
        callback_on_step_end=on_step,
        output_type="latent",
    ).frames
    return latents, [round(end - start, 3) for start, end in zip(ends, ends[1:])]


def decoded(vae: AutoencoderKLWan, latents: torch.Tensor) -> torch.Tensor:
    mean, std = (torch.tensor(x).view(1, -1, 1, 1, 1) for x in (vae.config.latents_mean, vae.config.latents_std))
    return vae.decode(latents * std + mean, return_dict=False)[0]


def timed(stage: str, act: Callable[[], R]) -> tuple[R, float]:
    started = time.perf_counter()
    result = act()
    seconds = round(time.perf_counter() - started, 3)
    say(f"{stage}: {seconds:.1f} s")
    return result, seconds


def say(line: str) -> None:
    """To people; standard output is for the JSON object alone."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
