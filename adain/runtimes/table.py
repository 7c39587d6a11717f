"""The table of runtimes. To add a runtime, write its module and add one row here."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from adain import checks
from adain.errors import DeviceError, InputError
from adain.runtimes.devices import parse_device

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adain.engine.backend import Backend
    from adain.registry import Model

__all__ = ["PRECISIONS", "RUNTIMES", "Runtime", "get", "with_precision"]


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """One way to run a model.

    Attributes:
        name: the name for `adain.load` and `--runtime`.
        runs: `graphs`: ONNX files, a `adain.runtimes.graph_files.GraphFiles`. `weights`: a file for each role.
        precisions: the allowed values of `precision`.
        packages: packages that must be installed.
        install: the command that installs them.
        module: a module that imports these packages and has two functions. `choose_device(device, precision)` returns
            the device that will be used, or raises a DeviceError. `open_backend` takes the arguments of `Runtime.open`.
    """

    name: str
    runs: Literal["graphs", "weights"]
    precisions: tuple[str, ...]
    packages: tuple[str, ...]
    install: str
    module: str

    def check(self, device: str = "auto", precision: str | None = None) -> None:
        """Raise if the runtime cannot run here; call it before anything is read or downloaded.

        Raises:
            InputError: no such device, or a precision that this runtime does not have.
            DeviceError: a package is not installed, or the device cannot be used.
        """
        device = parse_device(device)
        if precision is not None and precision not in self.precisions:
            raise InputError(
                f"runtime {self.name} has no precision {checks.shown(precision)}; it has {', '.join(self.precisions)}"
            )
        for package in self.packages:
            if find_spec(package) is None:
                raise DeviceError(f"runtime {self.name} needs {package}; {self.install}")
        import_module(self.module).choose_device(device, precision)

    def problem(self, device: str = "auto", precision: str | None = None) -> str | None:
        """Why the runtime cannot run here, and what to do about it; None if no problem is known."""
        try:
            self.check(device, precision)
        except (DeviceError, InputError) as error:
            return str(error)
        return None

    def open(self, model: Model, files: Any, device: str, threads: int | None, precision: str | None) -> Backend:
        """Load a model.

        Args:
            model: the registry's row.
            files: the model's graphs or weights, see `runs`.
            device: `auto`, `cpu`, `cuda`, `cuda:1` ...
            threads: of the CPU, see `adain.runtimes.devices.cpu_threads`.
            precision: one of `precisions`. None: the precision of the files.

        Raises:
            DeviceError: the device cannot be used.
            WeightsError: a file is missing, damaged, or of another model.
        """
        backend: Backend = import_module(self.module).open_backend(model, files, device, threads, precision)
        return backend


_ROWS = (
    Runtime(
        name="onnx",
        runs="graphs",
        precisions=("fp32", "fp16", "int8"),  # of the files: `adain export --precision` writes them
        packages=("onnxruntime",),
        install="pip install onnxruntime-gpu, or onnxruntime",
        module="adain.runtimes.ort_session",
    ),
    Runtime(
        name="torch",
        runs="weights",
        precisions=("fp32",),
        packages=("torch", "torchvision"),
        install='pip install "adain[torch]", or load graphs that `adain export` wrote',
        module="adain.runtimes.torch_backend",
    ),
    Runtime(
        name="openvino",
        runs="graphs",
        precisions=("fp32", "bf16"),
        packages=("openvino",),
        install='pip install "adain[openvino]"',
        module="adain.runtimes.openvino_session",
    ),
)
RUNTIMES: Final[Mapping[str, Runtime]] = MappingProxyType({row.name: row for row in _ROWS})
PRECISIONS: Final = tuple(dict.fromkeys(precision for row in _ROWS for precision in row.precisions))
"""The precisions of all runtimes."""


def get(name: str) -> Runtime:
    """The runtime of that name.

    Raises:
        InputError: there is none.
    """
    if not isinstance(name, str) or name not in RUNTIMES:
        raise InputError(f"unknown runtime {checks.shown(name)}; available: auto, {', '.join(RUNTIMES)}")
    return RUNTIMES[name]


def with_precision(precision: str) -> Runtime:
    """The first runtime that has a precision.

    Raises:
        InputError: none has it.
    """
    for runtime in RUNTIMES.values():
        if precision in runtime.precisions:
            return runtime
    raise InputError(f"unknown precision {checks.shown(precision)}; available: {', '.join(PRECISIONS)}")
