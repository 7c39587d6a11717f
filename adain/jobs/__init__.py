"""Jobs over many pictures: folders of contents with folders of styles, for `adain stylize` and `adain grid`."""

from __future__ import annotations

from adain.jobs.contact_sheet import Grid, grid
from adain.jobs.many import Report, find_contents, find_styles, stylize_many
from adain.jobs.running import Failure

__all__ = ["Failure", "Grid", "Report", "find_contents", "find_styles", "grid", "stylize_many"]
