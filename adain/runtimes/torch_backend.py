"""The runtime `torch`: implements `adain.engine.backend.Backend` on a network in torch."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adain.engine.backend import Code, Maps
from adain.engine.framing import Framing
from adain.engine.moments import Moments
from adain.errors import DeviceError, InputError
from adain.nn.build import load
from adain.nn.network import StyleTransfer
from adain.nn.newton_schulz import newton_schulz_roots
from adain.nn.operators import Operators
from adain.registry import Model, Stage
from adain.runtimes.devices import parse_device

__all__ = ["TorchBackend", "choose_device", "open_backend"]

_log = logging.getLogger(__name__)


class TorchBackend:
    """A model in torch; see `adain.engine.backend.Backend` for its methods.

    Args:
        model: the registry's row.
        files: the weights, a path per role.
        device: `auto` (CUDA if it can be used, else the CPU), `cpu`, `cuda`, `cuda:1` ...

    Raises:
        DeviceError: the device cannot be used; says why.
        WeightsError: the files do not fit the model.
    """

    def __init__(self, model: Model, files: Mapping[str, Path], device: str = "auto") -> None:
        chosen = choose_device(device)  # before loading the weights, to fail early
        self.model, self.name = model, model.name
        self.device = str(chosen)
        self.network: StyleTransfer = load(model, files, _operators(chosen)).to(chosen)
        self.stages = self.network.stages

    def encode_style(self, style: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """See `adain.engine.backend.Backend.encode_style`."""
        with torch.inference_mode():
            code = self.network.encode_style(self._tensor(style))
            return {name: array[0].cpu().numpy() for name, array in code.items()}

    def stylize(self, content: NDArray[np.float32], code: Code, alpha: float) -> NDArray[np.float32]:
        """See `adain.engine.backend.Backend.stylize`."""
        return self.stylize_batch(content, [code], [alpha])

    def stylize_batch(
        self, contents: NDArray[np.float32], codes: Sequence[Code], alphas: Sequence[float]
    ) -> NDArray[np.float32]:
        """See `adain.engine.backend.Backend.stylize_batch`."""
        with torch.inference_mode():
            styles = {name: array[0] for name, array in self._stacked(codes).items()}  # (N, ...): one per content
            strengths = self._tensor(np.array(alphas, np.float32)[:, None])
            stylized: NDArray[np.float32] = self.network(self._tensor(contents), styles, strengths).cpu().numpy()
        return stylized

    def framing(self, stage: Stage) -> Framing:
        """See `adain.engine.backend.Backend.framing`."""
        return self.network.framing(stage)

    def encode(
        self, picture: NDArray[np.float32], stage: Stage, masks: NDArray[np.float32]
    ) -> tuple[Maps, list[Moments]]:
        """See `adain.engine.backend.Backend.encode`."""
        with torch.inference_mode():
            maps = self.network.features(self._tensor(picture), stage)
            arrays = self.network.moments(maps, stage, self._tensor(masks))
            flat = {name: array[0].cpu().numpy() for name, array in arrays.items()}
            moments = [
                Moments.from_arrays({name: array[region] for name, array in flat.items()})
                for region in range(masks.shape[1])
            ]
            return {name: x.cpu().numpy() for name, x in maps.items()}, moments

    def decode(self, maps: Maps, stage: Stage, moments: Moments, code: Code, alpha: float) -> NDArray[np.float32]:
        """See `adain.engine.backend.Backend.decode`."""
        self._check(code)
        with torch.inference_mode():
            tensors = {name: self._tensor(x) for name, x in maps.items()}
            statistics = {name: self._tensor(array)[None] for name, array in moments.statistics(stage).items()}
            style = {name: self._tensor(code[name])[None] for name in self.network.code_shapes}
            decoded: NDArray[np.float32] = self.network.decode(tensors, stage, statistics, style, alpha).cpu().numpy()
        return decoded

    def decode_regions(
        self,
        maps: Maps,
        stage: Stage,
        moments: Sequence[Moments],
        codes: Sequence[Code],
        masks: NDArray[np.float32],
        alpha: float,
    ) -> NDArray[np.float32]:
        """See `adain.engine.backend.Backend.decode_regions`."""
        with torch.inference_mode():
            tensors = {name: self._tensor(x) for name, x in maps.items()}
            regions = [each.statistics(stage) for each in moments]
            statistics = {name: self._tensor(np.stack([each[name] for each in regions]))[None] for name in regions[0]}
            decoded = self.network.decode_regions(
                tensors, stage, statistics, self._stacked(codes), self._tensor(masks), alpha
            )
            picture: NDArray[np.float32] = decoded.cpu().numpy()
        return picture

    def stylize_regions(
        self,
        content: NDArray[np.float32],
        codes: Sequence[Code],
        masks: NDArray[np.float32],
        alpha: float,
    ) -> NDArray[np.float32]:
        """See `adain.engine.backend.Backend.stylize_regions`."""
        with torch.inference_mode():
            picture = self.network.forward_regions(
                self._tensor(content), self._stacked(codes), self._tensor(masks), alpha
            )
            stylized: NDArray[np.float32] = picture.cpu().numpy()
        return stylized

    def _tensor(self, array: NDArray[np.floating]) -> Tensor:
        # Writable, because torch warns about read-only arrays; it shares memory with writable ones.
        return torch.from_numpy(np.require(array, np.float32, ["C", "W"])).to(self.device)

    def _stacked(self, codes: Sequence[Code]) -> dict[str, Tensor]:
        """Style codes as tensors (1, S, ...) by name."""
        for code in codes:
            self._check(code)
        return {
            name: torch.stack([self._tensor(code[name]) for code in codes])[None] for name in self.network.code_shapes
        }

    def _check(self, code: Code) -> None:
        shapes = {name: array.shape for name, array in code.items()}
        expected = self.network.code_shapes
        if shapes != expected:
            raise InputError(
                f"the style code does not fit {self.name}: it has {shapes}, not {expected}; "
                "encode the style with this model"
            )


def _operators(device: torch.device) -> Operators:
    """The operators for a device; on CUDA, with matrix roots by float64 products.

    An eigendecomposition waits for the CUDA stream, so it cannot be part of a CUDA graph. Float64 products stay exact
    even if the user allows TF32.
    """
    return Operators(newton_schulz_roots(dtype=torch.float64)) if device.type == "cuda" else Operators()


def open_backend(
    model: Model, files: Mapping[str, Path], device: str, threads: int | None, precision: str | None
) -> TorchBackend:
    """A `TorchBackend`, for `adain.runtimes.table`. Ignores `threads` and `precision`: torch sets threads itself."""
    return TorchBackend(model, files, device)


def choose_device(device: str, precision: str | None = None) -> torch.device:
    """The device a name stands for.

    Args:
        device: `auto`, `cpu`, `cuda` or `cuda:<index>`.
        precision: ignored; always fp32.

    Raises:
        InputError: another name.
        DeviceError: CUDA was asked for and cannot be used; says why.
    """
    device = parse_device(device)
    if device == "cpu":
        return torch.device("cpu")
    return _auto() if device == "auto" else _cuda(device)


def _auto() -> torch.device:
    if not torch.cuda.is_available():
        return torch.device("cpu")
    try:
        return _cuda("cuda")
    except DeviceError as error:
        _log.warning("using the CPU: %s", error)
        return torch.device("cpu")


def _cuda(device: str) -> torch.device:
    """A CUDA device, after a test that it works.

    Raises:
        DeviceError: the device does not work; says why.
    """
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built with CUDA
        reason = str(error).strip().partition("\n")[0]
        raise DeviceError(
            f"{device} was asked for, but torch {torch.__version__} cannot use it: {reason} "
            f"(CUDA devices found: {torch.cuda.device_count()}); use device cpu or auto"
        ) from error
    return torch.device(device)
