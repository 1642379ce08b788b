"""Renders the same request with diffusers and with clipmill-wan in turns, and prints both and their ratio as JSON.

    python compare.py --folder DIR [--program ../../../target/release/clipmill-wan] [--rounds 3] [--steps 4] ...
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PROGRAM = HERE.parents[2] / "target/release/clipmill-wan"


def arguments() -> argparse.Namespace:
    """What to render, how often, and with which program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="where torch_render.py keeps its model")
    parser.add_argument("--program", type=Path, default=PROGRAM, help="clipmill-wan, as built for release")
    parser.add_argument("--rounds", type=int, default=3, help="renders of each; the medians are compared")
    for name, value in [("width", 480), ("height", 272), ("frames", 17), ("steps", 4), ("threads", 2)]:
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser.parse_args()


def said(command: list[str], threads: int) -> dict:
    """The JSON object that a program prints; what it says on the way goes on to standard error."""
    environment = os.environ | {"RAYON_NUM_THREADS": str(threads)}
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout
    return json.loads(output)


def theirs(args: argparse.Namespace) -> dict[str, float]:
    """One render by diffusers, in seconds."""
    options = ["width", "height", "frames", "steps", "threads", "folder"]
    command = [sys.executable, str(HERE / "torch_render.py")]
    spent = said(command + [f"--{name}={getattr(args, name)}" for name in options], args.threads)
    return {name: spent[name] for name in ("denoise", "decode", "total")}


def ours(args: argparse.Namespace) -> dict[str, float]:
    """One render by clipmill-wan, in seconds; as with diffusers, reading the weights does not count."""
    command = [str(args.program), "bench", str(args.folder), "--warm-up=0", "--guidance=5"]
    options = ["width", "height", "frames", "steps"]
    spent = said(command + [f"--{name}={getattr(args, name)}" for name in options], args.threads)
    total = spent["total_seconds"] - spent["load_seconds"]
    return {"denoise": spent["denoise_seconds"], "decode": spent["decode_seconds"], "total": total}


def main() -> None:
    args = arguments()
    runs = [(theirs(args), ours(args)) for _ in range(args.rounds)]
    medians = [{stage: statistics.median(run[side][stage] for run in runs) for stage in runs[0][0]} for side in (0, 1)]
    ratio = {stage: medians[1][stage] / medians[0][stage] for stage in medians[0]}
    print(json.dumps({"rounds": args.rounds, "diffusers": medians[0], "clipmill": medians[1], "ratio": ratio}, indent=2))


if __name__ == "__main__":
    main()
