"""The options that say which style goes where: `--mask`, `--labels`, `--subject`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from adain.cli.inputs import PICTURE
from adain.errors import InputError

if TYPE_CHECKING:
    from adain.masking import Masks

__all__ = ["mask_options"]

_R = TypeVar("_R")
_OPTIONS = (
    click.option(
        "--mask",
        "mask_files",
        multiple=True,
        type=PICTURE,
        help="Where a STYLE goes: white there, black elsewhere, or grey; repeat it for each STYLE, in their order.",
    ),
    click.option(
        "--labels",
        type=PICTURE,
        help="A picture of labels, such as a segmentation: its lowest value is where the first STYLE goes, and so on.",
    ),
    click.option(
        "--subject",
        is_flag=True,
        help="The first STYLE goes where the content's alpha channel is opaque, a second one to the rest.",
    ),
)


def mask_options(command: Callable[..., _R]) -> Callable[..., _R]:
    """Add them; the command gets `choose_masks`: from the number of styles to what a `Stylizer` takes as masks."""

    @wraps(command)
    def with_masks(*, mask_files: tuple[Path, ...], labels: Path | None, subject: bool, **others: Any) -> _R:
        if bool(mask_files) + (labels is not None) + subject > 1:
            raise click.UsageError("--mask, --labels and --subject each say where styles go; give one of them")

        def choose_masks(styles: int) -> Masks | None:
            if labels is not None:
                return _of_labels(labels, styles)
            return "subject" if subject else mask_files or None

        return command(choose_masks=choose_masks, **others)

    chosen: Callable[..., _R] = with_masks
    for option in reversed(_OPTIONS):
        chosen = option(chosen)
    return chosen


def _of_labels(path: Path, styles: int) -> Masks:
    from adain.masking import label_masks

    masks = label_masks(path)
    if len(masks) != styles:
        raise InputError(
            f"{path} has {len(masks)} labels ({', '.join(map(str, masks))}), and there are {styles} styles; "
            "name a style for each label, in this order"
        )
    return masks
