"""Whole data sets in random styles: reproducible, resumable, on one machine or many.

    stylize = Stylize("paintings/", seed=1, alpha=(0.5, 1))
    row = stylize({"id": "n01440764/tench.jpg", "bytes": encoded})

Stylized-ImageNet (Geirhos et al. 2019, arXiv 1811.12231) gives every photograph the style of one painting. Here a
stable hash of the seed and the picture's id draws style and strength, so any order, any number of machines and any
resumed run make the same pictures.

    drawing     the draw of a style and a strength
    rows        `Stylize`: one row in, one row out, for any engine
    manifest    a line per result: what was made, of what, in which style; resuming and joining
    folders     a folder of pictures into a folder of results
    shards      WebDataset tar files and Parquet files into files of the same kind, also in object stores
    on_ray      Ray Data

Only `on_ray` and `shards` need further packages (extras: ray, datasets).
"""

from __future__ import annotations

from adain.datasets.rows import Stylize

__all__ = ["Stylize"]
