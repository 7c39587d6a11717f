"""`adain export`: write a model as ONNX files, for other programs and for this package without torch."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adain.checks import shown
from adain.cli.inputs import OutputFolder, size
from adain.cli.number_types import WholeNumber
from adain.cli.options import model_name, weights_dir_option
from adain.cli.progress import DownloadBars, StepBar
from adain.cli.verbosity import verbose_option
from adain.errors import AdainError, DeviceError, InputError

if TYPE_CHECKING:
    from adain.export.graphs import Written
    from adain.nn.network import StyleTransfer
    from adain.runtimes.contract import GraphKind, Io, Precision

__all__ = ["export"]


@click.command()
@click.argument("model", type=model_name)
@click.option("-o", "--output", type=OutputFolder(path_type=Path), help="Directory to write to.")
@click.option(
    "--triton",
    type=OutputFolder(path_type=Path),
    help="Instead: directory for a model repository of the Triton Inference Server.",
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16", "int8"]),
    default="fp32",
    show_default=True,
    help="fp16 halves the file; int8 is for CPUs with VNNI and needs --calibrate.",
)
@click.option("--opset", type=WholeNumber(13, 21), default=18, show_default=True, help="Version of ONNX's operators.")
@click.option(
    "--only",
    "kinds",
    metavar="GRAPH",
    multiple=True,
    help="Write only this graph, such as apply; may be given several times.",
)
@click.option(
    "--fixed",
    metavar="WIDTHxHEIGHT",
    callback=size,
    help="Graphs that take pictures of this size only, one at a time, for runtimes that cannot compute sizes: "
    "OpenCV 4, CoreML, NNAPI. The style has this size, too.",
)
@click.option(
    "--styles",
    type=WholeNumber(1, 64),
    default=1,
    show_default=True,
    help="With --fixed: how many styles a mix has, or how many masks.",
)
@click.option(
    "--portable",
    is_flag=True,
    help="Use only operators that WebGPU, CoreML and TensorRT have; sides of pictures must be multiples of 8 to 128.",
)
@click.option(
    "--io",
    type=click.Choice(["float", "uint8"]),
    default="float",
    show_default=True,
    help="Pictures as float32 NCHW in [0, 1], or uint8 NHWC.",
)
@click.option(
    "--calibrate",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="For int8: directory with a few dozen pictures like the ones to stylize.",
)
@click.option(
    "--winograd",
    is_flag=True,
    help="Winograd convolutions with fewer multiplications: VGG-19 takes two thirds of the time on CPUs. Not for GPUs.",
)
@click.option(
    "--runtime",
    is_flag=True,
    help="Write only the graphs that adain itself runs, in the form that ships. They read their weights from the "
    "model's .safetensors file, which is put beside them, except the default model's first two.",
)
@click.option("--verify", is_flag=True, help="Compare each file with torch at many sizes.")
@weights_dir_option
@verbose_option
def export(
    model: str,
    output: Path | None,
    triton: Path | None,
    precision: Precision,
    opset: int,
    kinds: tuple[str, ...],
    fixed: tuple[int, int] | None,
    styles: int,
    portable: bool,
    io: Io,
    calibrate: Path | None,
    winograd: bool,
    runtime: bool,
    verify: bool,
    weights_dir: Path | None,
) -> None:
    """Write MODEL as ONNX files: NAME.onnx, NAME.encode_style.onnx, NAME.apply.onnx, NAME.apply_regions.onnx.

    These stylize a draft and then the picture; NAME.level.onnx and NAME.level_regions.onnx run the network once.

    For tiles of a picture, also NAME.encode_content.onnx and NAME.decode.onnx of each stage.

    MODEL is a name that `adain models` lists, or a trained file NAME.safetensors.

    export/README.md in this package's repository describes the inputs and outputs of each file.
    """
    if (output is None) == (triton is None):
        raise click.UsageError("Give either -o DIR, or --triton DIR for a Triton model repository.")
    if triton is not None and runtime:
        raise click.UsageError("--runtime writes graphs for adain itself; leave it out with --triton.")
    if runtime and (kinds or fixed):
        raise InputError("--runtime names the graphs and needs every size; leave --only and --fixed out")
    if styles != 1 and fixed is None:
        raise InputError("--styles is for graphs of one size; give --fixed too")
    chosen = _kinds(kinds)
    from adain.model_files import resolve
    from adain.runtimes import graph_files
    from adain.runtimes.contract import Fixed

    try:
        from adain.export import graphs as exporting
        from adain.export.triton import SERVED, repository
        from adain.nn.build import load
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("adain"):
            raise
        raise DeviceError(f'exporting needs {error.name}; pip install "adain[torch]"') from error
    source = resolve(model)
    row = source.model
    options = exporting.Options(
        precision=precision,
        opset=opset,
        portable=portable,
        io=io,
        winograd=winograd,
        calibration=_pictures(calibrate),
        kinds=graph_files.GRAPHS if runtime else chosen or (SERVED if triton is not None else None),
        fixed=None if fixed is None else Fixed(height=fixed[1], width=fixed[0], styles=styles),
        sharing=graph_files.sharing(row) if runtime else (),
        compact=graph_files.FURTHER if runtime else (),
    )
    with DownloadBars() as bars:
        files = source.weights(weights_dir, bars)
    network = load(row, files)
    graphs = exporting.count(options, network)
    with contextlib.ExitStack() as stack:
        directory = output or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with _GraphBar(graphs) as graph_bar:
            written = exporting.export(row, network, files, directory, options, graph_bar.begin)
            graph_bar(graphs, graphs)
        for path in [each.path for each in written] if triton is None else repository(written, triton):
            click.echo(f"{path}  {_size(path) / 1e6:.1f} MB")
        if verify:
            _verify(written, load(row, files))


def _size(path: Path) -> int:
    """Bytes of a file, or of the files in a folder."""
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*.*")))


def _kinds(names: tuple[str, ...]) -> tuple[GraphKind, ...]:
    from adain.runtimes.contract import GRAPHS

    kinds = tuple(kind for kind in GRAPHS if kind in names)
    for name in set(names) - set(kinds):
        raise InputError(f"there is no graph {shown(name)}; the graphs are {', '.join(GRAPHS)}")
    return kinds


class _GraphBar(StepBar):
    """Progress of an export. If stderr is not a terminal, it prints the name of each file."""

    def __init__(self, graphs: int) -> None:
        super().__init__("exporting")
        self._graphs, self._begun = graphs, 0

    def begin(self, name: str) -> None:
        """The next file is being made."""
        self(self._begun, self._graphs)
        self._begun += 1
        if not sys.stderr.isatty():
            click.echo(f"writing {name}", err=True)


def _verify(written: list[Written], network: StyleTransfer) -> None:
    from adain.export.verify import compare

    failures = 0
    for each in written:
        for comparison in compare(each.path, each.info, network):
            failures += not comparison.passed
            click.echo(f"{'ok    ' if comparison.passed else 'FAILED'}  {comparison}")
    if failures:
        raise AdainError(f"{failures} comparisons with torch are outside their limits; do not use these files")


def _pictures(directory: Path | None) -> list[Path]:
    if directory is None:
        return []
    from adain.images.formats import READABLE

    found = sorted(path for path in directory.rglob("*") if path.suffix.lower() in READABLE)
    if not found:
        raise InputError(f"{directory} holds no pictures ({', '.join(READABLE)})")
    return found
