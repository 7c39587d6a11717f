"""`adain serve`: serve the page and an HTTP API (extra `serve`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from adain.cli.number_types import FiniteNumber, WholeNumber
from adain.cli.options import model_options
from adain.cli.verbosity import verbose_option
from adain.runtimes.devices import MOST_THREADS

if TYPE_CHECKING:
    from adain.stylizer import Stylizer

__all__ = ["serve"]

_TOKEN = "ADAIN_TOKEN"  # an environment variable, because other users of the machine can read command lines
_GPU_WORKERS = 2  # one reads and writes pictures while the other computes


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen at.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port to listen at; 0 for any free one.",
)
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="Name of this server in browsers, if it is not localhost or an IP address; * for any. May be repeated.",
)
@click.option(
    "--allow-origin",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="Another web site whose pages may use the API, such as https://example.org; * for any. May be repeated.",
)
@click.option(
    "--workers",
    type=WholeNumber(1),
    help="Pictures that are computed at the same time.  [default: number of cores; 2 on a GPU]",
)
@click.option(
    "--threads", type=WholeNumber(1, MOST_THREADS), default=1, show_default=True, help="Cores that one picture may use."
)
@click.option("--queue", type=WholeNumber(0), help="Further requests that wait; more get status 503.  [default: 64]")
@click.option("--seconds", type=FiniteNumber(0, min_open=True), help="Time limit of a picture.  [default: 60]")
@click.option("--max-bytes", type=WholeNumber(1), help="Size limit of a request with pictures.  [default: 64 MiB]")
@click.option("--max-pixels", type=WholeNumber(1), help="Size limit of each picture and result.  [default: 24 million]")
@click.option("--max-styles", type=WholeNumber(1), help="Limit on the styles of a request.  [default: 8]")
@model_options
@verbose_option
def serve(
    host: str,
    port: int,
    hosts: tuple[str, ...],
    origins: tuple[str, ...],
    threads: int,
    open_stylizer: Callable[[int | None], Stylizer],
    **limits: int | float | None,
) -> None:
    """Serve a page that stylizes pictures in the browser, and an HTTP API, until Ctrl-C.

    Without options, only programs on this machine can reach it. If the environment variable ADAIN_TOKEN is set, the API
    requires it as a bearer token. /docs describes the API. Nothing of a picture is kept or logged. Needs the extra
    `serve`.
    """
    from adain.serve import check_installed

    check_installed()
    from adain.serve.server import run
    from adain.serve.settings import Settings

    stylizer = open_stylizer(threads)
    given = {name: value for name, value in limits.items() if value is not None}
    if stylizer.device != "cpu":
        given.setdefault("workers", _GPU_WORKERS)
    settings = Settings(token=os.environ.get(_TOKEN) or None, hosts=hosts, origins=origins, **given)  # type: ignore[arg-type]
    run(stylizer, settings, host, port, _say)


def _say(address: str) -> None:
    click.echo(f"Serving at {address}, the API's description at {address}/docs. Ctrl-C ends.", err=True)
