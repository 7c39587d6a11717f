"""Styles, strengths and request of a data set, and the draw for a picture."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from adain import checks
from adain.code import Maker
from adain.datasets.drawing import Drawn, draw
from adain.errors import InputError
from adain.jobs.plan import Look
from adain.jobs.plan import looks as looks_of
from adain.jobs.sources import Found, Source
from adain.jobs.style_set import single_styles
from adain.jobs.unique import distinct
from adain.request import StyleRequest

__all__ = ["RandomLooks"]


@dataclass(frozen=True)
class RandomLooks:
    """Draws the styles of a data set.

    Attributes:
        looks: the styles, sorted by name, so that the order of their files does not matter.
        per_picture: results of each picture, in different styles.
        seed: of the draw, and of the grain that strokes begin with.
        alpha: the ends of the range of strengths.
        request: the other options.
        digest: hash of the names and sizes of the styles' files.
    """

    looks: tuple[Look, ...]
    per_picture: int
    seed: int
    alpha: tuple[float, float]
    request: StyleRequest
    digest: str

    @classmethod
    def of(
        cls,
        found: Found,
        maker: Maker,
        default_alpha: float,
        *,
        per_picture: int,
        alpha: float | tuple[float, float] | None,
        request: StyleRequest,
    ) -> RandomLooks:
        """Check the options, and sort the styles.

        Raises:
            InputError: an option is not allowed, styles are too few, or codes are of another model.
        """
        request.refuse("a random style", "weights", "masks")
        if request.alpha is not None:
            raise InputError("a random style takes alpha as an argument of its own; leave it out of the request")
        count = checks.whole("per_picture", per_picture, 1)
        strengths = checks.ends("alpha", default_alpha if alpha is None else alpha, 0, 1)
        sources = sorted(distinct(single_styles(found, maker)), key=lambda source: source.name)
        if count > len(sources):
            raise InputError(
                f"{count} results per picture need as many styles, got {len(sources)}; give more styles, or a "
                "smaller number"
            )
        looks = tuple(looks_of(sources, mixed=False))
        return cls(looks, count, request.seed or 0, strengths, request, _digest(sources))

    def draw(self, id: str) -> list[Drawn]:
        """Draw the results of a picture."""
        return draw(self.seed, id, styles=len(self.looks), count=self.per_picture, alpha=self.alpha)

    def facts(self) -> dict[str, Any]:
        """All that the results depend on besides the pictures and the model, for a manifest."""
        options = {each.name: getattr(self.request, each.name) for each in fields(self.request)}
        set_options = {name: value for name, value in options.items() if value is not None and name != "seed"}
        return {
            "seed": self.seed,
            "per_picture": self.per_picture,
            "alpha": list(self.alpha),
            "styles": len(self.looks),
            "styles_digest": self.digest,
            "request": set_options,
        }


def _size(source: Source) -> int:
    try:
        return source.path.stat().st_size
    except OSError:  # it fails later, with its reason
        return 0


def _digest(sources: Sequence[Source]) -> str:
    lines = (f"{source.name}\n{source.code}\n{_size(source)}" for source in sources)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()[:16]
