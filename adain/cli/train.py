"""`adain train`: train or fine-tune a network by a recipe."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from adain.cli.extras import require_torch
from adain.cli.inputs import OutputFolder
from adain.cli.main import INTERRUPTED
from adain.cli.progress import clock
from adain.errors import InputError, OutputError

if TYPE_CHECKING:
    from adain.training.recipe import Recipe
    from adain.training.trainer import Trainer

__all__ = ["train"]

_BAR = 24  # characters


@click.command()
@click.argument("recipe")
@click.option("-o", "--output", "run_dir", type=OutputFolder(path_type=Path), required=True, help="Folder of the run.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder that the recipe's data paths are relative to.")
@click.option(
    "--teachers",
    type=click.Path(path_type=Path),
    help="VGG-19 for the losses: vgg_normalised.pth or a folder with it. "
    "Default: the one that `adain models download adain-vgg19` fetched.",
)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a recipe's key: losses.style=5.")
@click.option("--resume", is_flag=True, help="Continue from the newest checkpoint in the folder.")
@click.option("--export", is_flag=True, help="Only write model.safetensors from the newest checkpoint.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
def train(
    recipe: str,
    run_dir: Path,
    data: Path | None,
    teachers: Path | None,
    overrides: tuple[str, ...],
    resume: bool,
    export: bool,
    device: str,
) -> None:
    """Train a network by RECIPE: a TOML file, or one of those below.

    adain-slim trains the default model from random weights, adain-slim-strokes continues through drafts, and wct-slim
    continues from that. adain-slim-finetune continues from the shipped weights on your own pictures:

    \b
      adain train adain-slim-finetune -o my-run
          --set 'data.content=["/my/photos"]' --set 'data.style=["/my/paintings"]'

    The losses need VGG-19 (`adain models download adain-vgg19`, or --teachers). To train without a download, add
    --set losses.network=shipped for the encoder of adain-slim, or --set losses.network=vgg16 for the VGG-16 of the
    extra `perceptual`.

    The output folder gets metrics.jsonl, samples/, checkpoints/, latest.safetensors and, at the end,
    model.safetensors. Ctrl-C writes a checkpoint first. --resume continues from it, with the same result as an
    uninterrupted run.
    """  # noqa: D301 (click reads the backspace)
    chosen = _checked_recipe(recipe, overrides, teachers)
    from adain.training import session

    places = session.Places(run_dir, data, teachers)
    trainer = session.prepare(chosen, places, device=device, resume=resume or export)
    click.echo(session.describe(trainer), err=True)
    for line in (*trainer.datasets.content.problems, *trainer.datasets.style.problems):
        click.echo(f"left out: {line}", err=True)
    if export:
        if trainer.step == 0:
            raise InputError(f"{run_dir} holds no checkpoint to export; train first")
        trainer.export(run_dir / "model.safetensors")
        click.echo(run_dir / "model.safetensors")
        return
    _run(trainer)


def _checked_recipe(name: str, overrides: tuple[str, ...], teachers: Path | None) -> Recipe:
    """Read the recipe and find the loss network, before torch is imported, which takes seconds.

    Raises:
        InputError: the extra `torch` is missing, or the recipe is not valid.
        WeightsError: the loss network is missing.
    """
    require_torch("training")
    from adain.training import loss_files, recipe

    found = recipe.read(name, overrides)
    loss_files.find(found.losses.network, found.loss_layers, teachers)
    return found


def _run(trainer: Trainer) -> None:
    progress = _Progress(trainer.step, trainer.total)
    try:
        with _stopping_on_signals(trainer):
            outcome = trainer.run(progress.show, lambda line: click.echo(f"\nreplaced: {line}", err=True))
    except OutputError as error:
        raise OutputError(f"{error}; free some space, and continue from the last checkpoint with --resume") from error
    click.echo(err=True)
    if outcome.weights is None:
        click.echo(f"stopped after step {outcome.step} of {trainer.total}; continue with --resume", err=True)
        sys.exit(INTERRUPTED)
    click.echo(outcome.weights)


@contextmanager
def _stopping_on_signals(trainer: Trainer) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        trainer.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Progress:
    """Shows step, time left and losses on stderr: a bar on a terminal, else a new line each time."""

    def __init__(self, start: int, total: int) -> None:
        self._start, self._total, self._began = start, total, time.monotonic()
        self._terminal = sys.stderr.isatty()

    def show(self, step: int, values: Mapping[str, float]) -> None:
        left = (time.monotonic() - self._began) / max(1, step - self._start) * (self._total - step)
        # Names with a slash are details for metrics.jsonl.
        losses = "  ".join(f"{name} {value:.4g}" for name, value in values.items() if "/" not in name)
        line = f"{step}/{self._total}  {clock(left)} left  {losses}"
        if self._terminal:
            full = _BAR * step // max(1, self._total)
            line = f"[{'#' * full}{'-' * (_BAR - full)}]  {line}"[: shutil.get_terminal_size().columns - 1]
            click.echo(f"\r\033[K{line}", err=True, nl=False)
        else:
            click.echo(line, err=True)


if __name__ == "__main__":
    train()
