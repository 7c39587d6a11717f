"""Fonts for labels: a part of DejaVu Sans (Latin, Greek, Cyrillic), and installed fonts for other scripts.

Pillow's own font has no letters outside ASCII. The part of DejaVu Sans was made with `pyftsubset` of fontTools from the
ranges U+20-7E, A0-24F, 2B0-52F, 1E00-1FFF, 2000-209F, 20A0-20CF and 2100-21FF. Its licence lies beside it.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

__all__ = ["font_for", "normalized"]

_OWN = str(Path(__file__).parent / "fonts" / "DejaVuSans.ttf")
# Common fonts with Chinese, Japanese and Korean, then ones with many scripts; Pillow looks for them by name in the
# system's folders.
_INSTALLED = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKjp-Regular.otf",
    "NotoSansCJKsc-Regular.otf",
    "SourceHanSans-Regular.ttc",
    "DroidSansFallbackFull.ttf",
    "DroidSansFallback.ttf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "ipag.ttf",
    "NanumGothic.ttf",
    "unifont.otf",
    "msyh.ttc",  # Windows
    "YuGothM.ttc",
    "malgun.ttf",
    "Hiragino Sans GB.ttc",  # macOS
    "PingFang.ttc",
    "AppleSDGothicNeo.ttc",
    "Arial Unicode.ttf",
    "arial.ttf",
    "FreeSans.ttf",
    "DejaVuSans.ttf",
)
_PROBE = 16  # px
_NO_CHARACTER = "\uffff"


def font_for(text: str, height: int) -> ImageFont.FreeTypeFont:
    """Return the font that shows a text best: the package's own if it has all characters, else an installed one.

    Args:
        text: the text, `normalized`.
        height: of the letters, in pixels.
    """
    characters = frozenset(text)
    best, fewest = _OWN, _lacking(_OWN, characters)
    for name in _INSTALLED if fewest else ():
        lacking = _lacking(name, characters)
        if lacking < fewest:
            best, fewest = name, lacking
        if not fewest:
            break
    return ImageFont.truetype(best, height)


def normalized(text: str) -> str:
    """Return a text in one line, with accents joined to their letters: macOS's file names have them apart."""
    return unicodedata.normalize("NFC", " ".join(text.splitlines()))


def _lacking(name: str, characters: frozenset[str]) -> int:
    """Number of characters for which a font has no glyph; all if it is not installed."""
    return sum(not _has(name, character) for character in characters)


@lru_cache(maxsize=4096)
def _has(name: str, character: str) -> bool:
    font = _opened(name)
    if font is None:
        return False
    return character.isspace() or _glyph(font, character) != _glyph(font, _NO_CHARACTER)


@lru_cache(maxsize=32)
def _opened(name: str) -> ImageFont.FreeTypeFont | None:
    try:
        return ImageFont.truetype(name, _PROBE)
    except OSError:
        return None


def _glyph(font: ImageFont.FreeTypeFont, character: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(character, mode="L")
    return mask.size, bytes(mask)
