"""Data sets on a cluster, by Ray Data (extra: ray).

    start()
    rows = ray.data.read_parquet("s3://bucket/photos", **reading())  # columns id, bytes and others
    write_parquet(rows, Stylize("codes.safetensors"), "s3://bucket/stylized", checkpoint="s3://bucket/checkpoint")

A row that fails comes out with its `error`; its block is not lost. With a checkpoint, a job that is started again makes
what is missing: Ray notes the ids of rows that are written, and removes files of writes that did not end. Checkpoints
of Ray are in beta (2.50 and later).

Ray's filter of finished rows is an actor that takes a whole logical CPU, beside those that read and write. On few CPUs,
actors that take one each would leave none for it, and the job would wait for ever. So here all other steps take shares
of the CPUs that are left (`Sizes`). Logical CPUs only limit how many processes run; each uses one core.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adain import checks
from adain.datasets.rows import Row, Stylize
from adain.errors import DeviceError, InputError

if TYPE_CHECKING:
    import pyarrow
    import ray.data

__all__ = ["Sizes", "reading", "resume_from", "start", "stylized", "write_parquet"]

_FILTER = 1.0  # logical CPUs of the filter's actor; Ray has no option for it
_ROWS = 128  # at once, where they are stylized in batches
_FEWEST = 0.5  # logical CPUs of all other steps


@dataclass(frozen=True)
class Sizes:
    """How many processes stylize, and what logical CPUs each step takes.

    Attributes:
        processes: that stylize.
        process: of each of these.
        other: of each task that reads or writes.
    """

    processes: int
    process: float
    other: float

    @classmethod
    def of(cls, cpus: float, *, processes: int | None = None, checkpoint: bool = True) -> Sizes:
        """Share the CPUs so that every step can run at the same time.

        Args:
            cpus: logical CPUs of the cluster.
            processes: that stylize. None: one per CPU.
            checkpoint: whether the filter of finished rows needs its CPU.

        Raises:
            DeviceError: there are too few CPUs.
        """
        left = cpus - (_FILTER if checkpoint else 0)
        if left < _FEWEST:
            raise DeviceError(
                f"a job {'with' if checkpoint else 'without'} a checkpoint needs at least {cpus - left + _FEWEST:g} "
                f"logical CPUs, the cluster has {cpus:g}; start Ray with num_cpus, or add machines"
            )
        count = max(1, int(cpus)) if processes is None else checks.whole("processes", processes, 1)
        other = min(1.0, left / 4)  # one that reads and one that writes
        return cls(count, _floor((left - 2 * other) / count), _floor(other))


def start(**options: Any) -> None:
    """Start Ray without usage statistics, or connect to the cluster that `ray start` began.

    Args:
        options: of `ray.init`.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray
    from ray.data import DataContext

    ray.init(**options if "address" in options else {"include_dashboard": False, **options})
    # The reader of Parquet that is new in 2.60 starts actors with a whole CPU each for the files' footers, inside of
    # a task that holds another: on two CPUs it waits for ever.
    DataContext.get_current().use_datasource_v2 = False


def reading(*, checkpoint: bool = True) -> dict[str, float]:
    """Return the options of `ray.data.read_parquet` and others, so that reading fits beside the other steps."""
    return {"num_cpus": _sizes(checkpoint=checkpoint).other}


def resume_from(dataset: ray.data.Dataset, path: str, id: str = "id") -> None:
    """Let a data set note the rows that are written, and skip them when its job is started again.

    Args:
        dataset: before any step.
        path: a folder that all machines see, also in an object store.
        id: the column of ids, which the data set must have when it is read.
    """
    from ray.data.checkpoint import CheckpointConfig

    config = CheckpointConfig(id_column=id, checkpoint_path=path, delete_checkpoint_on_success=False)
    config.checkpoint_actor_pool_max_size = 1  # a second one would need a CPU more
    dataset.context.checkpoint_config = config


def stylized(
    dataset: ray.data.Dataset, stylize: Stylize, *, sizes: Sizes | None = None, gpus: float = 0
) -> ray.data.Dataset:
    """Add the step that stylizes to a data set.

    Args:
        dataset: rows as for `adain.Stylize`.
        stylize: how; the files of its styles must be on each machine, at the same path.
        sizes: None: from the CPUs of the cluster.
        gpus: of each process, such as 0.25; the model's device must be `cuda` then.
    """
    sizes = sizes or _sizes()
    from ray.data import ActorPoolStrategy

    options = {"num_cpus": sizes.process, "num_gpus": gpus, "compute": ActorPoolStrategy(size=sizes.processes)}
    if stylize.batched:
        return dataset.map_batches(
            _Batches, fn_constructor_args=(stylize,), batch_size=_ROWS, batch_format="pyarrow", **options
        )
    step = dataset.map if stylize.looks.per_picture == 1 else dataset.flat_map
    return step(_Actor, fn_constructor_args=(stylize,), **options)


def write_parquet(
    dataset: ray.data.Dataset,
    stylize: Stylize,
    output: str,
    *,
    checkpoint: str | None = None,
    id: str = "id",
    processes: int | None = None,
    gpus: float = 0,
) -> None:
    """Stylize a data set into Parquet files.

    Args:
        dataset: rows as for `adain.Stylize`, read with `reading()`.
        stylize: how, see `stylized`.
        output: a folder, also in an object store.
        checkpoint: a folder to note finished rows in, see `resume_from`.
        id: the column of ids for it.
        processes: that stylize. None: one per CPU.
        gpus: see `stylized`.

    Raises:
        InputError: several results per picture with a checkpoint, whose ids must be unique.
        DeviceError: there are too few CPUs.
    """
    if checkpoint is not None:
        if stylize.looks.per_picture > 1:
            raise InputError(
                f"a checkpoint of Ray needs one result per row, got per_picture={stylize.looks.per_picture}: it may "
                "note a row as finished before all its results are written; run once per seed with per_picture=1, or "
                "leave checkpoint out"
            )
        resume_from(dataset, checkpoint, id)
    sizes = _sizes(processes, checkpoint=checkpoint is not None)
    made = stylized(dataset, stylize, sizes=sizes, gpus=gpus)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of Ray's own
        made.write_parquet(output, ray_remote_args={"num_cpus": sizes.other})


class _Actor:
    """A process that stylizes rows."""

    def __init__(self, stylize: Stylize) -> None:
        self._stylize = stylize

    def __call__(self, row: Row) -> Any:
        return self._stylize(row) if self._stylize.looks.per_picture == 1 else self._stylize.copies(row)


class _Batches:
    """A process that stylizes many rows at once, of which pictures of equal shape are batches."""

    def __init__(self, stylize: Stylize) -> None:
        self._stylize = stylize

    def __call__(self, table: pyarrow.Table) -> pyarrow.Table:
        import pyarrow

        return pyarrow.Table.from_pylist(self._stylize.rows(table.to_pylist()))


def _sizes(processes: int | None = None, *, checkpoint: bool = True) -> Sizes:
    import ray

    return Sizes.of(ray.cluster_resources().get("CPU", 0), processes=processes, checkpoint=checkpoint)


def _floor(cpus: float) -> float:
    """Ray counts in ten thousandths of a CPU."""
    return int(cpus * 10_000) / 10_000
