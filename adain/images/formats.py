"""Table of picture formats. Lists of suffixes, help texts and error messages follow from it.

It has only common formats for photographs and paintings. Pillow supports more, but some of them start other programs
(EPS starts Ghostscript).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from adain.errors import InputError

__all__ = ["FORMATS", "READABLE", "UNREADABLE", "WRITABLE", "Format", "listed", "named"]


@dataclass(frozen=True)
class Format:
    """A picture format and its abilities.

    Attributes:
        name: name in English text.
        suffixes: suffixes of file names, in lower case, with the dot.
        read_only: further suffixes, of files that are read but not written.
        reads: whether it can be read.
        writes: whether it can be written.
        animated: whether a file may hold an animation; its first frame is read.
        alpha: whether an alpha channel is written. If not, the picture is laid on white.
        deep: whether 16-bit files are read.
        max_side: longest side in pixels that can be written.
        keeps: what a written file holds of a picture's `Metadata`: names of its fields.
        extra: extra of this package that reading it needs; empty if Pillow reads it.
        pil: Pillow's name of the format; empty: the name in capitals.
        options: options for Pillow's `save`; with `quality` among them, it can be chosen.
    """

    name: str
    suffixes: tuple[str, ...]
    read_only: tuple[str, ...] = ()
    reads: bool = True
    writes: bool = True
    animated: bool = False
    alpha: bool = True
    deep: bool = False
    max_side: int = 2**31 - 1
    keeps: tuple[str, ...] = ()
    extra: str = ""
    pil: str = ""
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def pillow(self) -> str:
        """Pillow's name of the format."""
        return self.pil or self.name.upper()

    @property
    def lossy(self) -> bool:
        """Whether a quality can be chosen."""
        return "quality" in self.options


_COMMON = ("exif", "xmp", "dpi")
_ALL = (*_COMMON, "iptc")
_JPEG_OPTIONS = {"quality": 95, "subsampling": "4:4:4"}
_AVIF_OPTIONS = {"quality": 90, "subsampling": "4:4:4"}
FORMATS = (
    Format(
        "JPEG",
        (".jpg", ".jpeg", ".jfif", ".jpe"),
        read_only=(".mpo",),  # several JPEGs in one file, as of stereo cameras; the first is read
        alpha=False,
        max_side=65_500,  # libjpeg's limit
        keeps=_ALL,
        options=_JPEG_OPTIONS,
    ),
    Format("PNG", (".png",), read_only=(".apng",), animated=True, deep=True, keeps=_COMMON),
    Format("WebP", (".webp",), animated=True, max_side=16_383, keeps=("exif", "xmp"), options={"quality": 95}),
    Format("AVIF", (".avif",), animated=True, max_side=65_536, keeps=("exif", "xmp"), options=_AVIF_OPTIONS),
    Format("TIFF", (".tif", ".tiff"), animated=True, deep=True, keeps=_ALL, options={"compression": "tiff_lzw"}),
    Format("BMP", (".bmp",), alpha=False, keeps=("dpi",)),  # few programs understand its alpha channel
    Format("GIF", (".gif",), animated=True, max_side=65_535),
    Format("HEIC", (".heic", ".heif", ".hif"), writes=False, extra="heic", pil="HEIF"),  # photographs of phones
)
READABLE: Mapping[str, Format] = {
    suffix: row for row in FORMATS if row.reads for suffix in (*row.suffixes, *row.read_only)
}
# Suffixes of further pictures: a folder that holds some should not pass over them as if they were none.
_RAW = ".arw .cr2 .cr3 .dng .nef .orf .pef .raf .rw2 .srw"
_RARE = ".jp2 .j2k .jpx .jxl .jxr .qoi .tga .exr .hdr .dds .pcx .ppm .pgm .pnm .ico"
_DRAWN = ".psd .psb .xcf .kra .svg .svgz .eps .ai .pdf .wmf .emf"
UNREADABLE = frozenset(f"{_RAW} {_RARE} {_DRAWN}".split())
WRITABLE: Mapping[str, Format] = {suffix: row for row in FORMATS if row.writes for suffix in row.suffixes}


def named(name: str) -> Format:
    """Look up a format to write by its suffix or name: ".png", "png" or "PNG".

    Raises:
        InputError: the format is unknown or cannot be written.
    """
    found = WRITABLE.get(f".{name.lower().removeprefix('.')}") if isinstance(name, str) else None
    if found is None:
        allowed = ", ".join(suffix[1:] for suffix in WRITABLE)
        raise InputError(f"format must be one of {allowed}, got {name!r}")
    return found


def listed(formats: Iterable[Format], last: str = "and") -> str:
    """Join the names of formats as English text: "JPEG, PNG and GIF"."""
    *names, final = [row.name for row in formats]
    return f"{', '.join(names)} {last} {final}" if names else final
