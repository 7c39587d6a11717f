"""Pictures: convert files, bytes and arrays to network tensors, and back.

Only this subpackage handles files, EXIF orientation, colour profiles, alpha channels and dtypes. The rest of the
package sees pictures in one form: upright, sRGB, uint8.

    path, bytes, stream, PIL image, array or torch tensor --read--> Picture
    Picture.rgb --to_tensor--> float32 (1, 3, H, W) in [0, 1] --from_tensor--> uint8 (H, W, 3)
    Picture.to_pil --write--> path or stream

The table of formats is in `formats`. Note: colours under a fully transparent alpha are replaced (`picture`), a picture
with a broken colour profile is taken as sRGB (`color_profiles`), and formats without an alpha channel get the picture
on white (`writing`).
"""

from __future__ import annotations

from adain.images.arrays import bands, from_tensor, quantize, to_tensor
from adain.images.labels import read_labels
from adain.images.picture import Picture, check_size, resize
from adain.images.reading import PictureInput, read, read_rgb
from adain.images.rules import reading_rules
from adain.images.writing import check_place, check_quality, check_target, has_quality, write

__all__ = [
    "Picture",
    "PictureInput",
    "bands",
    "check_place",
    "check_quality",
    "check_size",
    "check_target",
    "from_tensor",
    "has_quality",
    "quantize",
    "read",
    "read_labels",
    "read_rgb",
    "reading_rules",
    "resize",
    "to_tensor",
    "write",
]
