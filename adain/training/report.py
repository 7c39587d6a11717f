"""Reports of a run: `metrics.jsonl`, and grids of samples as PNG."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from PIL import Image, ImageOps
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms  # type: ignore[import-untyped]

from adain.errors import OutputError
from adain.training.checkpoint import write_atomically
from adain.training.objective import StyleNetwork

__all__ = ["Metrics", "draw_grid", "square"]


class Metrics:
    """Appends lines to `metrics.jsonl`. A resumed run first drops the lines of steps that it will repeat."""

    def __init__(self, path: Path, *, resume_at: int) -> None:
        self._path = path
        if path.exists():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            kept = [line for line in lines if _step(line) <= resume_at] if resume_at else []
            write_atomically(path, lambda file: file.write("".join(f"{x}\n" for x in kept).encode()))

    def write(self, values: Mapping[str, object]) -> None:
        """Append one line.

        Raises:
            OutputError: the file cannot be written. A line that was cut short is dropped when the run is resumed.
        """
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(values) + "\n")
        except OSError as error:
            raise OutputError(f"cannot write {self._path}: {error.strerror or error}") from error


def _step(line: str) -> int:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return sys.maxsize  # cut short by a crash


def square(image: Image.Image, side: int) -> Tensor:
    """The middle of a picture as (3, side, side) uint8."""
    tensor: Tensor = transforms.pil_to_tensor(ImageOps.fit(image, (side, side), Image.Resampling.LANCZOS))
    return tensor


@torch.no_grad()
def draw_grid(
    network: StyleNetwork,
    contents: Sequence[Tensor],
    styles: Sequence[Tensor],
    device: torch.device,
) -> Image.Image:
    """Draw contents down, styles across, and each content in each style; pictures are (3, S, S) uint8."""
    blank = torch.full_like(contents[0], 255)
    rows = [torch.cat([blank, *styles], dim=2)]
    codes = [network.encode_style(_floats(style, device)) for style in styles]
    for content in contents:
        row = [content]
        for code in codes:
            result = network(_floats(content, device), code, 1.0)
            row.append((result[0].float().clamp(0, 1) * 255 + 0.5).to("cpu", torch.uint8))
        rows.append(torch.cat(row, dim=2))
    image: Image.Image = transforms.to_pil_image(torch.cat(rows, dim=1))
    return image


def _floats(picture: Tensor, device: torch.device) -> Tensor:
    return picture[None].to(device).float() / 255
