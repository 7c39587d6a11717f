"""The benchmark engine for torch. Torch is imported inside functions, so the benchmark also works without it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from adain.bench.cases import Case
from adain.bench.engine import RanOn, at_size, over_levels, rates, stride
from adain.bench.timing import repeat
from adain.engine.backend import Backend
from adain.registry import Model

__all__ = ["TorchEngine", "autocast", "count_macs", "settle"]

_PRODUCT_SIDE = {"cpu": 1024, "cuda": 8192}  # side of a matrix: large enough for the full rate


class TorchEngine:
    """A case on torch; see `adain.bench.engine.Engine`."""

    def __init__(self, case: Case, model: Model, backend: Backend) -> None:
        self._case, self._model, self._backend = case, model, backend
        self._kind = backend.device.partition(":")[0]

    def synchronize(self) -> None:
        """Wait for the CUDA stream."""
        import torch

        if self._kind == "cuda":
            torch.cuda.synchronize(self._backend.device)

    def matrix_rates(self, seconds: float) -> list[float]:
        """See `Engine.matrix_rates`: a square product."""
        import torch

        dtype = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[self._case.precision]
        side = _PRODUCT_SIDE[self._kind]
        left, right = (torch.rand(side, side, device=self._backend.device).to(dtype) for _ in range(2))
        timed = functools.partial(repeat, runs=50, seconds=seconds, warm_up=2, synchronize=self.synchronize)
        with torch.inference_mode():
            return rates(lambda: left @ right, side**3, timed)

    def macs(self) -> tuple[int, int]:
        """See `Engine.macs`: the convolutions and matrix products that torch dispatches."""
        side = self._case.style_size
        return (
            at_size(self._encoding, side, side, stride(self._model)),
            over_levels(self._stylizing, self._model, self._case.width, self._case.height),
        )

    def ran_on(self) -> list[RanOn]:
        """The device; on a CPU also the library of the kernels."""
        import torch

        if self._kind == "cuda":
            return [RanOn(f"torch {torch.cuda.get_device_name(self._backend.device)}", None)]
        return [RanOn("torch cpu, oneDNN" if torch._C._has_mkldnn else "torch cpu", None)]

    def device_memory(self) -> int | None:
        """Peak memory that torch allocated on a GPU."""
        import torch

        return int(torch.cuda.max_memory_allocated(self._backend.device)) if self._kind == "cuda" else None

    def _encoding(self, width: int, height: int) -> int:
        picture = np.random.default_rng(0).random((1, 3, height, width), dtype=np.float32)
        return count_macs(lambda: self._backend.encode_style(picture))

    def _stylizing(self, width: int, height: int) -> int:
        picture = np.random.default_rng(0).random((1, 3, height, width), dtype=np.float32)
        code = self._backend.encode_style(picture)
        return count_macs(lambda: self._backend.stylize(picture, code, 1.0))


def settle(threads: int) -> None:
    """Set torch's number of threads; a benchmark must not rely on the default."""
    import torch

    torch.set_num_threads(threads)


def autocast(precision: str, device: str) -> AbstractContextManager[Any]:
    """A context that runs convolutions in a lower precision; for fp32 it does nothing."""
    import torch

    if precision == "fp32":
        return nullcontext()
    dtype = torch.float16 if precision == "fp16" else torch.bfloat16
    return torch.autocast(device.partition(":")[0], dtype)


def count_macs(function: Callable[[], object]) -> int:
    """The multiply-accumulates of the convolutions and matrix products that a function dispatches."""
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with counter:
        function()
    return int(counter.get_total_flops()) // 2
