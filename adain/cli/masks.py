"""The options that place styles in the picture: `--mask`, `--labels`, `--subject`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from adain.cli.inputs import PICTURE
from adain.errors import InputError
from adain.request import spec

if TYPE_CHECKING:
    from adain.masking import Masks

__all__ = ["mask_options"]

_R = TypeVar("_R")


def mask_options(*, film: bool = False, subject: bool = True) -> Callable[[Callable[..., _R]], Callable[..., _R]]:
    """Add the options. The command gets `choose_masks`, a function from the number of styles to masks.

    Args:
        film: whether a mask may be a film or a folder.
        subject: whether to add `--subject`.
    """

    def add(command: Callable[..., _R]) -> Callable[..., _R]:
        @wraps(command)
        def with_masks(
            *, mask_files: tuple[Path, ...], labels: Path | None, subject: bool = False, **others: Any
        ) -> _R:
            if bool(mask_files) + (labels is not None) + subject > 1:
                raise click.UsageError("--mask, --labels and --subject exclude each other; give one of them")

            def choose_masks(styles: int) -> Masks | None:
                if labels is not None:
                    return _of_labels(labels, styles)
                return "subject" if subject else mask_files or None

            return command(choose_masks=choose_masks, **others)

        chosen: Callable[..., _R] = _SUBJECT(with_masks) if subject else with_masks
        return _mask(film)(_LABELS(chosen))

    return add


def _mask(film: bool) -> Callable[[Callable[..., _R]], Callable[..., _R]]:
    more = ". Or a film or folder with a mask for each frame" if film else ""
    kind = click.Path(exists=True, path_type=Path) if film else PICTURE
    return click.option("--mask", "mask_files", multiple=True, type=kind, help=f"{spec('masks').help}{more}.")


_LABELS = click.option(
    "--labels",
    type=PICTURE,
    help="A label map, such as a segmentation: the first STYLE applies to its lowest value, the next to the next.",
)
_SUBJECT = click.option(
    "--subject",
    is_flag=True,
    help="Apply the first STYLE where the content's alpha channel is opaque, a second one to the rest.",
)


def _of_labels(path: Path, styles: int) -> Masks:
    from adain.masking import label_masks

    masks = label_masks(path)
    if len(masks) != styles:
        raise InputError(
            f"{path} has {len(masks)} labels ({', '.join(map(str, masks))}), but there are {styles} styles; "
            "give one style for each label, in this order"
        )
    return masks
