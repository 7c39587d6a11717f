"""Defaults that functions share with the options of the command line, which may not import what is slow to import.

Those of a request's own fields stand in `adain.request`.
"""

from __future__ import annotations

__all__ = ["GRID_CELL", "GRID_SIZE", "MIX_SIZE", "MIX_STEPS", "SMOOTHING", "TEXTURE_SIDE"]

GRID_CELL = 256  # px; side of a picture on a contact sheet
GRID_SIZE = 512  # px, shorter side of contents; at the sheet's own size, strokes would be too large for the picture
MIX_SIZE = 256  # px; shorter side of a result
MIX_STEPS = 5  # results along an edge, as in figure 8 of Huang & Belongie 2017
SMOOTHING = 0.5  # s; benchmarks/flicker.py compares others
TEXTURE_SIDE = 512  # px
