"""Arbitrary style transfer: any painting's style onto any photograph.

    stylizer = adain.load()
    stylizer("photo.jpg", "painting.jpg", alpha=0.8).save("stylized.png")

A VGG encoder turns content and style into feature maps, a fusion (AdaIN: Huang & Belongie 2017,
arXiv:1703.06868; WCT: Li et al. 2017, arXiv:1705.08086) makes the content's features look like the style's,
and a trained decoder turns them back into a picture.

`import adain` is fast: each name is imported from its module on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from adain.errors import (
    AdainError,
    CancelledError,
    DeviceError,
    DownloadError,
    ImageError,
    InputError,
    OutOfMemoryError,
    OutputError,
    WeightsError,
)

if TYPE_CHECKING:
    from adain import texture, video
    from adain.cancellation import CancelToken
    from adain.code import StyleCode, mix
    from adain.datasets import Stylize
    from adain.images import Picture
    from adain.jobs import grid, stylize_many
    from adain.loading import load
    from adain.masking import label_masks
    from adain.mixing import interpolation_grid
    from adain.optimization.options import OptimizeOptions
    from adain.optimization.picture import optimize
    from adain.optimization.tuning import tune
    from adain.request import StyleRequest
    from adain.stylizer import Stylizer

__version__ = "0.1.0"

__all__ = [
    "AdainError",
    "CancelToken",
    "CancelledError",
    "DeviceError",
    "DownloadError",
    "ImageError",
    "InputError",
    "OptimizeOptions",
    "OutOfMemoryError",
    "OutputError",
    "Picture",
    "StyleCode",
    "StyleRequest",
    "Stylize",
    "Stylizer",
    "WeightsError",
    "__version__",
    "grid",
    "interpolation_grid",
    "label_masks",
    "load",
    "mix",
    "models",
    "optimize",
    "stylize_many",
    "texture",
    "tune",
    "video",
]

_LAZY = {
    "CancelToken": "adain.cancellation",
    "OptimizeOptions": "adain.optimization.options",
    "Picture": "adain.images",
    "StyleCode": "adain.code",
    "StyleRequest": "adain.request",
    "Stylize": "adain.datasets",
    "Stylizer": "adain.stylizer",
    "grid": "adain.jobs",
    "interpolation_grid": "adain.mixing",
    "label_masks": "adain.masking",
    "load": "adain.loading",
    "mix": "adain.code",
    "optimize": "adain.optimization.picture",
    "stylize_many": "adain.jobs",
    "tune": "adain.optimization.tuning",
}


def models() -> tuple[str, ...]:
    """Return the names that `load` accepts, in the registry's order."""
    from adain.registry import MODELS

    return tuple(MODELS)


if not TYPE_CHECKING:  # a type checker would conclude that every attribute exists

    def __getattr__(name: str) -> object:
        if name in ("texture", "video"):  # submodules; importing one sets it as an attribute
            return import_module(f"adain.{name}")
        if name not in _LAZY:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            module = import_module(_LAZY[name])
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            from adain.errors import DeviceError

            raise DeviceError(f"adain.{name} needs torch; pip install 'adain[torch]'") from error
        value = getattr(module, name)
        globals()[name] = value  # the next access skips __getattr__
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
