"""How much stylised films flicker, with the content's statistics smoothed over time and without.

    python benchmarks/flicker.py tests/data/astronaut.jpg tests/data/strokes.jpg -o benchmarks/results/flicker.md

A film is made from one picture, so that what moves in it is known: a slow pan or none, and on top of it changes of
exposure, a camera's noise, or a bright thing that crosses the picture. Each is stylised with several time constants.
Two numbers are taken of each: `adain.video.flicker`, the change from frame to frame of the result over that of the
film; and, because a pan is most of that change in both, the change of what stands still in the scene: the frames laid
over each other as the scene was, and what passes before it left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

import adain
from adain import images
from adain.cli.options import model_options
from adain.request import StyleRequest
from adain.stylizer import Stylizer
from adain.video import flicker
from adain.video.clip import Frame
from adain.video.frame_stylizer import FrameStylizer

RATE = 25  # frames a second
SECONDS = (0.0, 0.25, 0.5, 1.0, 2.0)  # time constants; 0 is each frame's own statistics
PAN = 1  # pixels from frame to frame
EXPOSURE = 0.15  # how far gains go to either side
NOISE = 6.0  # standard deviation, of 255: a phone in a room at night

Frames = list[NDArray[np.uint8]]


def pan(picture: NDArray[np.uint8], step: int, width: int, height: int, count: int) -> Frames:
    """A window that moves over the picture's middle by `step` pixels from frame to frame."""
    top = (picture.shape[0] - height) // 2
    return [picture[top : top + height, step * number : step * number + width].copy() for number in range(count)]


def exposed(frames: Frames) -> Frames:
    """An automatic exposure that hunts: brighter and darker within half a second, in small steps."""
    gains = [1 + EXPOSURE * np.sin(2 * np.pi * number / (RATE / 2)) for number in range(len(frames))]
    return [_clipped(frame * gain) for frame, gain in zip(frames, gains, strict=True)]


def noisy(frames: Frames) -> Frames:
    """Noise that is another in each frame."""
    rng = np.random.default_rng(0)
    return [_clipped(frame + rng.normal(0, NOISE, frame.shape)) for frame in frames]


def passing(frames: Frames) -> Frames:
    """A white thing, a fifth of the width, that crosses the picture in a second."""
    width = frames[0].shape[1]
    crossed = [frame.copy() for frame in frames]
    for number, frame in enumerate(crossed):
        left = int(width * (1.2 * number / RATE - 0.2))
        frame[frame.shape[0] // 4 : -frame.shape[0] // 4, max(0, left) : max(0, left + width // 5)] = 250
    return crossed


FILMS: dict[str, tuple[int, Callable[[Frames], Frames]]] = {  # pixels of pan a frame, and what happens on top
    "still, noise": (0, noisy),
    "still, exposure": (0, exposed),
    "still, something passes": (0, passing),
    "pan": (PAN, lambda frames: frames),
    "pan, exposure and noise": (PAN, lambda frames: noisy(exposed(frames))),
    "pan, all of these": (PAN, lambda frames: noisy(exposed(passing(frames)))),
}


def still_change(frames: Frames, step: int, *, upper: bool) -> float:
    """Mean change from frame to frame of the same place in the scene, of 255.

    Args:
        frames: of a film.
        step: its pan, in pixels a frame.
        upper: only the part above everything that passes.
    """
    part = slice(0, frames[0].shape[0] // 5) if upper else slice(None)
    width = frames[0].shape[1] - step
    changes = [
        np.abs(after[part, :width].astype(int) - before[part, step:]).mean() for before, after in pairwise(frames)
    ]
    return float(np.mean(changes))


def stylized(film: Frames, stylizer: Stylizer, style: adain.StyleCode, seconds: float) -> Frames:
    """The film in the style."""
    frames = FrameStylizer(stylizer, style, StyleRequest(), smoothing=seconds)
    return [frames(Frame(rgb, Fraction(number, RATE))).rgb for number, rgb in enumerate(film)]


def tables(stylizer: Stylizer, picture: NDArray[np.uint8], style: adain.StyleCode, size: Sequence[int]) -> str:
    """Both numbers: a row per film, a column per time constant."""
    *window, count = size
    head = [" | ".join(f"{s:g} s" if s else "none" for s in SECONDS) + " |", "|---" * (len(SECONDS) + 2) + "|"]
    ratios = ["| result over film | film, of 255 | " + head[0], head[1]]
    still = ["| what stands still, of 255 | film | " + head[0], head[1]]
    for name, (step, made) in FILMS.items():
        film = made(pan(picture, step, *window, count))
        results = [stylized(film, stylizer, style, seconds) for seconds in SECONDS]
        change = float(np.mean([np.abs(b.astype(int) - a).mean() for a, b in pairwise(film)]))
        ratios.append(
            f"| {name} | {change:.1f} | " + " | ".join(f"{flicker(film, result):.2f}" for result in results) + " |"
        )
        upper = "passes" in name or "all of" in name
        changes = [still_change(frames, step, upper=upper) for frames in (film, *results)]
        still.append(f"| {name} | " + " | ".join(f"{change:.2f}" for change in changes) + " |")
        click.echo(f"{ratios[-1]}\n{still[-1]}", err=True)
    return "\n".join([*ratios, "", *still])


def _clipped(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)


@click.command()
@click.argument("photo", type=click.Path(exists=True, path_type=Path))
@click.argument("painting", type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Markdown file to write.")
@click.option(
    "--side", default=256, show_default=True, help="Pixels of the film's width; the height is three quarters."
)
@click.option("--frames", default=25, show_default=True)
@model_options
def main(
    photo: Path, painting: Path, output: Path | None, side: int, frames: int, open_stylizer: Callable[[], Stylizer]
) -> None:
    """Measure the flicker of PHOTO, made a film, in the style of PAINTING."""
    stylizer = open_stylizer()
    height = side * 3 // 4
    picture = images.read(photo)
    scale = max((side + PAN * frames) / picture.size[0], height / picture.size[1])
    picture = images.resize(picture, int(np.ceil(scale * min(picture.size))) + 1)
    measured = tables(stylizer, picture.rgb, stylizer.encode_style(painting), (side, height, frames))
    text = (
        f"# Flicker of stylised films\n\n{stylizer.model.name}, {photo.name} in {painting.name}, {side} x {height} "
        f"pixels, {frames} frames of 1/{RATE} s; written by `benchmarks/flicker.py`, which says what the numbers are. "
        f"Columns are time constants of the smoothing.\n\n{measured}\n"
    )
    click.echo(text)
    if output is not None:
        output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
