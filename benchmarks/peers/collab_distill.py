"""Five-level WCT with the networks of Collaborative Distillation (Wang et al. 2020, arXiv:2003.08436).

Their code and networks: https://github.com/MingSun-Tse/Collaborative-Distillation, `PytorchWCT`, mode `16x`.
It was written for torch 0.4: the Lua reader it imports, and does not use in this mode, is gone from torch and
gets a stand-in.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from contextlib import redirect_stdout, suppress
from importlib import import_module
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from peers.checkout import digest, modules_of, to_rgb, to_tensor

LEVELS = (5, 4, 3, 2, 1)
STRIDE = 16  # px; their pooling drops what does not divide, so the content's edges are repeated up to a multiple
LUA = "torch.utils.serialization"


class CollabDistill:
    """Alpha blends at every level; 0.6 is what WCT's authors recommend."""

    alpha = 0.6
    blends = True

    def __init__(self, name: str, checkout: Path) -> None:
        trained = checkout / "trained_models"
        encoders = {f"e{k}": trained / "wct_se_16x_new" / f"{k}SE.pth" for k in LEVELS}
        decoders = {f"d{k}": trained / "wct_se_16x_new_sd" / f"{k}SD.pth" for k in LEVELS}
        files = encoders | decoders
        with suppress(ModuleNotFoundError):  # `torch.load` wants it of newer versions, also beside the stand-in
            import_module(f"{LUA}.config")
        real = sys.modules.get(LUA)
        sys.modules[LUA] = ModuleType(LUA)
        sys.modules[LUA].load_lua = None  # type: ignore[attr-defined]
        try:
            with modules_of(checkout / "PytorchWCT"), redirect_stdout(StringIO()):
                wct = import_module("util_wct").WCT
                self.wct = wct(Namespace(mode="16x", numpy=False, **files)).eval()
        finally:
            del sys.modules[LUA]
            if real is not None:
                sys.modules[LUA] = real
        self.name = name
        self.weights = digest(files.values())

    @torch.no_grad()
    def encode(self, style: NDArray[np.uint8]) -> Any:
        """The style's feature map at every level."""
        image = to_tensor(style)
        return {k: getattr(self.wct, f"e{k}")(image)[0] for k in LEVELS}

    @torch.no_grad()  # their code writes through `.data`, which inference mode forbids
    def stylize(self, content: NDArray[np.uint8], code: Any, alpha: float) -> NDArray[np.uint8]:
        """Their `styleTransfer` from relu5_1 down to relu1_1."""
        height, width = content.shape[:2]
        image = F.pad(to_tensor(content), (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")
        for k in LEVELS:
            features = getattr(self.wct, f"e{k}")(image)
            into = torch.empty_like(features)  # they pass an empty tensor, which `.data` no longer resizes
            fused = self.wct.transform(features[0], code[k].clone(), into, alpha)
            image = getattr(self.wct, f"d{k}")(fused)
        return to_rgb(image, like=content)
