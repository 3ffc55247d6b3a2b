import errno
import json
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sweep_tasks

from abm.errors import RunFolderError
from experiments.design import Design, RunSpec, runs
from experiments.store import (
    Failed,
    Finished,
    assemble,
    open_folder,
    read_failed,
    read_finished,
    write_failed,
    write_finished,
    write_frame,
)


def sweep(folder: Path, **changes: Any) -> tuple[Design, tuple[RunSpec, ...]]:
    design = Design.from_dict(sweep_tasks.design(folder, **changes))
    return design, runs(design)


def summary(spec: RunSpec) -> dict[str, Any]:
    return {"deficit": spec.seed + 0.5, "breaches": spec.position, "worst": None, "name": "x", "nested": {"a": 1}}


def filled(folder: Path, tmp_path: Path) -> tuple[Design, tuple[RunSpec, ...]]:
    design, specs = sweep(tmp_path)
    open_folder(folder, design, specs, resume=False)
    for spec in specs:
        write_finished(folder, Finished.of(spec, summary(spec)), 1.0)
    return design, specs


def test_a_folder_runs_again_from_itself(tmp_path: Path) -> None:
    design, specs = sweep(tmp_path)
    open_folder(tmp_path / "out", design, specs, resume=False)
    (tmp_path / "tiny.toml").unlink()
    assert runs(Design.load(tmp_path / "out" / "design.toml")) == specs
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["kind"] == "sweep"
    assert manifest["runs"] == 8
    assert manifest["identity"]["scenarios"]["tiny"]["clock"]["duration"] == 60.0
    assert {"ray", "numpy", "crossfire-risk"} <= set(manifest["packages"])


def test_what_was_written_is_read_in_the_designs_order(tmp_path: Path) -> None:
    design, specs = sweep(tmp_path)
    open_folder(tmp_path / "out", design, specs, resume=False)
    for spec in reversed(specs):
        write_finished(tmp_path / "out", Finished.of(spec, summary(spec)), 1.0)
    assert [f.run for f in read_finished(tmp_path / "out")] == [s.run for s in specs]
    assert read_finished(tmp_path / "out")[3] == Finished.of(specs[3], summary(specs[3]))
    assert not list((tmp_path / "out").rglob(".*"))


def test_the_files_of_runs_hold_no_time_of_day_and_no_duration(tmp_path: Path) -> None:
    for name, order in (("one", 1), ("two", -1)):
        design, specs = sweep(tmp_path)
        open_folder(tmp_path / name, design, specs, resume=False)
        for spec in specs[::order]:
            write_finished(tmp_path / name, Finished.of(spec, summary(spec)), 1.0 + order)
        write_frame(tmp_path / name, "runs", assemble(read_finished(tmp_path / name)))
    for path in [*(tmp_path / "one" / "runs").iterdir(), tmp_path / "one" / "runs.parquet"]:
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def test_a_frame_has_a_column_per_lever_and_per_plain_figure(tmp_path: Path) -> None:
    filled(tmp_path / "out", tmp_path)
    frame = assemble(read_finished(tmp_path / "out"))
    assert frame.schema == {
        "run": pl.String,
        "position": pl.Int64,
        "scenario": pl.String,
        "seed": pl.Int64,
        "mode": pl.String,
        "capital": pl.Float64,
        "deficit": pl.Float64,
        "breaches": pl.Int64,
        "worst": pl.Float64,
        "name": pl.String,
    }
    assert frame["breaches"].to_list() == list(range(8))
    assert frame["worst"].null_count() == 8


def test_levers_of_mixed_kinds_are_text_and_clashing_figures_are_renamed() -> None:
    results = [
        Finished(str(i), i, "tiny", 1, {"x": value, "deficit": i > 0}, {"deficit": 2, "mixed": figure})
        for i, (value, figure) in enumerate([(1, 1), ("a", 0.5), (["b", "c"], None)])
    ]
    frame = assemble(results)
    assert frame["x"].to_list() == ["1", "a", "b,c"]
    assert frame["deficit"].to_list() == [False, True, True]
    assert frame["summary.deficit"].to_list() == [2, 2, 2]
    assert frame["mixed"].to_list() == [1.0, 0.5, None]


def test_nothing_finished_is_an_empty_frame() -> None:
    assert assemble([]).shape == (0, 4)


def test_a_used_folder_is_not_touched_without_resume(tmp_path: Path) -> None:
    design, specs = sweep(tmp_path)
    with pytest.raises(RunFolderError, match="exists and is not empty; choose another --out, or add --resume"):
        open_folder(tmp_path, design, specs, resume=False)
    with pytest.raises(RunFolderError, match=r"not the folder of a sweep \(no manifest.json\)"):
        open_folder(tmp_path, design, specs, resume=True)
    with pytest.raises(RunFolderError, match=r"tiny.toml: exists and is a file"):
        open_folder(tmp_path / "tiny.toml", design, specs, resume=True)
    assert [p.name for p in tmp_path.iterdir()] == ["tiny.toml"]


def test_resume_of_nothing_starts(tmp_path: Path) -> None:
    design, specs = sweep(tmp_path)
    (tmp_path / "out").mkdir()
    opened = open_folder(tmp_path / "out", design, specs, resume=True)
    assert opened.finished == frozenset()
    assert (tmp_path / "out" / "manifest.json").is_file()


def test_resume_knows_what_is_finished_and_says_what_is_damaged(tmp_path: Path) -> None:
    design, specs = filled(tmp_path / "out", tmp_path)
    whole = tmp_path / "out" / "runs" / f"{specs[0].run}.json"
    whole.write_text(whole.read_text()[:-30], encoding="utf-8")
    moved = tmp_path / "out" / "runs" / f"{specs[1].run}.json"
    moved.write_text((tmp_path / "out" / "runs" / f"{specs[2].run}.json").read_text(), encoding="utf-8")
    (tmp_path / "out" / "runs" / f"{specs[3].run}.json").write_text("[]", encoding="utf-8")
    opened = open_folder(tmp_path / "out", design, specs, resume=True)
    assert opened.finished == {s.run for s in specs[4:]} | {specs[2].run}
    assert opened.damaged == tuple(sorted(f"runs/{s.run}.json" for s in (specs[0], specs[1], specs[3])))
    with pytest.raises(RunFolderError, match=r"runs/\w+.json: damaged; run the sweep again with --resume"):
        read_finished(tmp_path / "out")


def test_resume_of_another_design_names_what_differs(tmp_path: Path) -> None:
    filled(tmp_path / "out", tmp_path)
    changed, specs = sweep(tmp_path, seeds=[5, 7], set={"clock.duration": 30.0})
    with pytest.raises(RunFolderError, match=r"another design: design.seeds \(5,6 there, 5,7 here\), design.set.clock"):
        open_folder(tmp_path / "out", changed, specs, resume=True)


def test_resume_after_a_change_of_the_scenario_names_the_key(tmp_path: Path) -> None:
    design, specs = filled(tmp_path / "out", tmp_path)
    path = tmp_path / "tiny.toml"
    path.write_text(path.read_text().replace("delay = 2.0", "delay = 3.0"), encoding="utf-8")
    with pytest.raises(RunFolderError, match=r"scenarios.tiny.oracles.feed.delay \(2.0 there, 3.0 here\); choose"):
        open_folder(tmp_path / "out", design, specs, resume=True)


def test_a_design_that_moved_is_the_same_design(tmp_path: Path) -> None:
    filled(tmp_path / "out", tmp_path)
    (tmp_path / "elsewhere").mkdir()
    design, specs = sweep(tmp_path / "elsewhere")
    assert len(open_folder(tmp_path / "out", design, specs, resume=True).finished) == 8


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    filled(tmp_path / "out", tmp_path)
    path = tmp_path / "out" / "manifest.json"
    good = path.read_text()
    for text, message in (
        (good[:50], "damaged"),
        ('{"kind": "run"}', "not the folder of a sweep"),
        (good.replace('"schema": 1,\n "kind"', '"schema": 9,\n "kind"'), "schema 9, this version reads 1"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(RunFolderError, match=message):
            read_finished(tmp_path / "out")


def test_a_failure_is_forgotten_when_its_run_finishes(tmp_path: Path) -> None:
    design, specs = sweep(tmp_path)
    open_folder(tmp_path / "out", design, specs, resume=False)
    for spec in (specs[1], specs[0]):
        write_failed(tmp_path / "out", Failed(spec.run, spec.position, spec.seed, spec.levers, "because", "trace"))
    assert [f.run for f in read_failed(tmp_path / "out")] == [specs[0].run, specs[1].run]
    write_finished(tmp_path / "out", Finished.of(specs[0], summary(specs[0])), 1.0)
    assert [(f.run, f.reason) for f in read_failed(tmp_path / "out")] == [(specs[1].run, "because")]


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, specs = filled(tmp_path / "out", tmp_path)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunFolderError, match=r"json: cannot be written \(No space left on device\); free space"):
        write_finished(tmp_path / "out", Finished.of(specs[0], {"deficit": 9.0}), 1.0)
    assert read_finished(tmp_path / "out")[0].summary == summary(specs[0])
    assert not list((tmp_path / "out").rglob(".*"))
