"""What made a result: the model and its weights, the runtime and its precision, and the packages."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from adain import __version__
from adain.jobs.steps import default_batch
from adain.stylizer import Stylizer

__all__ = ["SAME", "of", "text"]

SAME = ("model", "digest", "runtime", "precision")
"""What must not change within a data set. Results of other packages, devices or batches differ by rounding only."""

_PACKAGES = {
    "onnx": ("onnxruntime-gpu", "onnxruntime"),
    "openvino": ("openvino",),
    "torch": ("torch",),
}


def of(stylizer: Stylizer, batch: int | None = 1) -> dict[str, str]:
    """Return the facts by name.

    Args:
        stylizer: the model.
        batch: number of pictures that go through the network together, see `adain.jobs.steps.Stylizing`.
    """
    together = default_batch(stylizer.device) if batch is None else batch
    return {
        "adain": __version__,
        "model": stylizer.model.name,
        "digest": (stylizer.maker.digest or "")[:16],
        "runtime": stylizer.runtime,
        "precision": stylizer.precision,
        "device": stylizer.device,
        **({"batch": str(together)} if together > 1 else {}),
        **_package(*_PACKAGES.get(stylizer.runtime, ())),
        **_package("pillow"),
    }


def text(versions: Mapping[str, str]) -> str:
    """Return the facts in one line: `adain 0.1.0; model adain-slim; ...`."""
    return "; ".join(f"{name} {value}" for name, value in versions.items())


def _package(*names: str) -> dict[str, str]:
    """Return the version of the first package that is installed."""
    for name in names:
        try:
            return {name: version(name)}
        except PackageNotFoundError:
            continue
    return {}
