"""A few hundred mutated files give right results or clean errors. `python tests/fuzz/fuzz.py` tries more."""

from __future__ import annotations

from pathlib import Path

import pytest
from doors import Door, doors
from fuzz import fuzz, of_seeds

CASES = 20  # of each door
SEED = 0

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def every_door(folder: Path) -> list[Door]:
    return list(doors(folder))


def test_every_door_reads_its_seeds(every_door: list[Door], folder: Path) -> None:
    for door in every_door:
        assert of_seeds(door, folder) == [], door.name


def test_a_damaged_file_is_a_right_result_or_a_clean_error(every_door: list[Door], folder: Path) -> None:
    wrong = [str(each) for door in every_door for each in fuzz(door, range(CASES), SEED, folder)[1]]
    assert wrong == []
