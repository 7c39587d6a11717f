"""Convert torch tensors to arrays without importing torch."""

from __future__ import annotations

from typing import Any, Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray

from adain.errors import ImageError

__all__ = ["TorchTensor", "from_torch", "is_torch"]


class TorchTensor(Protocol):
    """Stands for `torch.Tensor`, because torch must not be imported here."""

    def detach(self) -> Any:
        """Return the tensor without its autograd history."""


def is_torch(source: object) -> TypeGuard[TorchTensor]:
    """Whether the source is a `torch.Tensor`, or of a subclass such as torchvision's `Image`."""
    return any(kind.__module__ == "torch" and kind.__name__ == "Tensor" for kind in type(source).__mro__)


def from_torch(tensor: TorchTensor) -> NDArray[np.generic]:
    """Convert a torch tensor to an array.

    Args:
        tensor: (C, H, W) or (1, C, H, W) with C of 1, 3 or 4, or (H, W), on any device.

    Returns:
        (H, W, C) or (H, W). Floats become float32, as numpy has no bfloat16.

    Raises:
        ImageError: the shape is not allowed, or the tensor has no values.
    """
    try:
        plain = tensor.detach().cpu()
        array: NDArray[np.generic] = (plain.float() if plain.is_floating_point() else plain).numpy()
    except (RuntimeError, TypeError) as error:  # sparse, or without data
        raise ImageError(f"the tensor has no values that numpy can take ({error}); make it a dense one") from error
    pixels = array[0] if array.ndim == 4 and len(array) == 1 else array
    if pixels.size == 0 or pixels.ndim not in (2, 3) or (pixels.ndim == 3 and len(pixels) not in (1, 3, 4)):
        raise ImageError(
            f"a picture tensor must be (H, W) or (C, H, W) with C of 1, 3 or 4, got {array.shape}; "
            "pass the pictures of a batch one by one, and bring channels to the front with tensor.permute(2, 0, 1)"
        )
    return pixels if pixels.ndim == 2 else pixels.transpose(1, 2, 0)
