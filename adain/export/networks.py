"""A network in the form it is exported in: the torch module itself, with a graph's layers and operators in it."""

from __future__ import annotations

import copy

from adain.export.layers import Form, exchange
from adain.nn.network import StyleTransfer
from adain.registry import Stage
from adain.runtimes.contract import GraphInfo

__all__ = ["exportable", "stage_of"]


def exportable(network: StyleTransfer, form: Form) -> StyleTransfer:
    """A copy that computes what the network does but for rounding, with the same style codes."""
    exported = copy.deepcopy(network)
    exchange(exported, form)
    exported.use(form.operators)
    return exported.eval()


def stage_of(info: GraphInfo) -> Stage:
    """The stage that a graph is of; of a graph of all stages, the last."""
    return next((stage for stage in info.stages if stage.name == info.stage), info.stages[-1])
