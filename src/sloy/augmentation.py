"""`Augment`: random changes of the training samples, drawn anew in every step.

They belong to the training graph alone: evaluation and prediction see the samples as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np

from sloy.errors import FileFormatError, InvalidArgument, ShapeError
from sloy.graph.ops.augmentation import (
    OUTSIDE,
    random_cutout,
    random_mix,
    random_order,
    random_pick,
    random_tone,
    random_warp,
)
from sloy.graph.spec import Shape
from sloy.graph.tensor import Tensor, constant
from sloy.options import check_options, integer_option, option, real_option
from sloy.text import reason, shown

FLIPS = {None: 0, "horizontal": 1, "vertical": 2, "both": 3}

# Dropout masks count their streams up from 0, these down from the end.
_WARP, _TONE, _CUTOUT, _ORDER, _SHARE = range(2**32 - 1, 2**32 - 6, -1)
_QUANTILES = 1024


@dataclass(frozen=True, repr=False)
class Augment:
    """What happens to each training sample at random, in this order; by default nothing.

    Pictures are (N, H, W, C), in the units of the data, before preprocessing. Flip, rotation, scale, shift and crop
    are one affine map with bilinear interpolation; without rotation, scale and shift it moves whole pixels.

    Parameters
    ----------
    flip : "horizontal", "vertical", "both" or None
        Left and right exchanged with probability ½; up and down; each of the two.
    rotation : float
        About the centre, uniform within ± this many degrees, from 0 to 180.
    scale : float
        About the centre, by a factor uniform within 1 ± this, from 0 to 0.95.
    shift : float
        Along each axis, uniform within ± this share of the side, from 0 to 1.
    crop : int
        Pad by this many pixels on each side, then cut a picture of the old size out at random: a shift by whole
        pixels.
    brightness : float
        A number uniform within ± this is added to all pixels, in units of white: 255 for uint8, 1 for floats; from 0
        to 1.
    contrast : float
        Distances from the picture's mean times a factor uniform within 1 ± this, from 0 to 1.
    cutout : int
        Side in pixels of a square that is set to `fill`; its centre is any pixel [1]_.
    mixup : float
        α > 0: the batch becomes λ x + (1 - λ) x' with x' the batch in another order and one λ for the batch from
        Beta(α, α); the loss is λ L(output, y) + (1 - λ) L(output, y'), metrics alike [2]_. Works for any data.
    outside : "constant", "edge" or "reflect"
        What comes in from beyond the edges: `fill`, the nearest pixel, or the picture mirrored.
    fill : float
        In the units of the data; for uint8 a whole number from 0 to 255.

    References
    ----------
    .. [1] T. DeVries, G. W. Taylor, "Improved regularization of convolutional neural networks with cutout",
       arXiv:1708.04552 (2017).
    .. [2] H. Zhang, M. Cisse, Y. N. Dauphin, D. Lopez-Paz, "mixup: beyond empirical risk minimization", ICLR 2018,
       equation 1.

    Examples
    --------
    >>> Augment(rotation=10, shift=0.1)
    Augment(rotation=10.0, shift=0.1)
    """

    flip: Literal["horizontal", "vertical", "both"] | None = option(
        None, kind="text", choices=tuple(name for name in FLIPS if name)
    )
    rotation: float = real_option(0.0, least=0, most=180)
    scale: float = real_option(0.0, least=0, most=0.95)
    shift: float = real_option(0.0, least=0, most=1)
    crop: int = integer_option(0, least=0, most=2**15)
    brightness: float = real_option(0.0, least=0, most=1)
    contrast: float = real_option(0.0, least=0, most=1)
    cutout: int = integer_option(0, least=0, most=2**15)
    mixup: float = real_option(0.0, least=0, most=100)
    outside: Literal["constant", "edge", "reflect"] = option(
        "constant", kind="text", choices=tuple(OUTSIDE)
    )
    fill: float = real_option(0.0)

    def __post_init__(self) -> None:
        check_options("Augment", self)

    @classmethod
    def of_words(cls, words: str) -> Augment | None:
        """The augmentation of "rotation=8,flip=horizontal"; None of "none".

        Examples
        --------
        >>> Augment.of_words("rotation=8,flip=horizontal")
        Augment(flip='horizontal', rotation=8.0)
        """
        if words == "none":
            return None
        allowed = {field.name: field.default for field in fields(cls)}
        values: dict[str, Any] = {}
        for part in words.split(","):
            name, _, value = part.partition("=")
            if name not in allowed or not value:
                raise InvalidArgument(
                    f"`augment`: {shown(part)} must be none or NAME=VALUE, the names being"
                    f" {', '.join(allowed)}."
                )
            values[name] = value
            for kind in (int, float):
                with suppress(ValueError):
                    values[name] = kind(value)
                    break
        return cls(**values)

    @property
    def words(self) -> str:
        """What `of_words` makes it of."""
        return ",".join(f"{n}={_word(value)}" for n, value in self.to_config().items()) or "none"

    def __repr__(self) -> str:
        """The call that makes it, arguments left out where they have their default."""
        return f"Augment({', '.join(f'{n}={value!r}' for n, value in self.to_config().items())})"

    @property
    def warps(self) -> bool:
        """Whether pixels move."""
        return bool(self.flip or self.rotation or self.scale or self.shift or self.crop)

    @property
    def tones(self) -> bool:
        """Whether brightness or contrast change."""
        return bool(self.brightness or self.contrast)

    def check(self, sample_shape: Shape, dtype: str) -> None:
        """Raise unless samples of that shape and dtype can be changed so."""
        of_pictures = self.warps or self.tones or self.cutout
        if of_pictures and len(sample_shape) != 3:
            raise ShapeError(
                f"{self!r}: samples of shape {sample_shape} are no pictures (H, W, C); only `mixup`"
                " works for them."
            )
        if dtype == "uint8" and not (0 <= self.fill <= 255 and self.fill == int(self.fill)):
            raise InvalidArgument(
                f"Augment: `fill` (={self.fill:g}) must be a whole number from 0 to 255 for uint8"
                " pictures."
            )

    def pictures(self, x: Tensor, key: Tensor, step: Tensor) -> Tensor:
        """Symbolic: the samples x (N, …) as they come from the data, each changed; mixup is not done here."""
        self.check(x.shape[1:], x.dtype)
        if self.warps:
            x = random_warp(
                x,
                key,
                step,
                stream=_WARP,
                flip=FLIPS[self.flip],
                rotation=self.rotation,
                scale=self.scale,
                shift=self.shift,
                crop=self.crop,
                outside=self.outside,
                value=self.fill,
            )
        if self.tones:
            x = random_tone(
                x, key, step, stream=_TONE, brightness=self.brightness, contrast=self.contrast
            )
        if self.cutout:
            x = random_cutout(x, key, step, stream=_CUTOUT, size=self.cutout, value=self.fill)
        return x

    def mixing(self, key: Tensor, step: Tensor, dtype: str) -> Mixing | None:
        """Symbolic: how the samples of a step are mixed with each other; None without `mixup`."""
        if not self.mixup:
            return None
        quantiles = constant(beta_quantiles(self.mixup, _QUANTILES), dtype)
        return Mixing(random_pick(quantiles, key, step, stream=_SHARE), key, step)

    def to_config(self) -> dict[str, Any]:
        """What `from_config` makes the same of, in JSON values: the arguments that are not at their default."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {f.name: values[f.name] for f in fields(self) if values[f.name] != f.default}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Augment:
        """What `to_config` described; `FileFormatError` where it is none."""
        try:
            return cls(**config)
        except (TypeError, ValueError) as error:
            raise FileFormatError(f"the augmentation cannot be read: {reason(error)}.") from error


@dataclass(frozen=True)
class Mixing:
    """How the samples of a step are mixed with each other.

    Attributes
    ----------
    share : Tensor
        λ, a scalar in [0, 1].
    key, step : Tensor
        What the order is drawn from.
    """

    share: Tensor
    key: Tensor
    step: Tensor

    def partners(self, x: Tensor) -> Tensor:
        """Any tensor (N, …) of the batch in the order of the samples that each one is mixed with."""
        return random_order(x, self.key, self.step, stream=_ORDER)

    def mixed(self, x: Tensor) -> Tensor:
        """Samples x (N, …) of the dtype of the share: λ x + (1 - λ) x', every product and the sum rounded once."""
        return random_mix(x, self.share, self.key, self.step, stream=_ORDER)

    def between(self, own: Tensor, partners: Tensor) -> Tensor:
        """λ own + (1 - λ) partners, of what is measured of the samples."""
        return self.share * own + (1.0 - self.share) * partners


def beta_quantiles(alpha: float, count: int) -> np.ndarray:
    """The quantiles (k + ½) / count of the law Beta(α, α), float64 (count,), rounded to 2^-16.

    Half of the density u^(α-1) (1 - u)^(α-1) is summed up to u = ½, the other half mirrored. For α < 1, where it has
    a pole at 0, over v = u^α, by which it is (1 - v^(1/α))^(α-1) / α.
    """
    power = min(alpha, 1.0)
    grid = np.linspace(0.0, 0.5**power, 8193)
    middle = (grid[1:] + grid[:-1]) / 2
    u = middle ** (1.0 / power)
    density = (1.0 - u) ** (alpha - 1.0) * (u ** (alpha - 1.0) if alpha > 1 else 1.0)
    mass = np.concatenate([[0.0], np.cumsum(density)])
    wanted = (np.arange(count) + 0.5) / count
    lower = np.minimum(wanted, 1.0 - wanted)
    u = np.interp(2.0 * lower * mass[-1], mass, grid) ** (1.0 / power)
    return np.round(np.where(wanted < 0.5, u, 1.0 - u) * 65536.0) / 65536.0


def _word(value: float | str | None) -> str:
    """A number as it is written, whole ones without a point."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
