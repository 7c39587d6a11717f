"""Style transfer as data augmentation for training other networks (extra: torch).

    augment = v2.Compose([v2.RandomResizedCrop(224), RandomStyle("paintings/", p=0.5), v2.ToImage(), ...])

Networks trained on photographs recognise texture rather than shape. Trained on photographs in random styles, they
recognise shape, and detect and classify better (Geirhos et al. 2019, arXiv 1811.12231: Stylized-ImageNet, every
photograph in the style of one painting, AdaIN with alpha 1). In that paper the pictures were made once and stored; here
they are stylized when loaded, so that every epoch sees other styles.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision import tv_tensors  # type: ignore[import-untyped]
from torchvision.transforms import v2  # type: ignore[import-untyped]

from adain import checks, registry
from adain.code import Maker, StyleCode
from adain.errors import InputError
from adain.jobs.many import Paths, find_styles
from adain.jobs.style_set import CodeFiles, single_styles
from adain.loading import load
from adain.model_files import resolve
from adain.registry import Model
from adain.request import StyleRequest
from adain.stylizer import Stylizer

__all__ = ["RandomStyle"]

OVERSHOOT = 0.25  # allowed beyond [0, 1]; bicubic resizing overshoots this much at a hard edge, normalisation more

# Models of the parent process, kept alive after a fork. A fork copies onnxruntime's sessions but not their threads, so
# using or freeing a copied session would wait for the threads forever.
_INHERITED: list[object] = []


class RandomStyle(v2.Transform):  # type: ignore[misc]  # torchvision has no types
    """Random style augmentation: stylize a picture with a random style, with probability `p` (torchvision v2).

    Takes PIL images (RGB, or RGBA, which keeps its alpha channel) and tensors (..., 3, H, W), plain, as
    `tv_tensors.Image` or as `tv_tensors.Video`, uint8 or float in [0, 1]. Returns the same type, size, dtype and
    device. Boxes, masks, labels and other parts of the sample pass unchanged. As in torchvision's transforms, one call
    draws one style and one strength for all its pictures: a batch or a video has one style. Put the transform before
    `v2.Normalize`. Put it after the crop to the training size, because its time grows with the pixels.

    Random numbers come from torch's global generator, which a `DataLoader` seeds differently in each worker, and
    equally in each run after `torch.manual_seed`. Each process loads the model and encodes each style on first use,
    so the transform is small and can be pickled. If the weights are not on this machine yet, run
    `adain models download` first, so that not every worker downloads them.

    Args:
        styles: a picture, a file of style codes (`adain encode` writes them), a folder that is searched for these
            with its subfolders, a pattern such as `paintings/**/*.jpg`, or a list of these.
        p: the probability that a picture is stylized, in [0, 1].
        alpha: strength of the style in [0, 1], or the two ends of a range to draw it from.
        model: see `adain.load`. Style codes must be of this model.
        backend: `auto`, `onnx` or `torch`, see `adain.load`. onnxruntime uses as many threads as torch: one in a
            worker, so that workers do not compete for cores.
        device: device of the model. CUDA needs workers started by `spawn`.
        weights_dir: see `adain.load`.
        style_size: see `adain.StyleRequest`.
        strokes: see `adain.StyleRequest`.
        cache: number of encoded styles that each process keeps, the most recently used.

    Raises:
        InputError: styles are missing, a probability or strength is outside [0, 1], or codes are of another model;
            when called: a picture has another mode, shape, dtype or range.
        ImageError: when called: the drawn style picture cannot be read.
    """

    def __init__(
        self,
        styles: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        p: float = 0.5,
        alpha: float | tuple[float, float] = 1.0,
        model: str | os.PathLike[str] = registry.DEFAULT,
        backend: str = "auto",
        device: str = "cpu",
        weights_dir: str | os.PathLike[str] | None = None,
        style_size: int | None = StyleRequest.style_size,
        strokes: float | None = None,
        cache: int = 1024,
    ) -> None:
        super().__init__()
        self.p = checks.number("p", p, 0, 1)
        self.alpha = checks.ends("alpha", alpha, 0, 1)
        source = resolve(model)
        self.model = source.model.name
        self.request = StyleRequest(style_size=style_size, strokes=strokes)
        self._loading = {"model": source.given, "device": device, "backend": backend, "weights_dir": weights_dir}
        self._styles = _Styles(styles, source.model)
        self._cache_size = checks.whole("cache", cache)
        self._codes: OrderedDict[int, StyleCode] = OrderedDict()
        self._model: tuple[int, Stylizer] | None = None  # and the process that loaded it

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw whether to stylize, the style and the strength. torchvision calls this once per call."""
        for inpt in flat_inputs:
            _check(inpt)
        chance, position, share = torch.rand(3).tolist()  # always three: later random numbers do not depend on `p`
        if chance >= self.p:
            return {"style": None}
        low, high = self.alpha
        return {"style": int(position * len(self._styles)), "alpha": low + (high - low) * share}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Stylize one input. torchvision calls this for each input."""
        if params["style"] is None or not _is_picture(inpt):
            return inpt
        code, request = self._code(params["style"]), replace(self.request, alpha=params["alpha"])
        if isinstance(inpt, Image.Image):  # an array, so that EXIF orientation is not applied: boxes would not fit
            return self._loaded()(np.asarray(inpt), code, request=request)
        stylized = [self._stylized(each, code, request) for each in inpt.reshape(-1, *inpt.shape[-3:])]
        batch = torch.stack(stylized).reshape(inpt.shape) if stylized else inpt.clone()
        return tv_tensors.wrap(batch.to(inpt.device), like=inpt)

    def extra_repr(self) -> str:
        """The arguments in `repr`."""
        return f"{len(self._styles)} styles, p={self.p}, alpha={self.alpha}, model={self.model}"

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the loaded model, which neither pickles nor survives a fork."""
        return {**self.__dict__, "_model": None, "_codes": OrderedDict()}

    def _loaded(self) -> Stylizer:
        if self._model is None or self._model[0] != os.getpid():
            if self._model is not None:
                _INHERITED.append(self._model)
            stylizer = load(threads=torch.get_num_threads(), **self._loading)  # type: ignore[arg-type]
            self._model = os.getpid(), stylizer
        return self._model[1]

    def _code(self, position: int) -> StyleCode:
        stylizer = self._loaded()
        code = self._codes.pop(position, None)
        if code is None:
            code = self._styles.encode(position, stylizer, self.request)
        self._codes[position] = code  # at the end: used last
        if len(self._codes) > self._cache_size:
            self._codes.popitem(last=False)
        return code

    def _stylized(self, picture: Tensor, code: StyleCode, request: StyleRequest) -> Tensor:
        """Stylize (3, H, W) to (3, H, W) on the CPU."""
        plain = picture.as_subclass(Tensor).detach().cpu()
        if plain.dtype == torch.uint8:
            rgb = self._loaded().stylize_pixels(plain.permute(1, 2, 0).numpy(), [code], request)
            return torch.from_numpy(rgb).permute(2, 0, 1)
        stylized = self._loaded().stylize_tensor(plain.float().clamp(0, 1)[None].numpy(), code, request)[0]
        return torch.from_numpy(stylized.clip(0, 1)).to(plain.dtype)


class _Styles:
    """Pictures and style codes by number."""

    def __init__(self, named: Paths, model: Model) -> None:
        self._entries = single_styles(find_styles(named), Maker(model.name, model.code_digest))
        self._files = CodeFiles()

    def __len__(self) -> int:
        return len(self._entries)

    def encode(self, position: int, stylizer: Stylizer, request: StyleRequest) -> StyleCode:
        (code,) = stylizer.codes([self._files.style(self._entries[position])], request)
        return replace(code, picture=None)  # only the code is kept


def _is_picture(inpt: Any) -> bool:
    """Whether an input is a picture. Boxes and masks are tensors too, of other types."""
    return not isinstance(inpt, tv_tensors.TVTensor) or isinstance(inpt, (tv_tensors.Image, tv_tensors.Video))


def _check(inpt: Any) -> None:
    if not _is_picture(inpt):
        return
    if isinstance(inpt, Image.Image):
        if inpt.mode not in ("RGB", "RGBA"):
            raise InputError(f"RandomStyle takes PIL images of mode RGB or RGBA, got {inpt.mode}; convert it first")
        return
    if inpt.ndim < 3 or inpt.shape[-3] != 3 or 0 in inpt.shape[-2:]:
        raise InputError(
            f"RandomStyle takes tensors (..., 3, H, W), got {tuple(inpt.shape)}; v2.RGB() converts grey pictures"
        )
    if inpt.dtype == torch.uint8:
        return
    if not inpt.is_floating_point():
        raise InputError(f"RandomStyle takes uint8 tensors, or floats in [0, 1], got {inpt.dtype}; use v2.ToDtype")
    if inpt.numel() and not -OVERSHOOT <= float(inpt.min()) <= float(inpt.max()) <= 1 + OVERSHOOT:
        raise InputError(
            f"RandomStyle takes float tensors in [0, 1], got {float(inpt.min()):g} to {float(inpt.max()):g}; "
            "put it before v2.Normalize, or divide by 255 if its values go to 255"
        )
