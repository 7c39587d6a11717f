"""Nodes that load a model, encode and mix styles, and stylize images.

An IMAGE is a torch tensor (batch, height, width, 3) in [0, 1], a MASK (batch, height, width). ComfyUI shows errors of
`adain` on the node.
"""

import numpy as np
import torch

import adain
from adain.errors import InputError

try:
    from comfy.model_management import throw_exception_if_processing_interrupted as interrupted
    from comfy.utils import ProgressBar
except ModuleNotFoundError:  # outside ComfyUI, as in tests
    interrupted, ProgressBar = None, None

CATEGORY = "adain"


class LoadModel:
    """Load a network, or a trained file .safetensors, or a folder of exported graphs."""

    CATEGORY, FUNCTION = CATEGORY, "load"
    RETURN_TYPES, RETURN_NAMES = ("ADAIN_MODEL",), ("model",)

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802  ComfyUI's name
        """See ComfyUI."""
        return {
            "required": {
                "name": (list(adain.models()), {"default": "adain-slim"}),
                "device": (["auto", "cpu", "cuda"],),
            },
            "optional": {
                "path": ("STRING", {"default": "", "tooltip": "a trained file or a folder of graphs, instead"})
            },
        }

    def load(self, name, device, path=""):
        """See the class."""
        return (adain.load(path or name, device=device),)


class EncodeStyle:
    """Encode images as one style: their mean, if there are several."""

    CATEGORY, FUNCTION = CATEGORY, "encode"
    RETURN_TYPES, RETURN_NAMES = ("ADAIN_STYLE",), ("style",)

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802  ComfyUI's name
        """See ComfyUI."""
        size = {"default": 512, "min": 16, "max": 4096, "tooltip": "shorter side; larger paints with larger strokes"}
        return {"required": {"model": ("ADAIN_MODEL",), "image": ("IMAGE",), "size": ("INT", size)}}

    def encode(self, model, image, size):
        """See the class."""
        return (adain.mix([model.encode_style(each, size=size) for each in _pictures(image)]),)


class MixStyles:
    """Mix two styles; mix the result with a third, and so on."""

    CATEGORY, FUNCTION = CATEGORY, "mix"
    RETURN_TYPES, RETURN_NAMES = ("ADAIN_STYLE",), ("style",)

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802  ComfyUI's name
        """See ComfyUI."""
        share = {"default": 0.5, "min": 0.0, "max": 1.0, "step": 0.01, "tooltip": "of the second style"}
        return {"required": {"first": ("ADAIN_STYLE",), "second": ("ADAIN_STYLE",), "share": ("FLOAT", share)}}

    def mix(self, first, second, share):
        """See the class."""
        return (adain.mix([first, second], [1 - share, share]),)


class Stylize:
    """Stylize a batch of images; with a mask, only where it is white."""

    CATEGORY, FUNCTION = CATEGORY, "stylize"
    RETURN_TYPES, RETURN_NAMES = ("IMAGE",), ("image",)

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802  ComfyUI's name
        """See ComfyUI."""
        strength = {"min": 0.0, "max": 1.0, "step": 0.01}
        return {
            "required": {
                "model": ("ADAIN_MODEL",),
                "image": ("IMAGE",),
                "style": ("ADAIN_STYLE",),
                "alpha": ("FLOAT", {"default": 1.0, **strength, "tooltip": "strength of the style"}),
                "strokes": (
                    "FLOAT",
                    {"default": 0.5, **strength, "tooltip": "how broad they are; 0 is fastest"},
                ),
                "seed": ("INT", {"default": 0, "min": 0, "max": 2**31 - 1, "tooltip": "of the strokes' grain"}),
                "keep_colors": ("BOOLEAN", {"default": False}),
            },
            "optional": {"mask": ("MASK",)},
        }

    def stylize(self, model, image, style, alpha, strokes, seed, keep_colors, mask=None):
        """See the class."""
        pictures, masks = _pictures(image), [None] * len(image) if mask is None else _pictures(mask)
        if len(masks) not in (1, len(pictures)):
            raise InputError(f"there are {len(masks)} masks for {len(pictures)} images; give one, or one for each")
        bar = ProgressBar(len(pictures)) if ProgressBar else None
        results = []
        for number, picture in enumerate(pictures):
            own = masks[number % len(masks)]
            stylized = model(
                picture,
                style,
                alpha=alpha,
                strokes=strokes,
                seed=seed,
                preserve_color="luminance" if keep_colors else None,
                masks=None if own is None else [own],
                cancel=interrupted,
            )
            results.append(np.asarray(stylized.convert("RGB"), np.float32) / 255)
            if bar is not None:
                bar.update(1)
        return (torch.from_numpy(np.stack(results)),)


def _pictures(batch):
    """The pictures, or the masks, of a batch, as uint8 arrays."""
    return list((batch.detach().cpu().float().clamp(0, 1).numpy() * 255 + 0.5).astype(np.uint8))


NODE_CLASS_MAPPINGS = {
    "AdainLoadModel": LoadModel,
    "AdainEncodeStyle": EncodeStyle,
    "AdainMixStyles": MixStyles,
    "AdainStylize": Stylize,
}
NODE_DISPLAY_NAME_MAPPINGS = {
    "AdainLoadModel": "Load style transfer model",
    "AdainEncodeStyle": "Encode style",
    "AdainMixStyles": "Mix styles",
    "AdainStylize": "Stylize",
}
