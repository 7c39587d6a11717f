"""Defaults that functions and command line options share. Importing this module is fast.

The defaults of a request's fields are in `adain.request`.
"""

from __future__ import annotations

__all__ = [
    "BATCH_CUDA",
    "BATCH_MOST",
    "GRID_CELL",
    "GRID_SIZE",
    "MIX_SIZE",
    "MIX_STEPS",
    "SMOOTHING",
    "TEXTURE_SIDE",
]

BATCH_CUDA = 32  # pictures of equal shape in a call of the network; 1 on other devices
BATCH_MOST = 1024  # pictures; more is a mistake
GRID_CELL = 256  # px; side of a picture on a contact sheet
GRID_SIZE = 512  # px, shorter side of contents; at GRID_CELL, strokes would be too large for the picture
MIX_SIZE = 256  # px; shorter side of a result
MIX_STEPS = 5  # results along an edge, as in figure 8 of Huang & Belongie 2017
SMOOTHING = 0.5  # s; benchmarks/flicker.py compares others
TEXTURE_SIDE = 512  # px
