"""Prepares a network for export: a torch module with the layers and operators of a graph."""

from __future__ import annotations

import copy

from adain.export.layers import Form, exchange
from adain.nn.network import StyleTransfer
from adain.registry import Stage
from adain.runtimes.contract import GraphInfo

__all__ = ["exportable", "stage_of"]


def exportable(network: StyleTransfer, form: Form) -> StyleTransfer:
    """A copy with the form's layers and operators; the same results except for rounding, and the same style codes."""
    exported = copy.deepcopy(network)
    exchange(exported, form)
    exported.use(form.operators)
    return exported.eval()


def stage_of(info: GraphInfo) -> Stage:
    """The stage of a graph; the last stage for a graph of all stages."""
    return next((stage for stage in info.stages if stage.name == info.stage), info.stages[-1])
