"""`adain train`: train or fine-tune a network by a recipe."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from adain.cli.main import INTERRUPTED
from adain.errors import InputError

if TYPE_CHECKING:
    from adain.training.trainer import Trainer

__all__ = ["train"]


@click.command()
@click.argument("recipe")
@click.option("-o", "--output", "run_dir", type=click.Path(path_type=Path), required=True, help="Folder of the run.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder the recipe's data paths are relative to.")
@click.option(
    "--teachers",
    type=click.Path(path_type=Path),
    help="The full vgg_normalised.pth, or a folder with the loss network's files; "
    "unless given, the one `adain models download adain-vgg19` fetched.",
)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a key, as losses.style=5.")
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
    """Train by RECIPE: a TOML file, or the name of one in the package.

    Those are adain-slim, wct-slim (from adain-slim, with WCT), wct-levels (one VGG-like encoder and five decoders for
    WCT) and adain-slim-finetune, which starts from the weights that ship and continues on your own pictures:

    \b
      adain train adain-slim-finetune -o my-run --teachers vgg_normalised.pth
          --set 'data.content=["/my/photos"]' --set 'data.style=["/my/paintings"]'

    The folder of the run gets metrics.jsonl, samples/, checkpoints/, latest.safetensors and at the end
    model.safetensors. Ctrl-C writes a checkpoint first; --resume then comes to the same result as one
    uninterrupted run.
    """  # noqa: D301 (click reads the backspace)
    try:
        from adain.training import recipe as recipes
        from adain.training import session
    except ModuleNotFoundError as error:
        raise InputError(f"training needs the torch extra ({error}): pip install 'adain[torch]'") from error
    places = session.Places(run_dir, data, teachers)
    trainer = session.prepare(recipes.read(recipe, overrides), places, device=device, resume=resume or export)
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


def _run(trainer: Trainer) -> None:
    progress = _Progress(trainer.step, trainer.total)
    with _stopping_on_signals(trainer):
        outcome = trainer.run(progress.show, lambda line: click.echo(f"\nreplaced: {line}", err=True))
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
    """Step, time left and losses on stderr: one line rewritten, or many where it is no terminal."""

    def __init__(self, start: int, total: int) -> None:
        self._start, self._total, self._began = start, total, time.monotonic()
        self._terminal = sys.stderr.isatty()

    def show(self, step: int, values: Mapping[str, float]) -> None:
        left = (time.monotonic() - self._began) / max(1, step - self._start) * (self._total - step)
        # Names with a slash are details for metrics.jsonl.
        losses = "  ".join(f"{name} {value:.4g}" for name, value in values.items() if "/" not in name)
        line = f"{step}/{self._total}  {int(left) // 3600}:{int(left) // 60 % 60:02} left  {losses}"
        if self._terminal:
            click.echo(f"\r\033[K{line}", err=True, nl=False)
        else:
            click.echo(line, err=True)


if __name__ == "__main__":
    train()
