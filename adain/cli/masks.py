"""The options that place styles in the picture: `--mask`, `--labels`, `--subject`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from adain.cli.inputs import PICTURE
from adain.errors import InputError
from adain.request import spec

if TYPE_CHECKING:
    from adain.masking import Masks

__all__ = ["MaskChoice", "mask_options"]

_R = TypeVar("_R")


@dataclass(frozen=True)
class MaskChoice:
    """The chosen masks. A call with the number of styles reads the label map.

    Attributes:
        masks: the files of masks.
        labels: the label map.
        subject: whether the content's alpha channel is the mask.
    """

    masks: tuple[Path, ...] = ()
    labels: Path | None = None
    subject: bool = False

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that are read."""
        return self.masks if self.labels is None else (self.labels,)

    def __call__(self, styles: int) -> Masks | None:
        """Return the masks for this number of styles."""
        if self.labels is not None:
            return _of_labels(self.labels, styles)
        return "subject" if self.subject else self.masks or None


def mask_options(*, film: bool = False, subject: bool = True) -> Callable[[Callable[..., _R]], Callable[..., _R]]:
    """Add the options. The command gets a `MaskChoice` as `choose_masks`.

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

            return command(choose_masks=MaskChoice(mask_files, labels, subject), **others)

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
