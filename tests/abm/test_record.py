"""A run's folder: written whole or not at all, read back equal."""

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from abm import record as record_module
from abm.errors import RunFolderError
from abm.record import SCHEMA_VERSION, Record, claim_folder, write_folder
from abm.tables import TABLES
from tests.agents.worlds import fall, small_world

RETAIL = {
    "kind": "cohort",
    "name": "retail",
    "cadence": 10.0,
    "params": {"protocol": "harbor", "accounts": 40, "leverage": 15.0},
}


@pytest.fixture(scope="module")
def record() -> Record:
    model = small_world([RETAIL], clock={"duration": 90.0}, prices=fall(-0.1))
    model.run()
    return model.record()


@pytest.fixture
def folder(record: Record, tmp_path: Path) -> Path:
    return record.write(tmp_path / "run")


def left(path: Path) -> list[str]:
    return sorted(p.name for p in path.iterdir())


def full_disk(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


class TestRoundTrip:
    def test_what_is_read_is_what_was_written(self, record: Record, folder: Path) -> None:
        again = Record.read(folder)
        assert again.scenario == record.scenario
        assert again.summary == record.summary
        assert again.manifest == record.manifest
        assert len(again["breaches"]) > 0
        for name in TABLES:
            assert again[name].equals(record[name]), name

    def test_every_table_has_its_columns_in_order(self, record: Record) -> None:
        for name, table in TABLES.items():
            assert record[name].schema == pl.Schema(table.schema()), name

    def test_its_text_files_are_plain(self, record: Record, folder: Path) -> None:
        def refuse(constant: str) -> None:
            raise AssertionError(f"{constant} is not JSON")

        for name in ("summary.json", "manifest.json"):
            assert json.loads((folder / name).read_text(), parse_constant=refuse)
        assert json.loads((folder / "manifest.json").read_text())["schema"] == SCHEMA_VERSION
        assert left(folder) == sorted(
            ["manifest.json", "scenario.toml", "summary.json", *(f"{t}.parquet" for t in TABLES)]
        )

    def test_a_record_without_tables_has_empty_ones(self, record: Record) -> None:
        empty = Record(record.scenario)
        assert set(empty.tables) == set(TABLES)
        assert all(empty[name].is_empty() for name in TABLES)


class TestClaim:
    def test_an_absent_or_empty_folder_is_free(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        claim_folder(tmp_path / "empty")
        claim_folder(tmp_path / "deep" / "new")
        claim_folder(Path("deep/new"))
        assert left(tmp_path) == ["empty"]

    def test_a_run_is_replaced_only_by_force(self, record: Record, folder: Path) -> None:
        with pytest.raises(RunFolderError, match="run: exists and is not empty; choose another --out, or add --force"):
            record.write(folder)
        (folder / "mine.txt").write_text("x")
        assert record.write(folder, force=True) == folder
        assert "mine.txt" not in left(folder)
        assert left(folder.parent) == ["run"]

    def test_force_replaces_nothing_that_is_not_a_run(self, record: Record, tmp_path: Path) -> None:
        (tmp_path / "thesis").mkdir()
        (tmp_path / "thesis" / "chapter.tex").write_text("x")
        with pytest.raises(RunFolderError, match="is not a run's folder, so --force will not replace it"):
            record.write(tmp_path / "thesis", force=True)
        assert left(tmp_path / "thesis") == ["chapter.tex"]

    def test_a_file_is_in_the_way(self, tmp_path: Path) -> None:
        (tmp_path / "run").write_text("x")
        with pytest.raises(RunFolderError, match="run: exists and is a file; choose another --out"):
            claim_folder(tmp_path / "run", force=True)

    def test_a_parent_that_cannot_be_written_is_told_before_the_run(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: Any, **__: Any) -> Any:
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(record_module.tempfile, "TemporaryDirectory", refuse)
        with pytest.raises(RunFolderError, match=r"run: cannot be written \(Permission denied\); choose another --out"):
            claim_folder(tmp_path / "run")

    def test_a_parent_that_is_a_file_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("x")
        with pytest.raises(RunFolderError, match=r"cannot be written \((File exists|Not a directory)\)"):
            claim_folder(tmp_path / "file" / "run")


class TestAtomic:
    @pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
    def test_a_fill_that_fails_leaves_nothing(self, tmp_path: Path, error: type[BaseException]) -> None:
        def fill(target: Path) -> None:
            (target / "half.txt").write_text("x")
            raise error

        with pytest.raises(error):
            write_folder(tmp_path / "run", fill)
        assert left(tmp_path) == []

    def test_a_full_disk_leaves_nothing_and_says_so(
        self, record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Path, "write_text", full_disk)
        with pytest.raises(
            RunFolderError,
            match=r"run: cannot be written \(No space left on device\); free space or choose another --out",
        ):
            record.write(tmp_path / "run")
        assert left(tmp_path) == []

    def test_a_full_disk_amid_the_tables_is_the_same_error(
        self, record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """polars reports it as an error of its own."""

        def refuse(*_: Any, **__: Any) -> Any:
            raise pl.exceptions.ComputeError("underlying IO error: No space left on device (os error 28)")

        monkeypatch.setattr(pl.DataFrame, "write_parquet", refuse)
        with pytest.raises(RunFolderError, match=r"cannot be written \(.*No space left on device"):
            record.write(tmp_path / "run")
        assert left(tmp_path) == []

    def test_a_failed_replacement_leaves_the_old_run(
        self, record: Record, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = left(folder)
        monkeypatch.setattr(Path, "write_text", full_disk)
        with pytest.raises(RunFolderError, match="No space left on device"):
            record.write(folder, force=True)
        assert left(folder) == before
        assert left(folder.parent) == ["run"]

    def test_even_if_it_fails_between_the_two_moves(
        self, record: Record, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real: Callable[..., None] = record_module.os.replace
        calls: list[Path] = []

        def second_fails(source: Path, target: Path) -> None:
            calls.append(source)
            if len(calls) == 2:
                full_disk()
            real(source, target)

        monkeypatch.setattr(record_module.os, "replace", second_fails)
        with pytest.raises(RunFolderError, match="No space left on device"):
            record.write(folder, force=True)
        monkeypatch.undo()
        assert left(folder.parent) == ["run"]
        assert Record.read(folder).summary == record.summary


class TestDamage:
    def test_another_folder_is_no_run(self, tmp_path: Path) -> None:
        with pytest.raises(RunFolderError, match=r"not the folder of a run \(no manifest.json\); give a folder that"):
            Record.read(tmp_path)

    def test_a_folder_of_runs_names_them(self, folder: Path) -> None:
        with pytest.raises(RunFolderError, match=rf"not the folder of a run .*; give {folder}$"):
            Record.read(folder.parent)

    @pytest.mark.parametrize("name", ["breaches", "cascade_edges"])
    def test_a_truncated_table_is_named(self, folder: Path, name: str) -> None:
        path = folder / f"{name}.parquet"
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(RunFolderError, match=rf"{name}.parquet: missing or damaged \(.+\); run it again"):
            Record.read(folder)

    def test_an_empty_table_file_is_damaged(self, folder: Path) -> None:
        (folder / "books.parquet").write_bytes(b"")
        with pytest.raises(RunFolderError, match=r"books.parquet: missing or damaged"):
            Record.read(folder)

    def test_a_missing_table_is_named(self, folder: Path) -> None:
        (folder / "losses.parquet").unlink()
        with pytest.raises(RunFolderError, match=r"losses.parquet: missing or damaged \(.*[Nn]o such file"):
            Record.read(folder)

    def test_another_versions_run_is_refused(self, folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_text())
        for version in (SCHEMA_VERSION + 1, None):
            (folder / "manifest.json").write_text(json.dumps(manifest | {"schema": version}))
            with pytest.raises(RunFolderError, match=f"schema {version}, this version reads {SCHEMA_VERSION}"):
                Record.read(folder)

    def test_a_manifest_that_is_no_object_is_refused(self, folder: Path) -> None:
        (folder / "manifest.json").write_text("[1]")
        with pytest.raises(RunFolderError, match="schema None"):
            Record.read(folder)

    @pytest.mark.parametrize("name", ["manifest.json", "summary.json", "scenario.toml"])
    def test_garbled_text_is_damage(self, folder: Path, name: str) -> None:
        (folder / name).write_text('{"half": ')
        with pytest.raises(RunFolderError, match=r"damaged: .+; run it again"):
            Record.read(folder)

    def test_a_missing_summary_is_damage(self, folder: Path) -> None:
        (folder / "summary.json").unlink()
        with pytest.raises(RunFolderError, match=r"damaged: .*summary.json"):
            Record.read(folder)
