"""References for what needs no model folder: schedulers, UMT5's position buckets, a causal convolution."""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional
from transformers import UMT5Config
from transformers.models.umt5.modeling_umt5 import UMT5Attention

import models
from noise import Noise
from record import Tensors, write

# Scheduler, shift, steps.
TRAJECTORIES = [
    ("unipc", 3, 8),
    ("unipc", 5, 20),
    ("unipc", 12, 4),
    ("unipc", 5, 1),
    ("unipc", 5, 50),
    ("euler", 5, 4),
    ("euler", 8, 20),
]
# Of a trajectory, the states after the first steps and after the last are written down.
FIRST_STEPS = 3
# Distances between two tokens of a prompt of up to 512.
DISTANCES = range(-511, 512)


def make(noise: Noise, folder: Path) -> None:
    found: Tensors = {}
    for kind, shift, steps in TRAJECTORIES:
        found |= trajectory(noise, kind, shift, steps)
    found["umt5.buckets"] = buckets()
    found |= convolution(noise)
    write(found, {}, noise.seed, folder / "parts")


def velocity(x: Tensor, timestep: float) -> Tensor:
    """Stands in for a model: depends on the state and on the time, and mixes neighbours."""
    return torch.tanh(1.7 * x.flip(-1) + timestep / 1000)


def trajectory(noise: Noise, kind: str, shift: int, steps: int) -> Tensors:
    name = f"{kind}_s{shift}_n{steps}"
    scheduler = models.scheduler(kind, float(shift))
    scheduler.set_timesteps(steps)
    scheduler.set_begin_index(0)
    x = noise.normal(name, 1, 2, 1, 2, 3)
    found = {f"{name}.x0": x}
    for step, timestep in enumerate(scheduler.timesteps):
        x = scheduler.step(velocity(x, timestep.item()), timestep, x, return_dict=False)[0]
        if step < FIRST_STEPS or step == steps - 1:
            found[f"{name}.x_{step}"] = x
    found[f"{name}.timesteps"] = scheduler.timesteps.double()
    found[f"{name}.sigmas"] = scheduler.sigmas.double()
    return found


def buckets() -> Tensor:
    """The bucket of every distance from a query to a key."""
    attention = UMT5Attention(UMT5Config(), has_relative_attention_bias=True)
    return attention._relative_position_bucket(torch.tensor(DISTANCES))


def convolution(noise: Noise) -> Tensors:
    """Five frames through a 3x3x3 convolution that sees the two frames before, never the ones after."""
    x = noise.normal("conv3d.x", 1, 6, 5, 7, 8)
    weight = 0.2 * noise.normal("conv3d.w", 5, 6, 3, 3, 3)
    bias = noise.normal("conv3d.b", 5)
    y = functional.conv3d(functional.pad(x, (1, 1, 1, 1, 2, 0)), weight, bias)
    return {"conv3d.w": weight, "conv3d.b": bias, "conv3d.x": x, "conv3d.y": y}
