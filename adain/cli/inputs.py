"""Arguments that are pictures: one file, or files, folders and patterns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

__all__ = ["PICTURE", "PICTURES"]


class _Pictures(click.Path):
    """A file or folder that is there, or a pattern, which the shell may have left as it is."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from adain.jobs.sources import is_pattern

        return value if is_pattern(value) else super().convert(value, param, ctx)


PICTURE = click.Path(exists=True, dir_okay=False, path_type=Path)
PICTURES = _Pictures(exists=True)
