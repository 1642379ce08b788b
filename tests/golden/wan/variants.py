"""The kinds of Wan folders that are made, and the request that each is run with."""

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class Variant:
    """A model folder and a request to it. Sizes are in pixels, frames are of the video."""

    steps: int
    guidance: float
    shift: float
    height: int = 32
    width: int = 48
    frames: int = 9
    scheduler: Literal["unipc", "euler"] = "unipc"
    # Length to which prompts are padded. What was published with CLIP needs exactly 512.
    sequence: int = 16
    vae: Literal["2.1", "2.2"] = "2.1"
    image: Literal["none", "first", "first and last"] = "none"
    clip: bool = False
    # Two experts: the share of the noise at which the second one takes over, and its guidance.
    boundary: float | None = None
    guidance_2: float | None = None
    # A timestep for every token; the same folder serves text and image (TI2V-5B).
    expand_timesteps: bool = False
    head_dim: int = 16
    layers: int = 2

    @property
    def experts(self) -> int:
        return 1 if self.boundary is None else 2

    @property
    def multiple(self) -> int:
        """Height and width must be multiples of this: a patch of two latents on each side."""
        return 16 if self.vae == "2.1" else 32

    def arguments(self) -> dict[str, object]:
        """The request as it is written to `reference.json`."""
        return {
            "h": self.height,
            "w": self.width,
            "frames": self.frames,
            "steps": self.steps,
            "gs": self.guidance,
            "seq": self.sequence,
            "gs2": self.guidance_2,
            "boundary": self.boundary,
        }

    def resized(self, **sizes: int | None) -> "Variant":
        """The variant with those of height, width, frames and steps that are given; ValueError if Wan cannot do it."""
        changed = replace(self, **{name: value for name, value in sizes.items() if value is not None})
        if changed.height % self.multiple or changed.width % self.multiple:
            raise ValueError(f"height and width must be multiples of {self.multiple}")
        if changed.frames % 4 != 1:
            raise ValueError("frames must be one more than a multiple of 4")
        if min(changed.height, changed.width, changed.frames, changed.steps) < 1:
            raise ValueError("height, width, frames and steps must be at least 1")
        return changed


VARIANTS: dict[str, Variant] = {
    "t2v21": Variant(steps=4, guidance=5.0, shift=3.0),
    "t2v21euler": Variant(steps=4, guidance=5.0, shift=5.0, scheduler="euler"),
    "i2v21": Variant(steps=3, guidance=5.0, shift=3.0, sequence=512, image="first", clip=True),
    "flf21": Variant(steps=3, guidance=5.5, shift=16.0, sequence=512, image="first and last", clip=True),
    "t2v22": Variant(steps=6, guidance=4.0, shift=3.0, boundary=0.875, guidance_2=3.0),
    "i2v22": Variant(steps=6, guidance=3.5, shift=5.0, boundary=0.9, guidance_2=3.0, image="first"),
    "ti2v5b": Variant(
        steps=5, guidance=5.0, shift=5.0, vae="2.2", height=64, width=32, expand_timesteps=True
    ),
    "hd128": Variant(steps=2, guidance=5.0, shift=3.0, head_dim=128, layers=1),
}

# hd128 has heads as wide as the published models', which makes its weights many times larger.
DEFAULT = [name for name in VARIANTS if name != "hd128"]
