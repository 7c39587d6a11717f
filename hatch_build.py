"""Puts the built page, `web/dist`, into the wheel as `adain/_web`, where `adain serve` looks for it.

The page is built by node (`web/README.md`). Without it, the wheel has none, and the server says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageHook(BuildHookInterface[Any]):
    """See the module."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the page to the files of a wheel; an editable install finds it in the checkout."""
        page = Path(self.root, "web", "dist")
        if self.target_name == "wheel" and version != "editable" and (page / "index.html").is_file():
            build_data["force_include"][str(page)] = "adain/_web"
