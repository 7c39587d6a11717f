"""Content, styles, masks and the first picture, at each scale from coarse to fine."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from adain import color, images, masking
from adain.code import StyleCode, is_code_file, shares
from adain.errors import InputError
from adain.images import Picture, PictureInput
from adain.optimization.features import Features
from adain.optimization.objective import Target
from adain.request import StyleRequest
from adain.stylizer import StyleInput, read_content

__all__ = ["Pictures", "read_style", "sides", "tensor"]

_FLATTEST = 0.5  # of 255: least deviation of a style's values in some channel

_Masks = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Pictures:
    """The pictures of an optimisation, at the size of the result.

    Attributes:
        content: the (scaled) content.
        styles: as read.
        masks: (S, H, W) float32 in [0, 1]; None: the styles are mixed.
        request: weights, style size and colour preservation.
    """

    content: Picture
    styles: Sequence[Picture]
    masks: _Masks | None
    request: StyleRequest

    @classmethod
    def read(cls, content: PictureInput, styles: Sequence[StyleInput], request: StyleRequest) -> Pictures:
        """Read and check them.

        Raises:
            InputError: a style is a style code, or has one colour only; or masks or weights do not fit.
            ImageError: a picture cannot be read.
        """
        picture, masks = read_content(content, request, len(styles))
        read = [read_style(style, f"style {number}") for number, style in enumerate(styles, 1)]
        divided = None if masks is None else masking.shares(masks)
        if request.preserve_color == "coral":
            where: Sequence[_Masks | None] = [None] * len(read) if divided is None else list(divided)
            pairs = zip(read, where, strict=True)
            read = [replace(each, rgb=color.coral(each.rgb, picture.rgb, part)) for each, part in pairs]
        return cls(picture, read, divided, request)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the result."""
        return self.content.size

    def check(self, features: Features, coarsest: int) -> None:
        """Raise an `InputError` if a picture is too small for the feature network at the coarsest scale."""
        least = features.minimum
        for what, picture in (("the content", self.content), *(("a style", style) for style in self.styles)):
            if min(picture.size) < least:
                size = "x".join(map(str, picture.size))
                raise InputError(
                    f"{what} is {size} pixels, and the features of {features.name} need sides of at least {least}; "
                    f"enlarge it (the content by size={least} or more)"
                )
        if 0 < coarsest < least:
            raise InputError(f"coarsest must be at least {least} with {features.name}, or 0, got {coarsest}")

    def at(self, side: int, least: int, device: torch.device) -> Target:
        """Content, styles and masks, where the content's shorter side is `side` pixels.

        Args:
            side: at most that of the content.
            least: shorter side of a style, which small copies do not go below.
            device: of the tensors.
        """
        content = tensor(images.resize(self.content, side), device)
        ratio = side / min(self.size)
        wanted = self.request.style_size or min(self.size)
        styles = [
            tensor(images.resize(each, max(least, round(wanted * ratio)), enlarge=False), device)
            for each in self.styles
        ]
        if self.masks is None:
            return Target(content, styles, shares(len(styles), self.request.weights))
        masks = F.adaptive_avg_pool2d(torch.from_numpy(self.masks)[None], (content.shape[2], content.shape[3]))[0]
        return Target(content, styles, None, masks.to(device))

    def finished(self, picture: Tensor) -> Picture:
        """The result: an optimised picture (1, 3, H, W), in 8 bits or the content's 16, with its alpha and metadata."""
        colors = self.content.colors
        values = picture[0].permute(1, 2, 0).clamp(0, 1).cpu().numpy()
        result = images.quantize(values, colors.dtype.type)
        if self.request.preserve_color == "luminance":
            result = color.luminance(result, colors)
        if self.masks is not None:
            result = masking.over(result, colors, self.masks)
        return self.content.recolored(result)


def tensor(picture: Picture, device: torch.device) -> Tensor:
    """(1, 3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(images.to_tensor(picture.rgb)).to(device)


def sides(shorter: int, coarsest: int) -> list[int]:
    """Shorter sides from coarse to fine, each the root of 2 times the one before; the last one is `shorter`."""
    if coarsest == 0 or coarsest >= shorter:
        return [shorter]
    count = math.floor(2 * math.log2(shorter / coarsest)) + 1
    return [round(shorter / math.sqrt(2) ** step) for step in reversed(range(count))]


def read_style(style: StyleInput, which: str = "the style") -> Picture:
    """Read a style picture.

    Raises:
        InputError: it is a style code, or has one colour only.
        ImageError: it cannot be read.
    """
    if isinstance(style, StyleCode) or (isinstance(style, (str, os.PathLike)) and is_code_file(style)):
        raise InputError(f"{which} is a style code, and optimisation compares pictures; give the style's picture")
    picture = images.read(style)
    if picture.rgb.reshape(-1, 3).std(0).max() < _FLATTEST:
        raise InputError(f"{which} has one colour only, and so nothing to match; give a picture with some structure")
    return picture
