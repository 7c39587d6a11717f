"""`adain manifest`: check a data set in random styles, and join the manifests of its shards."""

from __future__ import annotations

from pathlib import Path

import click

from adain.cli.reporting import counted, say_first
from adain.cli.verbosity import verbose_option
from adain.errors import AdainError

__all__ = ["manifest"]


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--verify", is_flag=True, help="Read each result, and compare its SHA-256 with the manifest.")
@verbose_option
def manifest(folder: Path, verify: bool) -> None:
    """Check the data set in FOLDER, which `adain stylize --random` made; join the manifests of its shards.

    All shards must be there. They are joined into FOLDER/manifest.jsonl. The exit code is 1 if a shard is missing, or
    any result.
    """
    from adain.datasets.checking import checked, joined

    whole = joined(folder)
    missing, damaged = checked(whole, folder, hashes=verify)
    failed = [entry for entry in whole.entries.values() if entry.error]
    good = len(whole.entries) - len(missing) - len(damaged) - len(failed)
    click.echo(f"{counted(good, 'result')} in {folder}, by {counted(len(whole.header.runs), 'version')} of programs")
    lines = [
        *(f"{entry.id}: {entry.error}" for entry in failed),
        *(f"{entry.id} is missing" for entry in missing),
        *(f"{entry.id} is not the file that was written" for entry in damaged),
    ]
    say_first(lines, "the manifest")
    if lines:
        raise AdainError(f"{counted(len(lines), 'result')} missing or failed; run the same command again to make them")
