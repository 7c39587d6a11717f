"""The training loop: steps through the recipe's phases until they are done or `stop` is called.

All randomness of a step follows from (seed, step), and the schedules are functions of the step. So the whole state is
the network, its average, the optimizer, the scaler, the discriminator and the step number, and a resumed run comes to
the same result as an uninterrupted one.
"""

from __future__ import annotations

import copy
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import swa_utils

from adain import trained
from adain.errors import AdainError, ImageError, InputError, OutputError, WeightsError
from adain.nn.slim import SlimNetwork
from adain.nn.strokes import DraftAndRevise
from adain.training import checkpoint, data, recycling, report, schedule
from adain.training.loss_network import LossNetwork
from adain.training.muon import Muon
from adain.training.precision import MixedFeatures, MixedNetwork
from adain.training.recipe import Recipe, as_dict, fingerprint, parse_saved, without_paths
from adain.training.step_loss import StepLoss, strokes_of

__all__ = ["Datasets", "Outcome", "Trainer"]

logger = logging.getLogger(__name__)

MAX_BAD_STEPS = 20  # in a row without a finite gradient; then training gives up


@dataclass(frozen=True)
class Datasets:
    """The pictures of a run."""

    content: data.Pictures
    style: data.Pictures
    sample_content: tuple[data.PictureRef, ...] = ()  # for the sample grid; empty: the first of `content`
    sample_style: tuple[data.PictureRef, ...] = ()

    def provenance(self) -> dict[str, str]:
        """A hash of each set."""
        return {"content": data.provenance(self.content), "style": data.provenance(self.style)}


@dataclass(frozen=True)
class Outcome:
    """The last step of a run, and the file of its weights; None if steps are left."""

    step: int
    weights: Path | None


class Trainer:
    """One run in one folder.

    Args:
        recipe: the recipe.
        network: the network to train, as `networks.build` returns it.
        features: the loss network.
        datasets: the pictures.
        run_dir: folder for checkpoints/, samples/, metrics.jsonl, latest.safetensors and, at the end,
            model.safetensors.
        device: where to train.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        network: nn.Module,
        features: LossNetwork,
        datasets: Datasets,
        run_dir: Path,
        device: torch.device,
    ) -> None:
        layout = torch.channels_last if recipe.run.channels_last else torch.contiguous_format
        self.recipe, self.datasets, self.run_dir, self.device = recipe, datasets, run_dir, device
        self.network: nn.Module = network.to(device, memory_format=layout).train()  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.network).requires_grad_(False).eval()
        self.layout = layout
        self.loss_files = features.files
        self.step = 0
        self.total = schedule.total_iterations(recipe.phases)
        self._stop = False
        frozen: LossNetwork = features.to(device, memory_format=layout)  # type: ignore[call-overload]
        mixed = MixedFeatures(frozen, recipe.optimizer.loss_precision)
        self._loss = StepLoss(recipe, mixed, frozen.heads, device)
        self._trained = [p for p in self.network.parameters() if p.requires_grad]
        if not self._trained:
            raise InputError("nothing to train: network.freeze freezes every parameter")
        o = recipe.optimizer
        kind = Muon if o.name == "muon" else torch.optim.AdamW
        self._optimizer = kind(
            self._trained,
            lr=o.learning_rate,
            betas=(o.betas[0], o.betas[1]),
            weight_decay=o.weight_decay,
            fused=device.type == "cuda",
        )
        self._bad_steps = torch.zeros((), dtype=torch.int64, device=device)
        self._scaler = torch.amp.GradScaler(device.type, enabled=o.precision == "fp16")

    def stop(self) -> None:
        """End the run with a checkpoint after the current step; safe in a signal handler."""
        self._stop = True

    def resume(self) -> bool:
        """Continue from the newest checkpoint in the folder; return False if there is none.

        Raises:
            InputError: the checkpoint was made with another recipe or other pictures.
            WeightsError: it cannot be read.
        """
        path = checkpoint.latest(self.run_dir / "checkpoints")
        if path is None:
            return False
        state = checkpoint.load(path)
        try:
            self._check_same(state)
            self._take(state)
        except AdainError:
            raise
        except Exception as error:  # the file is a checkpoint, and nobody knows of what
            raise WeightsError(
                f"{path} is not a checkpoint of this run ({error!r}); delete it to continue from the one before"
            ) from error
        return True

    def _take(self, state: Mapping[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        for group in state["optimizer"]["param_groups"]:
            group["fused"] = self._optimizer.defaults["fused"]  # the run may have begun on another device
        self._optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])
        self._loss.load_state_dict(state.get("task", {}))
        self.step = int(state["step"])

    def _check_same(self, state: Mapping[str, Any]) -> None:
        before = parse_saved(state["recipe"])
        if fingerprint(before) != fingerprint(self.recipe):
            then, now = as_dict(before), as_dict(self.recipe)
            changed = [key for key in now if key != "run" and now[key] != then[key]]
            raise InputError(
                f"{self.run_dir} was started with another recipe (differs in: {', '.join(changed)}); "
                "resume with the same one, or start another run with network.init"
            )
        if state["data"] != self.datasets.provenance():
            raise InputError(f"{self.run_dir} was started with other pictures; resume with the same ones")

    def run(
        self,
        on_metrics: Callable[[int, Mapping[str, float]], None] = lambda step, values: None,
        on_problem: Callable[[str], None] = lambda line: None,
    ) -> Outcome:
        """Train to the end, or until `stop`.

        Args:
            on_metrics: called with the number of steps done and the mean losses since the last call.
            on_problem: called with a line of text for each picture that was replaced.

        Raises:
            OutputError: a file cannot be written, for instance because the disk is full. The last checkpoint is whole.
            AdainError: the training diverged.
        """
        log = report.Metrics(self._made("metrics.jsonl"), resume_at=self.step)
        run, sums, since = self.recipe.run, _Means(), time.perf_counter()
        for batch in self._batches():
            if self._stop:
                break
            sums.add(self._train_step(batch))
            for line in batch.problems:
                on_problem(line)
            if self.step % run.metrics_every == 0 or self.step == self.total:
                now = time.perf_counter()
                values = {**sums.take(), "seconds_per_step": (now - since) / sums.steps}
                since, sums = now, _Means()
                log.write({"step": self.step, **values, "learning_rate": self._optimizer.param_groups[0]["lr"]})
                on_metrics(self.step, values)
            if self.step % run.sample_every == 0 or self.step == self.total:
                self._write_samples(on_problem)
            if self.step % run.checkpoint_every == 0 and self.step < self.total:
                self._write_checkpoint()
        self._write_checkpoint()
        if self.step < self.total:
            return Outcome(self.step, None)
        self.export(self.run_dir / "model.safetensors")
        return Outcome(self.step, self.run_dir / "model.safetensors")

    def _batches(self) -> Any:
        dataset = data.PairDataset(
            self.datasets.content, self.datasets.style, seed=self.recipe.seed, flip=self.recipe.data.flip
        )
        pinned = self.device.type == "cuda"
        return data.loader(dataset, self.recipe.phases, start=self.step, workers=self.recipe.run.workers, pinned=pinned)

    def _train_step(self, batch: data.Batch) -> dict[str, Tensor]:
        optimizer = self.recipe.optimizer
        for group in self._optimizer.param_groups:
            group["lr"] = schedule.learning_rate(optimizer, self.step, self.total)
        content, style = self._floats(batch.content), self._floats(batch.style)
        if share := schedule.recycled_share(self.recipe.phases, self.step):
            self._recycle(content, style, share)
        total, parts = self._loss(self.network, content, style, self.step)
        self._optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(total).backward()  # type: ignore[no-untyped-call]
        self._scaler.unscale_(self._optimizer)
        norm = nn.utils.clip_grad_norm_(self._trained, optimizer.clip_norm or float("inf"))
        if self._finite(norm):
            self._scaler.step(self._optimizer)
            self._update_average(schedule.ema_decay(optimizer, self.step))
            parts.update(self._loss.after_step())
        self._scaler.update()
        self.step += 1
        return {"total": total.detach(), **parts, "gradient_norm": norm}

    def _recycle(self, content: Tensor, style: Tensor, share: float) -> None:
        assert isinstance(self.network, SlimNetwork)
        counts = recycling.recycle(self.network, content, style, share, seed=self.recipe.seed + self.step)
        logger.info("step %d: reset dormant units: %s", self.step, counts)
        self.average.load_state_dict(self.network.state_dict())
        self._optimizer.state.clear()  # its moments belong to the old weights

    def _finite(self, norm: Tensor) -> bool:
        """Whether to take a step.

        On CUDA always: the fused optimizer skips non-finite steps on the GPU, without a sync. With a discriminator this
        waits for the answer, because the discriminator learns only after a step that was taken.
        """
        bad = ~torch.isfinite(norm)
        self._bad_steps = (self._bad_steps + 1) * bad  # in a row
        waiting = self.device.type != "cuda" or bool(self.recipe.losses.adversarial)
        if waiting or self.step % MAX_BAD_STEPS == 0:
            self._check_bad_steps()
        if waiting:
            return not bool(bad)
        self._optimizer.found_inf = bad.float()  # type: ignore[attr-defined]
        return True

    def _check_bad_steps(self) -> None:
        if int(self._bad_steps) >= MAX_BAD_STEPS:
            raise AdainError(
                f"training diverged: {MAX_BAD_STEPS} steps without a finite gradient up to step {self.step}; "
                "lower optimizer.learning_rate or raise optimizer.warmup, and resume from the last checkpoint"
            )

    def _floats(self, pictures: Tensor) -> Tensor:
        return pictures.to(self.device, non_blocking=True).contiguous(memory_format=self.layout).float() / 255

    def _update_average(self, decay: float) -> None:
        average, current = (list(network.state_dict().values()) for network in (self.average, self.network))
        swa_utils.get_ema_multi_avg_fn(decay)(average, current, None)  # type: ignore[no-untyped-call]

    def _made(self, name: str) -> Path:
        path = self.run_dir / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {path.parent}: {error.strerror or error}") from error
        return path

    def _write_checkpoint(self) -> None:
        state = {
            "step": self.step,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
            "recipe": json.dumps(as_dict(self.recipe)),
            "data": self.datasets.provenance(),
        }
        if of_loss := self._loss.state_dict():
            state["task"] = of_loss  # the key has its name from older checkpoints
        checkpoint.save(self.run_dir / "checkpoints", self.step, state)
        self.export(self.run_dir / "latest.safetensors")

    def export(self, path: Path) -> None:
        """Write the averaged weights as float32 safetensors; the metadata hold the recipe and the data's hashes."""
        recipe = without_paths(self.recipe)
        metadata = {
            **trained.describe(recipe.network.name, recipe.network.options),
            "step": str(self.step),
            "recipe": json.dumps(as_dict(recipe)),
            "data": json.dumps(self.datasets.provenance()),
            "loss_network": json.dumps(self.loss_files),
        }
        checkpoint.save_weights(path, self.average.state_dict(), metadata)

    def _write_samples(self, on_problem: Callable[[str], None]) -> None:
        run, sets = self.recipe.run, self.datasets
        contents, styles = (
            self._squares(refs, on_problem)
            for refs in (
                sets.sample_content or sets.content.refs[: run.samples],
                sets.sample_style or sets.style.refs[: run.samples],
            )
        )
        if not contents or not styles:
            return
        network = DraftAndRevise(MixedNetwork(self.average, self.device, "fp32"), strokes_of(self.recipe))
        grid = report.draw_grid(network, contents, styles, self.device)
        path = self._made(f"samples/step-{self.step:08d}.png")
        checkpoint.write_atomically(path, lambda file: grid.save(file, format="PNG"))

    def _squares(self, refs: Sequence[data.PictureRef], on_problem: Callable[[str], None]) -> list[Tensor]:
        """The pictures that can be decoded; a damaged one does not end the run."""
        side, found = self.recipe.run.sample_side, []
        for ref in refs:
            try:
                found.append(report.square(ref.decode(side), side))
            except (OSError, ImageError, MemoryError) as error:
                on_problem(f"{ref.name}: {error}")
        return found


class _Means:
    """Running means of named scalars, kept on the device so that steps need no sync."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: Counter[str] = Counter()  # not every loss is there in every step
        self.steps = 0

    def add(self, values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value
        self._counts.update(values.keys())
        self.steps += 1

    def take(self) -> dict[str, float]:
        return {name: round(value.item() / self._counts[name], 6) for name, value in self._sums.items()}
