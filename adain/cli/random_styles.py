"""`adain stylize --random`: a folder of pictures in random styles, for training other networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from adain.cli.inputs import DASH
from adain.cli.number_types import WholeNumber
from adain.cli.progress import ResultBar
from adain.cli.reporting import counted, say
from adain.defaults import BATCH_CUDA, BATCH_MOST
from adain.errors import InputError

if TYPE_CHECKING:
    from adain.request import StyleRequest
    from adain.stylizer import Stylizer

__all__ = ["RandomChoice", "alpha_range", "batch_option", "random_options"]

_MOST = 1_000_000  # results per picture; more is a mistake

_R = TypeVar("_R")


@dataclass(frozen=True)
class RandomChoice:
    """What `--random` and `--shard` chose.

    Attributes:
        count: results per picture.
        shard: the part to make, such as `3/16`. None: all.
        batch: number of pictures that go through the network together. None: by the device.
    """

    count: int
    shard: str | None
    batch: int | None

    def run(
        self,
        open_stylizer: Callable[[], Stylizer],
        contents: Sequence[str],
        styles: Sequence[str],
        output: str,
        name: str | None,
        overwrite: bool,
        alphas: Sequence[float],
        request: StyleRequest,
        quality: int | None,
        strip: bool,
    ) -> None:
        """Make the data set, and print what was made.

        Raises:
            AdainError: an option is not allowed, or a picture failed.
        """
        from adain.datasets.drawing import Shard
        from adain.datasets.folders import stylize_folder

        if DASH in (*contents, *styles, output):
            raise InputError("--random reads and writes folders, not standard input and output (-)")
        strengths = alpha_range(alphas)
        shard = None if self.shard is None else Shard.parse(self.shard)
        stylizer = open_stylizer()
        with ResultBar() as bar:
            report = stylize_folder(
                stylizer,
                contents,
                styles,
                output,
                per_picture=self.count,
                alpha=strengths,
                request=request,
                name=name,
                shard=shard,
                overwrite=overwrite,
                quality=quality,
                strip=strip,
                batch=self.batch,
                progress=bar,
            )
        failed = sum(failure.results for failure in report.failures)
        if failed:
            click.echo(f"the manifest in {Path(output)} names {counted(failed, 'missing result')}", err=True)
        say(report)


def alpha_range(alphas: Sequence[float]) -> tuple[float, float] | None:
    """Return the ends of the range that `--alpha` gives; None if it was not given.

    Raises:
        InputError: it has more than two numbers.
    """
    if len(alphas) > 2:
        raise InputError(f"for random styles, --alpha is one number or the two ends of a range, got {len(alphas)}")
    return (alphas[0], alphas[-1]) if alphas else None


def random_options(command: Callable[..., _R]) -> Callable[..., _R]:
    """Add `--random`, `--shard` and `--batch`; the command gets `random`, a `RandomChoice` or None."""

    @wraps(command)
    def with_choice(*, random: int | None, shard: str | None, batch: int | None, **others: Any) -> _R:
        if random is None and shard is not None:
            raise InputError("--shard is a part of a data set; it needs --random")
        if random is None and batch is not None:
            raise InputError("--batch is for data sets; it needs --random")
        return command(random=None if random is None else RandomChoice(random, shard, batch), **others)

    chosen: Callable[..., _R] = with_choice
    for option in reversed(_OPTIONS):
        chosen = option(chosen)
    return chosen


batch_option = click.option(
    "--batch",
    type=WholeNumber(1, BATCH_MOST),
    metavar="N",
    help=f"Stylize N pictures of one size at once.  [default: 1, on CUDA {BATCH_CUDA}]",
)

_OPTIONS = (
    click.option(
        "--random",
        type=WholeNumber(1, _MOST),
        metavar="N",
        help="Give each content N styles drawn by --seed and its path, and write a manifest.",
    ),
    click.option(
        "--shard",
        metavar="I/COUNT",
        help="With --random: make only part I of COUNT, for instance one on each of COUNT machines.",
    ),
    batch_option,
)
