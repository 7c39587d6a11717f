"""Prepare a run: open the recipe's pictures, loss network and network, and build the trainer."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import torch

from adain.errors import DeviceError, InputError
from adain.files import refuse_inputs
from adain.runtimes.devices import parse_device
from adain.training import checkpoint, loss_files, loss_network, networks
from adain.training.data import PictureRef, open_pictures
from adain.training.recipe import Recipe
from adain.training.trainer import Datasets, Trainer

__all__ = ["Places", "describe", "prepare"]

_WEIGHTS = ("model.safetensors", "latest.safetensors")  # that a run writes into its folder


@dataclass(frozen=True)
class Places:
    """The run's folder, the folder that data paths are relative to, and VGG-19's file or folder."""

    run_dir: Path
    data: Path | None = None
    teachers: Path | None = None


def prepare(recipe: Recipe, places: Places, *, device: str = "auto", resume: bool = False) -> Trainer:
    """Build the trainer of a recipe.

    Args:
        recipe: what to train.
        places: where the files are.
        device: `auto`, `cpu` or `cuda`.
        resume: whether to continue from the newest checkpoint in the folder, if there is one.

    Raises:
        InputError: a path or a part of the recipe does not fit, or the run would replace a file or use its own samples
            as pictures.
        WeightsError: weights are missing or do not fit.
        DeviceError: the device cannot be used.
    """
    _check_folder(recipe, places, resume)
    chosen = _device(device)
    if recipe.run.threads:
        torch.set_num_threads(recipe.run.threads)
    features = loss_network.load(
        loss_files.find(recipe.losses.network, recipe.loss_layers, places.teachers),
        heads=recipe.losses.distilled_heads,
        quick=any(phase.quick for phase in recipe.phases),
    )
    trainer = Trainer(
        recipe,
        network=networks.build(recipe.network, recipe.seed),
        features=features,
        datasets=_datasets(recipe, places),
        run_dir=places.run_dir,
        device=chosen,
    )
    if resume:
        trainer.resume()
    return trainer


def _check_folder(recipe: Recipe, places: Places, resume: bool) -> None:
    """Check that the run replaces neither another run nor an input, and does not write among its own pictures.

    Raises:
        InputError: it would.
    """
    folder = places.run_dir
    latest = checkpoint.latest(folder / "checkpoints")
    if latest is not None and not resume:
        raise InputError(f"{folder} already holds a run; continue it with --resume or name another folder")
    sources = [(places.data or Path()) / Path(each).expanduser() for each in (*recipe.data.content, *recipe.data.style)]
    for name in _WEIGHTS:
        refuse_inputs(folder / name, (recipe.network.init, places.teachers, *sources))
        if latest is None and (folder / name).exists():
            raise InputError(f"{folder / name} exists, without checkpoints of its run; name another folder")
    for source in sources:
        if source.is_dir() and Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(source)):
            raise InputError(f"{folder} is in {source}, and its samples would be trained on; name a folder elsewhere")


def _datasets(recipe: Recipe, places: Places) -> Datasets:
    return Datasets(
        content=open_pictures(recipe.data.content, places.data),
        style=open_pictures(recipe.data.style, places.data),
        sample_content=_samples(recipe.run.sample_content, places.data),
        sample_style=_samples(recipe.run.sample_style, places.data),
    )


def _samples(paths: tuple[str, ...], base: Path | None) -> tuple[PictureRef, ...]:
    return open_pictures(paths, base).refs if paths else ()


def _device(name: str) -> torch.device:
    name = parse_device(name)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name != "cpu" and not torch.cuda.is_available():
        raise DeviceError(f"device {name!r} was asked for but torch finds none; use --device cpu")
    return torch.device(name)


def describe(trainer: Trainer) -> str:
    """One line of JSON about the run, for the log."""
    sets = trainer.datasets
    parameters = sum(p.numel() for p in trainer.network.parameters())
    return json.dumps(
        {
            "network": trainer.recipe.network.name,
            "losses": trainer.recipe.losses.network,
            "parameters": parameters,
            "content": len(sets.content.refs),
            "style": len(sets.style.refs),
            "step": trainer.step,
            "total": trainer.total,
            "device": str(trainer.device),
            "threads": torch.get_num_threads(),
        }
    )
