"""The fusions: give a content's feature maps the statistics of a style. One module per paper."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from adain.nn.fusions.adain import AdaIN
from adain.nn.fusions.base import MapFusion, Statistics, Transfer
from adain.nn.fusions.wct import WCT, WCTWithStd

__all__ = ["FUSIONS", "MapFusion", "Statistics", "Transfer"]

FUSIONS: Final[Mapping[str, type[MapFusion]]] = MappingProxyType({"adain": AdaIN, "wct": WCT, "wct-std": WCTWithStd})
"""The fusions by name; the names are those of `adain.engine.fusions.FUSIONS`."""
