"""`adain shards`: stylize WebDataset and Parquet files in random styles, on this machine or in object stores."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from adain.cli.inputs import PICTURES
from adain.cli.number_list import CommandWithNumbers
from adain.cli.number_types import WholeNumber
from adain.cli.options import ModelChoice, alphas_option, model_options, request_options
from adain.cli.pictures import quality_option, strip_option
from adain.cli.progress import DownloadBars, StepBar
from adain.cli.random_styles import alpha_range, batch_option
from adain.cli.reporting import counted, left, say_first
from adain.cli.verbosity import verbose_option
from adain.errors import AdainError, DeviceError

if TYPE_CHECKING:
    from adain.datasets.shards import ShardsReport
    from adain.request import StyleRequest

__all__ = ["shards"]

_MOST = 1024  # processes


@click.command(cls=CommandWithNumbers)
@click.argument("sources", metavar="SHARDS")
@click.argument("styles", metavar="STYLE [STYLE ...]", nargs=-1, required=True, type=PICTURES)
@click.option("-o", "--output", required=True, help="Folder to write, such as out/ or s3://bucket/stylized.")
@click.option(
    "--random",
    "count",
    type=WholeNumber(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Give each picture N styles drawn by --seed and its id.",
)
@click.option("--shard", metavar="I/COUNT", help="Make only every COUNTth file, from the Ith.")
@click.option("--processes", type=WholeNumber(1, _MOST), default=1, show_default=True, help="Processes, one core each.")
@batch_option
@click.option("--picture", metavar="NAME", help="Column or suffix of the pictures.  [default: the only one]")
@click.option("--overwrite", is_flag=True, help="Make files again that are done.")
@alphas_option("the two ends of a range to draw it from")
@request_options("strokes", "seed", "preserve_color", "size", "style_size")
@quality_option
@strip_option
@model_options
@verbose_option
def shards(
    sources: str,
    styles: tuple[str, ...],
    output: str,
    count: int,
    shard: str | None,
    processes: int,
    batch: int | None,
    picture: str | None,
    overwrite: bool,
    alpha: tuple[float, ...],
    request: StyleRequest,
    quality: int | None,
    strip: bool,
    open_stylizer: ModelChoice,
) -> None:
    """Give the pictures in SHARDS random STYLEs: a data set for training.

    SHARDS is a WebDataset file (.tar), a Parquet file with a column of pictures, or a pattern in quotes such as
    's3://bucket/train-*.tar'. A STYLE is a picture, a folder, or a file of style codes. A manifest beside each result
    says what was made of what. Files that are done are skipped, so an interrupted run can be continued.
    """
    for package in ("fsspec", "webdataset", "pyarrow"):
        if find_spec(package) is None:
            raise DeviceError(f'shards need {package}; install it with: pip install "adain[datasets]"')
    from adain.datasets.drawing import Shard
    from adain.datasets.rows import Stylize
    from adain.datasets.shards import stylize_shards

    stylize = Stylize(
        styles,
        per_picture=count,
        alpha=alpha_range(alpha),
        request=request,
        picture=picture or "bytes",
        quality=quality,
        strip=strip,
        batch=batch,
        threads=1 if processes > 1 else None,
        **open_stylizer.arguments(),
    )
    part = None if shard is None else Shard.parse(shard)
    with DownloadBars() as bars:  # before processes are started that need the weights
        stylize.load(bars)
    with StepBar("stylizing shards") as bar:
        report = stylize_shards(
            stylize, sources, output, part=part, overwrite=overwrite, processes=processes, progress=bar
        )
    _say(report)


def _say(report: ShardsReport) -> None:
    new = [each for each in report.shards if not each.existing]
    made = counted(sum(each.made for each in new), "picture")
    click.echo(f"wrote {counted(len(new), 'shard')} with {made}{left(len(report.shards) - len(new))}", err=True)
    failed = [f"{each.name}: {entry.id}: {entry.error}" for each in report.shards for entry in each.failed]
    lines = [*(f"{name}: {why}" if name not in why else why for name, why in report.failures), *failed]
    say_first(lines, "the manifests")
    if report.failures:
        raise AdainError("some shards failed, for the reasons above; run the same command again to make them")
    if failed:
        raise AdainError("some pictures failed; the manifests name them")
