#!/usr/bin/env python3
"""Makes tiny Wan model folders with random weights and runs them with diffusers, as references for other engines.

    pip install -r requirements.txt
    python make.py --out DIR

Every variant becomes a folder in diffusers layout. Beside the models, `reference.safetensors` has what went into a
request and what came out at each stage, and `reference.json` has the request. DIR/parts.safetensors has the same for
schedulers and other parts that need no model. Everything runs on the CPU in f32; the same seed makes the same numbers.
"""

import argparse
import time
from pathlib import Path

import torch
from transformers.utils import logging

import models
import parts
from noise import Noise
from record import Tensors, record
from variants import DEFAULT, VARIANTS, Variant

SIZES = ("height", "width", "frames", "steps")


def main() -> None:
    options = arguments()
    torch.set_grad_enabled(False)
    # With more, sums would depend on their number, and models as small as these gain nothing.
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    options.out.mkdir(parents=True, exist_ok=True)
    noise = Noise(options.seed)
    if "parts" in options.only:
        parts.make(noise, options.out)
        print(f"{'parts':<10} {megabytes(options.out.glob('parts.*'))}")
    for name, variant in options.variants.items():
        make(name, variant, noise, options.out / name)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder to write into")
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        default=["parts", *DEFAULT],
        metavar="NAMES",
        help=f"what to make, with commas between: {', '.join(['parts', *VARIANTS])} (default: all but hd128)",
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed makes other weights and noise (default: 1)")
    for size in SIZES:
        parser.add_argument(f"--{size}", type=int, help="of the request, instead of the variant's own")
    options = parser.parse_args()
    if unknown := set(options.only) - {"parts", *VARIANTS}:
        parser.error(f"--only: no such variant: {', '.join(sorted(unknown))}")
    sizes = {size: getattr(options, size) for size in SIZES}
    options.variants = {}
    for name in options.only:
        try:
            if name != "parts":
                options.variants[name] = VARIANTS[name].resized(**sizes)
        except ValueError as error:
            parser.error(f"{name}: {error}")
    return options


def make(name: str, variant: Variant, noise: Noise, folder: Path) -> None:
    started = time.perf_counter()
    pipe = models.pipeline(variant, noise)
    models.save(pipe, folder)
    found = record(pipe, variant, noise, folder, "reference")
    report(name, variant, folder, found, started)
    if variant.expand_timesteps:
        started = time.perf_counter()
        found = record(models.with_image(pipe, variant), variant, noise, folder, "reference_i2v")
        report("  + image", variant, folder, found, started)


def report(name: str, variant: Variant, folder: Path, found: Tensors, started: float) -> None:
    """One line for who waits. Clipped frames show no differences, so there should be few."""
    clipped = (found["frames"].abs() >= 1).float().mean().item()
    files = [file for file in folder.rglob("*") if file.is_file()]
    print(
        f"{name:<10} {variant.width}x{variant.height}, {variant.frames} frames, {variant.steps} steps: "
        f"{megabytes(files)}, {clipped:.1%} of the frames clipped, {time.perf_counter() - started:.1f} s",
        flush=True,
    )


def megabytes(files: object) -> str:
    return f"{sum(file.stat().st_size for file in files) / 1e6:.2f} MB"


if __name__ == "__main__":
    main()
