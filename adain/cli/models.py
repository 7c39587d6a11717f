"""`adain models`: list, describe, download and verify the models in the registry."""

from __future__ import annotations

from pathlib import Path

import click

from adain import weights
from adain.cli.options import model_name, weights_dir_option
from adain.cli.progress import DownloadBars
from adain.cli.verbosity import verbose_option
from adain.errors import InputError, WeightsError
from adain.registry import DEFAULT, MODELS, Model, SlimArchitecture, WeightFile

__all__ = ["models"]


@click.group(invoke_without_command=True)
@verbose_option
@click.pass_context
def models(ctx: click.Context) -> None:
    """List, describe, download and verify the networks; without a subcommand, list them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_models)


@models.command("list", short_help="List the models and whether they are on this machine.")
@weights_dir_option
@verbose_option
def list_models(weights_dir: Path | None = None) -> None:
    """List the models and whether their weights are on this machine."""
    directory = weights.named_directory(weights_dir)
    width = max(map(len, MODELS))
    for model in MODELS.values():
        default = " (default)" if model.name == DEFAULT else ""
        state = _state(model, directory)
        click.echo(f"{model.name:{width}}  {model.fusion:5}  {_size(model.bytes):>12}  {state}{default}")
        click.echo(f"    {model.summary}")


def _state(model: Model, directory: Path | None) -> str:
    here = sum(weights.locate(model, file, directory) is not None for file in model.files)
    if here == len(model.files):
        return "ready"
    if model.shipped:
        return "missing, install the package again"
    return "to download" if here == 0 else f"{here} of {len(model.files)} files here"


def _size(size: int | None) -> str:
    if size is None:
        return "size unknown"
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


@models.command(short_help="Describe a model: paper, licence, files.")
@click.argument("model", type=model_name)
@weights_dir_option
@verbose_option
def show(model: str, weights_dir: Path | None) -> None:
    """Describe MODEL: paper, licence, and each file's hash, address and place.

    MODEL is a name, a trained model.safetensors, or a folder that `adain export` wrote.
    """
    row, directory = _described(model, weights_dir)
    shape = row.architecture
    facts = {
        "fusion": _fusion(row),
        "channels": ", ".join(map(str, shape.widths)),
        "alpha": f"{row.default_alpha:g} unless another is asked for",
        "strokes": f"{row.default_strokes:g} unless another is asked for",
        "paper": row.paper,
        "weights": f"{row.source}, {row.licence}, {_size(row.bytes)}",
    }
    click.echo(f"{row.name}: {row.summary}")
    for name, fact in facts.items():
        click.echo(f"  {name:8}  {fact}")
    for file in row.files:
        _show_file(row, file, directory)


def _described(model: str, weights_dir: Path | None) -> tuple[Model, Path | None]:
    """Return a model's row, and the folder to search first for its files."""
    if model in MODELS:
        return MODELS[model], weights.named_directory(weights_dir)
    from adain.model_files import resolve  # imports numpy

    source = resolve(model)
    return source.model, source.folder


def _fusion(model: Model) -> str:
    """Describe which fusion is applied at which maps."""
    shape = model.architecture
    if not isinstance(shape, SlimArchitecture):
        return f"{model.fusion} at {', '.join(stage.name for stage in model.stages)}"
    fused = model.stages[0].maps
    maps = {
        "adain": [each.name for each in fused if each.fusion == "adain"],
        "wct": [each.name for each in fused if each.fusion != "adain"],
    }
    each = ", ".join(f"{fusion} at {', '.join(names)}" for fusion, names in maps.items() if names)
    return each if shape.passes == 1 else f"{each}, in {shape.passes} passes"


def _show_file(model: Model, file: WeightFile, directory: Path | None) -> None:
    place = weights.locate(model, file, directory)
    kind, value = ("sha256", file.sha256) if file.sha256 else ("git blob id", file.git_blob)
    click.echo(f"  {file.role}: {file.name}, {_size(file.bytes)}")
    click.echo(f"    {kind} {value}")
    if file.url is not None:
        click.echo(f"    from {file.url}")
    if place is not None:
        click.echo(f"    is {place.path}")
    elif file.url is not None:
        click.echo(f"    not here; would be {weights.cached(model, file)}")


@models.command(short_help="Download and verify missing files.")
@click.argument("model", type=model_name, nargs=-1, required=True)
@verbose_option
def download(model: tuple[str, ...]) -> None:
    """Download the missing files of each MODEL into the cache, and verify them.

    The cache is ADAIN_CACHE if set, else `adain` in the user's cache directory.
    """
    for name in model:
        with DownloadBars() as bars:
            found = weights.find(_published(name), progress=bars)
        places = dict.fromkeys(str(path.parent) for path in found.values())
        click.echo(f"{name}: {len(found)} files verified in {', '.join(places)}")


@models.command(short_help="Compare files with their published hashes.")
@click.argument("model", type=model_name, nargs=-1, required=True)
@weights_dir_option
@verbose_option
def verify(model: tuple[str, ...], weights_dir: Path | None) -> None:
    """Compare the files of each MODEL with their published hashes; downloads nothing.

    The exit code is 1 if a file is missing or differs.
    """
    directory = weights.named_directory(weights_dir)
    rows = [_published(name) for name in model]
    verdicts = [_verify(row, file, directory) for row in rows for file in row.files]
    if not all(verdicts):
        raise WeightsError(
            f"{verdicts.count(False)} of {len(verdicts)} files are missing or damaged; "
            "`adain models download` fetches missing files and replaces damaged ones in the cache"
        )


def _published(name: str) -> Model:
    if name not in MODELS:
        raise InputError(f"{name} has no published hash or address; `adain models show {name}` reads and describes it")
    return MODELS[name]


def _verify(model: Model, file: WeightFile, directory: Path | None) -> bool:
    place = weights.locate(model, file, directory)
    if place is None:
        click.echo(f"missing  {model.name} {file.role}: {file.name}")
        return False
    difference = weights.mismatch(place.path, file)
    if difference is None:
        click.echo(f"ok       {model.name} {file.role}: {place.path}")
        return True
    click.echo(f"damaged  {model.name} {file.role}: {place.path} {difference}")
    return False
