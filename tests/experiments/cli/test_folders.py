"""Folders that cannot be written, are full, or are not what they should be."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from abm.record import SCHEMA_VERSION
from abm.tables import TABLES
from tests.experiments.cli.command_line import crossfire, refused

pytestmark = pytest.mark.xdist_group("cli")

QUICK = ("--set", "clock.duration=5", "--set", "agents.retail.params.accounts=10")

WRITERS = {
    "run": lambda world, ran, out: ("run", world, *QUICK, "--out", out),
    "trace": lambda world, ran, out: ("trace", ran, "--out", out),
    "report": lambda world, ran, out: ("report", ran, "--html", out),
    "new": lambda world, ran, out: ("new", "bay", "--out", f"{out}.toml"),
    "sweep": lambda world, ran, out: ("sweep", "crash-levers", "--out", out),
    "demo": lambda world, ran, out: ("demo", "--out", out),
}
"""What writes to `out`."""

Words = Callable[[Path, Path, str], tuple[Any, ...]]


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_in_the_place_of_a_folder_is_told(name: str, world: Path, ran: Path) -> None:
    Path("file").write_text("mine")
    words = WRITERS[name](world, ran, "file/inside")
    refused(crossfire(*words), "file/inside", "cannot be written", "choose another")
    assert [(p.name, p.read_text()) for p in Path().iterdir()] == [("file", "mine")]


@pytest.mark.parametrize("name", ["run", "trace", "sweep", "demo"])
def test_a_folder_with_something_in_it_is_left_alone(name: str, world: Path, ran: Path) -> None:
    Path("full").mkdir()
    Path("full/thesis.tex").write_text("years of work")
    refused(crossfire(*WRITERS[name](world, ran, "full")), "full", "exists and is not", "choose another --out")
    assert [p.name for p in Path("full").iterdir()] == ["thesis.tex"]
    assert [p.name for p in Path().iterdir()] == ["full"]


@pytest.mark.parametrize("name", ["run", "trace"])
def test_an_empty_folder_is_taken(name: str, world: Path, ran: Path) -> None:
    Path("empty").mkdir()
    assert crossfire(*WRITERS[name](world, ran, "empty")).code == 0
    assert len(list(Path("empty").iterdir())) > 3


def _refuse(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _refuse_as_polars(*_: object, **__: object) -> None:
    """What polars raises on a full disk."""
    raise pl.exceptions.ComputeError(
        "parquet: File out of specification: underlying IO error: No space left on device (os error 28)"
    )


@pytest.mark.parametrize("name", ["run", "trace"])
@pytest.mark.parametrize("fault", [_refuse, _refuse_as_polars])
def test_a_full_disk_is_told_and_nothing_is_left(
    name: str, fault: Callable[..., None], world: Path, ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pl.DataFrame, "write_parquet", fault)
    refused(crossfire(*WRITERS[name](world, ran, "out")), "No space left on device", "free space")
    assert list(Path().iterdir()) == []


def test_a_full_disk_leaves_no_half_report(world: Path, ran: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "replace", _refuse)
    refused(crossfire("report", ran, "--html", "out.html"), "out.html", "No space left on device")
    assert list(Path().iterdir()) == []


READERS = {
    "trace": lambda run: ("trace", run),
    "report": lambda run: ("report", run),
    "first of diff": lambda run: ("diff", run, run),
}


@pytest.mark.parametrize("name", READERS)
def test_what_is_not_a_runs_folder_is_told(name: str, ran: Path) -> None:
    words = READERS[name]
    refused(crossfire(*words("nowhere")), "nowhere", "not the folder of a run")
    Path("some").mkdir()
    refused(crossfire(*words("some")), "some", "not the folder of a run", "`crossfire run` made")
    Path("some/manifest.json").write_text("{")
    refused(crossfire(*words("some")), "some", "damaged", "run it again")
    assert [p.name for p in Path("some").iterdir()] == ["manifest.json"]


@pytest.mark.parametrize("name", ["trace", "first of diff"])
def test_a_sweep_is_not_a_run_and_told_where_to_see_it(name: str) -> None:
    Path("swept").mkdir()
    for file in ("design.toml", "manifest.json"):
        Path("swept", file).write_text("{}")
    refused(crossfire(*READERS[name]("swept")), "swept", "is a sweep", "crossfire report swept")


@pytest.fixture
def copy(ran: Path) -> Path:
    """A run's folder that a test may damage."""
    return Path(shutil.copytree(ran, "copy", ignore=shutil.ignore_patterns("trace", "report.html")))


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("table", ["breaches", "price_moves"])
def test_a_truncated_table_is_told(name: str, table: str, copy: Path) -> None:
    path = copy / f"{table}.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    refused(crossfire(*READERS[name](copy)), str(path), "missing or damaged", "run it again")
    assert not (copy / "trace").exists()
    assert not (copy / "report.html").exists()


@pytest.mark.parametrize("name", READERS)
def test_a_missing_table_is_told(name: str, copy: Path) -> None:
    (copy / "events.parquet").unlink()
    refused(crossfire(*READERS[name](copy)), "events.parquet", "missing or damaged")


def test_a_run_of_another_version_is_told(copy: Path) -> None:
    manifest = copy / "manifest.json"
    manifest.write_text(manifest.read_text().replace(f'"schema": {SCHEMA_VERSION}', '"schema": 9'))
    refused(crossfire("trace", copy), f"schema 9, this version reads {SCHEMA_VERSION}")


def test_a_trace_leaves_its_files_and_can_be_looked_at_again(copy: Path) -> None:
    first, again = crossfire("trace", copy, "--top", 3), crossfire("trace", copy)
    assert (first.code, again.code) == (0, 0)
    files = {"cascade.graphml", "nodes.parquet", "edges.parquet", "trees.parquet", "influence.parquet"}
    assert {p.name for p in (copy / "trace").iterdir()} == files
    assert len(again.out.splitlines()) > len(first.out.splitlines())
    assert len(pl.read_parquet(copy / "breaches.parquet")) > 0
    assert set(TABLES) <= {p.stem for p in copy.iterdir()}


def test_a_report_lands_in_the_folder_or_where_it_is_told(copy: Path) -> None:
    assert crossfire("report", copy).out == "copy/report.html\n"
    answer = crossfire("report", copy, "--html", "mine.html", "--picture", "mine.png")
    assert (answer.code, answer.out) == (0, "mine.html\nmine.png\n")
    assert Path("mine.html").read_text().startswith("<!DOCTYPE html>")
    assert Path("mine.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_of_a_sweep_is_refused_before_anything_is_written() -> None:
    Path("swept").mkdir()
    Path("swept/design.toml").write_text("")
    refused(crossfire("report", "swept", "--picture", "mine.png"), "swept", "--picture")
    assert [p.name for p in Path().iterdir()] == ["swept"]


def test_a_picture_that_cannot_be_written_is_told(ran: Path) -> None:
    Path("file").write_text("mine")
    words = ("report", ran, "--html", "out.html", "--picture", "file/inside.png")
    refused(crossfire(*words), "file/inside.png", "is in a folder that is not there")
    assert [p.name for p in Path().iterdir()] == ["file"]


def test_a_run_without_a_breach_has_no_picture(world: Path) -> None:
    assert crossfire("run", world, *QUICK, "--out", "calm").code == 0
    refused(
        crossfire("report", "calm", "--picture", "mine.jpg"), "--picture mine.jpg", "a picture is a PNG", "name it .png"
    )
    refused(crossfire("report", "calm", "--picture", "mine.png"), "no breach", "choose a run with liquidations")
    assert not Path("calm/report.html").exists()
