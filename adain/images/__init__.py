"""Pictures: from files and arrays to network tensors and back.

The only place that knows files, EXIF orientation, colour profiles, alpha channels and dtypes. Everything
beyond it sees one kind of picture: upright, sRGB, uint8.

    file, PIL image or array --read--> Picture --to_tensor--> float32 (1, 3, H, W) in [0, 1]
    float32 (1, 3, H, W) --from_tensor--> uint8 (H, W, 3) --Picture.to_pil--> PIL image --write--> file

Deliberate choices, each documented where it is made: hidden colours under a fully transparent alpha are
replaced (`picture`), a broken colour profile is taken as sRGB (`color_profiles`), formats without an alpha
channel get the picture on white (`writing`).
"""

from __future__ import annotations

from adain.images.arrays import bands, from_tensor, quantize, to_tensor
from adain.images.labels import read_labels
from adain.images.picture import Picture, check_size, resize
from adain.images.reading import PictureInput, read
from adain.images.writing import check_place, check_target, write

__all__ = [
    "Picture",
    "PictureInput",
    "bands",
    "check_place",
    "check_size",
    "check_target",
    "from_tensor",
    "quantize",
    "read",
    "read_labels",
    "resize",
    "to_tensor",
    "write",
]
