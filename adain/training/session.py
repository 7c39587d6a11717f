"""From a recipe and the user's paths to a trainer that is ready to run."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import torch

from adain import registry, weights
from adain.errors import DeviceError, InputError
from adain.training import checkpoint, loss_network, networks, tasks
from adain.training.data import PictureRef, open_pictures
from adain.training.recipe import Recipe
from adain.training.trainer import Datasets, Trainer

__all__ = ["Places", "prepare"]

VGG_MODEL = "adain-vgg19"  # the loss network is this model's encoder


@dataclass(frozen=True)
class Places:
    """Where things are: the run's folder, the pictures, the loss network's files."""

    run_dir: Path
    data: Path | None = None
    teachers: Path | None = None


def prepare(recipe: Recipe, places: Places, *, device: str = "auto", resume: bool = False) -> Trainer:
    """Open pictures, loss network and network, and continue from the newest checkpoint if `resume`.

    Raises:
        InputError: a path or a part of the recipe does not fit, or the folder already holds a run.
        WeightsError: weights are missing or do not fit.
        DeviceError: the device cannot be used.
    """
    checkpoints = places.run_dir / "checkpoints"
    if not resume and checkpoint.latest(checkpoints) is not None:
        raise InputError(f"{places.run_dir} already holds a run; continue it with --resume or name another folder")
    chosen = _device(device)
    if recipe.run.threads:
        torch.set_num_threads(recipe.run.threads)
    features = loss_network.load(
        _teachers(places.teachers),
        tasks.layers(recipe),
        heads=recipe.losses.distilled_heads,
        quick=any(phase.quick for phase in recipe.phases),
    )
    trainer = Trainer(
        recipe,
        network=networks.build(recipe.network, recipe.seed, recipe.task),
        features=features,
        datasets=_datasets(recipe, places),
        run_dir=places.run_dir,
        device=chosen,
        sources=features.files,
    )
    if resume:
        trainer.resume()
    return trainer


def _datasets(recipe: Recipe, places: Places) -> Datasets:
    return Datasets(
        content=open_pictures(recipe.data.content, places.data),
        style=open_pictures(recipe.data.style, places.data),
        sample_content=_samples(recipe.run.sample_content, places.data),
        sample_style=_samples(recipe.run.sample_style, places.data),
    )


def _samples(paths: tuple[str, ...], base: Path | None) -> tuple[PictureRef, ...]:
    return open_pictures(paths, base).refs if paths else ()


def _teachers(path: Path | None) -> Path:
    if path is not None:
        return path
    if named := os.environ.get("ADAIN_WEIGHTS_DIR"):
        return Path(named)
    if (downloaded := _downloaded_vgg()) is not None:
        return downloaded
    raise InputError(
        "the losses need the weights of VGG-19: name their file or folder with --teachers, "
        f"or fetch them with `adain models download {VGG_MODEL}`"
    )


def _downloaded_vgg() -> Path | None:
    """The full VGG-19 of a model that uses it, if that is on this machine and as published."""
    model = registry.get(VGG_MODEL)
    file = next(file for file in model.files if file.role == "encoder")
    place = weights.locate(model, file)
    return place.path if place is not None and weights.mismatch(place.path, file) is None else None


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceError("device 'cuda' was asked for but torch finds none; use --device cpu")
    return torch.device(name)


def describe(trainer: Trainer) -> str:
    """One line on what will be trained, for the log."""
    sets = trainer.datasets
    parameters = sum(p.numel() for p in trainer.network.parameters())
    return json.dumps(
        {
            "network": trainer.recipe.network.name,
            "parameters": parameters,
            "content": len(sets.content.refs),
            "style": len(sets.style.refs),
            "step": trainer.step,
            "total": trainer.total,
            "device": str(trainer.device),
            "threads": torch.get_num_threads(),
        }
    )
