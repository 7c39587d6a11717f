"""Defaults that functions and command line options share. Importing this module is fast.

The defaults of a request's fields are in `adain.request`.
"""

from __future__ import annotations

__all__ = ["GRID_CELL", "GRID_SIZE", "MIX_SIZE", "MIX_STEPS", "SMOOTHING", "TEXTURE_SIDE"]

GRID_CELL = 256  # px; side of a picture on a contact sheet
GRID_SIZE = 512  # px, shorter side of contents; at GRID_CELL, strokes would be too large for the picture
MIX_SIZE = 256  # px; shorter side of a result
MIX_STEPS = 5  # results along an edge, as in figure 8 of Huang & Belongie 2017
SMOOTHING = 0.5  # s; benchmarks/flicker.py compares others
TEXTURE_SIDE = 512  # px
