"""Random numbers that follow from a seed and a name, and weights made of them."""

import hashlib
from typing import TypeVar

import torch
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)


class Noise:
    """Standard normal numbers. Each name has a stream of its own, so what is drawn later or added
    elsewhere changes none of the others."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def normal(self, name: str, *shape: int) -> Tensor:
        digest = hashlib.sha256(f"{self.seed}/{name}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "little"))
        return torch.randn(*shape, generator=generator)


def redraw(module: M, noise: Noise, label: str) -> M:
    """Draws every parameter anew.

    The libraries start norms at one and biases and some tables at zero. An implementation that forgets one of
    them would agree with that, so nothing here stays at one or zero.
    """
    for name, parameter in module.named_parameters():
        draw = noise.normal(f"{label}/{name}", *parameter.shape)
        parameter.data.copy_(_scaled(name.rsplit(".", 1)[-1], draw))
    return module.eval()


def _scaled(leaf: str, draw: Tensor) -> Tensor:
    """Standard normal numbers, moved and scaled to what the parameter of that name is for."""
    if leaf == "gamma" or (leaf == "weight" and draw.dim() == 1):
        return 1 + 0.2 * draw
    if leaf == "bias":
        return 0.3 * draw
    if leaf in ("scale_shift_table", "pos_embed", "class_embedding"):
        return 0.3 * draw
    return draw / draw[0].numel() ** 0.5
