"""`crossfire forecast`."""

import json
from pathlib import Path

import polars as pl
import pytest

from tests.experiments.cli.command_line import crossfire, example, refused
from tests.experiments.cli.test_json import shape
from tests.experiments.histories import daily, written

pytestmark = pytest.mark.xdist_group("cli")


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    return written(tmp_path, daily())


def test_it_prints_skill_and_whether_ewma_is_beaten(bars: Path) -> None:
    answer = crossfire("forecast", bars, "--model", "har", "--model", "ewma-fitted")
    assert (answer.code, answer.err) == (0, "")
    for word in ("Variance of the next day, against ewma", "BTCUSDT", "QLIKE", "p Holm", "does it beat ewma at 5 %?"):
        assert word in answer.out


def test_json_is_as_documented(bars: Path) -> None:
    answer = crossfire("forecast", bars, "--model", "har", "--out", "skill", "--picture", "skill.png", "--json")
    assert (answer.code, answer.err) == (0, "")
    told = json.loads(answer.out)
    assert shape(told) == shape(example("forecast"))
    assert [row["model"] for row in told["skill"]] == ["ewma", "har"]
    assert (told["folder"], told["picture"]) == ("skill", "skill.png")
    assert pl.read_parquet("skill/skill.parquet").height == 2
    assert Path("skill.png").read_bytes().startswith(b"\x89PNG")


def test_a_series_that_is_too_short_is_named(tmp_path: Path) -> None:
    both = written(tmp_path, pl.concat([daily(), daily(50, symbol="NEWUSDT")]))
    answer = crossfire("forecast", both, "--symbol", "all", "--model", "ewma")
    assert answer.code == 0
    assert answer.err == "left out: NEWUSDT: 49 days, 260 are needed\n"


MISTAKES = {
    "model": (["--model", "harr"], ["--model", "unknown 'harr'", "did you mean 'har'?"]),
    "against": (["--against", "naive"], ["--against", "unknown 'naive'", "allowed: boosting, ewma"]),
    "measure": (["--measure", "range"], ["--measure", "unknown 'range'"]),
    "train": (["--train", "20"], ["--train 20", "these models need"]),
    "horizon": (["--horizon", "0"], ["--horizon", "see crossfire forecast --help"]),
    "picture": (["--picture", "skill.jpg"], ["--picture skill.jpg", "name it .png"]),
    "symbol": (["--symbol", "ETHUSDT"], ["no symbol 'ETHUSDT'"]),
    "long": (["--train", "390"], ["BTCUSDT: 399 days, 450 are needed"]),
}


@pytest.mark.parametrize("fault", MISTAKES)
def test_a_mistake_is_one_line(bars: Path, fault: str) -> None:
    words, told = MISTAKES[fault]
    refused(crossfire("forecast", bars, *words), *told)


def test_a_file_that_is_not_there_and_a_folder_that_is_taken(bars: Path) -> None:
    refused(crossfire("forecast", "none.parquet"), "none.parquet", "no such file")
    Path("taken").mkdir()
    Path("taken/file").touch()
    refused(crossfire("forecast", bars, "--out", "taken"), "taken", "not empty")


def test_a_picture_that_cannot_be_written(bars: Path) -> None:
    refused(crossfire("forecast", bars, "--model", "ewma", "--picture", "nowhere/skill.png"), "nowhere/skill.png")
