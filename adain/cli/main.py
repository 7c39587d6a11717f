"""The command `adain`: runs a subcommand, prints an error in one sentence, and exits with a code.

The exit code is 0 for success, 1 for an error, 2 for wrong usage, and for an interruption 128 and the signal's number,
as in a shell: 130 for Ctrl-C, 143 for `kill`, 129 for a closed terminal. An interruption leaves no incomplete file.
Modules of subcommands are imported when they run, so `adain --help` imports none of them.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from adain.cli.interruption import Interruptions
from adain.cli.verbosity import verbose_option
from adain.cli.wording import in_options
from adain.errors import AdainError
from adain.memory import is_short

__all__ = ["INTERRUPTED", "main"]

_NO_MEMORY = (
    "there is not enough memory; choose a smaller size (for training, a smaller batch or crop), or end other programs"
)
INTERRUPTED = 130  # exit code; 128 + SIGINT, for a run that was stopped and can be resumed

# Subcommand: its line in `adain --help`. Each is a command in the module of the same name.
_COMMANDS = {
    "stylize": "Give a picture the style of others.",
    "optimize": "Optimise a picture by losses, in minutes (extra: torch).",
    "tune": "Optimise a style's code, once for all pictures (extra: torch).",
    "shards": "Give WebDataset and Parquet files random styles (extra: datasets).",
    "manifest": "Check a data set that --random made, and join its shards.",
    "texture": "Make a texture that looks like a picture.",
    "encode": "Write style codes of pictures, folders and patterns.",
    "video": "Give a film the style of pictures (extra: video).",
    "webcam": "Stylize the picture of a camera (extra: video).",
    "mix": "Show a picture in all mixes between two to four styles.",
    "grid": "Write a contact sheet of pictures in styles.",
    "serve": "Serve a page and an HTTP API (extra: serve).",
    "models": "List, describe, download and verify the networks.",
    "bench": "Measure how fast the networks are on this machine.",
    "export": "Write a network as ONNX files (extra: torch).",
    "train": "Train a network by a recipe (extra: torch).",
}

logger = logging.getLogger(__name__)


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(import_module(f"adain.cli.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command), cmd_name
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        interruptions = Interruptions()
        try:
            with interruptions:
                return super().invoke(ctx)
        except AdainError as error:
            logger.debug("where it happened:", exc_info=True)
            raise click.ClickException(in_options(str(error))) from error
        except (MemoryError, RuntimeError) as error:
            if not is_short(error):
                raise
            reason = str(error).strip().partition("\n")[0]
            raise click.ClickException(f"{_NO_MEMORY}{f' ({reason})' if reason else ''}") from error
        except KeyboardInterrupt:
            click.echo("\nInterrupted.", err=True)
            ctx.exit(interruptions.exit_code)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        try:
            return super().main(args, prog_name, complete_var, standalone_mode, **extra)
        except OSError as error:
            if not standalone_mode:
                raise
            _say_unwritable(error)
            sys.exit(1)


def _say_unwritable(error: OSError) -> None:
    """Say which file cannot be read or written; without a name it is the standard output."""
    if error.filename is None:
        with contextlib.suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())  # Python flushes it once more, on exit
    where = "cannot write to the standard output" if error.filename is None else os.fsdecode(error.filename)
    with contextlib.suppress(OSError):
        click.echo(f"Error: {where}: {error.strerror or error}", err=True)


def _version(ctx: click.Context, param: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from adain import __version__

        click.echo(f"adain {__version__}")
        ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@verbose_option
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
def main() -> None:
    """Arbitrary style transfer: any painting's style onto any photograph, with AdaIN and WCT.

    \b
    adain stylize photo.jpg painting.jpg -o stylized.png
    adain models
    """  # noqa: D301  click wants the control character itself
