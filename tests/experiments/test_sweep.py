import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sweep_tasks

from abm.draws import Draws
from abm.errors import DesignError, RunFolderError, UserError
from abm.prices import build_prices
from experiments import ray_session as module
from experiments import sweep
from experiments.design import Design, runs
from experiments.ray_session import ray_session
from experiments.store import read_finished
from experiments.sweep import SweepProgress, SweepResult, run_sweep
from experiments.versions import code_digest

pytestmark = pytest.mark.xdist_group("ray")

TASKS = str(Path(sweep_tasks.__file__).parent)

DRIVER = """
import sys
from pathlib import Path
from experiments.design import Design
from experiments.interrupt import listen
from experiments.sweep import run_sweep
listen()
design, folder, task = sys.argv[1:4]
address = sys.argv[4] if len(sys.argv) > 4 else None
result = run_sweep(Design.load(design), Path(folder), workers=2, task=task, address=address)
print(result.done, len(result.failed))
"""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file in which tasks log their calls, on a Ray with two workers that the module shares."""
    path = tmp_path_factory.mktemp("log") / "calls"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", TASKS)
        patch.setenv("SWEEP_TASK_LOG", str(path))
        with ray_session(2, None):
            yield path


@pytest.fixture(autouse=True)
def _fresh(log: Path) -> None:
    for path in log.parent.iterdir():
        path.unlink()


def trial(folder: Path, **changes: Any) -> Design:
    return Design.from_dict(sweep_tasks.design(folder, **changes))


def go(design: Design, folder: Path, task: str = "simulate", **options: Any) -> SweepResult:
    return run_sweep(design, folder, task=f"sweep_tasks:{task}", **options)


def calls(log: Path) -> Counter[str]:
    return Counter(log.read_text(encoding="utf-8").splitlines()) if log.exists() else Counter()


def called(folder: Path) -> set[str]:
    """What the log says of the runs that a folder holds."""
    return {f"{f.seed} {f.levers['mode']} {f.levers['capital']}" for f in read_finished(folder)}


def contents(folder: Path) -> dict[str, bytes]:
    """All results of a sweep, byte by byte."""
    names = [*folder.glob("runs/*.json"), *folder.glob("*.parquet")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in names}


def test_results_are_the_same_bits_whatever_the_number_of_workers(tmp_path: Path) -> None:
    design = trial(tmp_path)
    one = go(design, tmp_path / "one", workers=1)
    two = go(design, tmp_path / "two", workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert len(contents(tmp_path / "one")) == 8 + 2
    assert one.runs.equals(two.runs)
    assert one.effects.equals(two.effects)
    assert (one.total, one.done, one.reused, one.failed, one.damaged) == (8, 8, 0, (), ())


def test_figures_are_those_of_the_task_alone_and_prices_those_of_the_seed(tmp_path: Path) -> None:
    design = trial(tmp_path)
    result = go(design, tmp_path / "out")
    for spec, row in zip(runs(design), result.runs.iter_rows(named=True), strict=True):
        path = build_prices(spec.scenario, Draws(spec.seed))
        assert row["run"] == spec.run
        assert {k: row[k] for k in ("deficit", "breaches", "prices", "seed_seen")} == sweep_tasks.figures(
            spec.scenario, path
        )
    told = {(r["lever"], r["level"]): r for r in result.effects.iter_rows(named=True)}
    assert (told["mode", "isolated"]["median"], told["mode", "isolated"]["pairs"]) == (8.0, 4)
    assert (told["capital", "200.0"]["mean_low"], told["capital", "200.0"]["mean_high"]) == (1.0, 1.0)


def test_progress_counts_up_to_the_whole(tmp_path: Path) -> None:
    seen: list[SweepProgress] = []
    go(trial(tmp_path), tmp_path / "out", progress=seen.append)
    done = [p.done for p in seen]
    assert done == sorted(done)
    assert (seen[0].done, seen[0].running, seen[0].rate, seen[0].seconds_left) == (0, 1, 0.0, None)
    assert (seen[-1].done, seen[-1].running, seen[-1].total, seen[-1].seconds_left) == (8, 0, 8, 0.0)
    assert max(p.running for p in seen) == 2
    assert all(p.rate > 0 for p in seen if p.done > 1)


def test_workers_have_one_thread_and_read_prices_in_shared_memory(tmp_path: Path) -> None:
    result = go(trial(tmp_path, seeds=[1], levers=[]), tmp_path / "out", "threads")
    row = result.runs.row(0, named=True)
    assert [row[k] for k in ("NUMBA_NUM_THREADS", "POLARS_MAX_THREADS", "OMP_NUM_THREADS")] == [1, 1, 1]
    assert row["writeable"] is False


def test_a_worker_killed_with_signal_9_loses_nothing(
    tmp_path: Path, log: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    design = trial(tmp_path)
    whole = go(design, tmp_path / "whole")
    log.unlink()
    result = go(design, tmp_path / "out", "dies_once", workers=2)
    assert len(list(log.parent.glob("calls.*"))) == 2, "two processes were killed"
    assert result.failed == ()
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert whole.runs.equals(result.runs)
    assert "raylet" not in "".join(capfd.readouterr())


def test_runs_that_fail_do_not_stop_the_others_and_are_tried_again(tmp_path: Path, log: Path) -> None:
    design = trial(tmp_path)
    result = go(design, tmp_path / "out", "refuses")
    assert (result.done, result.total) == (4, 8)
    assert [f.reason for f in result.failed] == ["ArithmeticError: the books do not balance"] * 4
    assert {f.levers["mode"] for f in result.failed} == {"isolated"}
    assert "second line" in result.failed[0].trace
    assert len(list((tmp_path / "out" / "errors").iterdir())) == 4
    Path(f"{log}.mended").touch()
    log.unlink()
    again = go(design, tmp_path / "out", "refuses", resume=True)
    assert (again.done, again.reused, again.failed) == (8, 4, ())
    assert all(" isolated " in line for line in calls(log))
    assert sum(calls(log).values()) == 4
    assert not list((tmp_path / "out" / "errors").iterdir())


def test_resume_of_a_finished_sweep_runs_nothing_and_repeats_a_damaged_run(tmp_path: Path, log: Path) -> None:
    design = trial(tmp_path)
    go(design, tmp_path / "out")
    before = contents(tmp_path / "out")
    log.unlink()
    assert go(design, tmp_path / "out", resume=True).reused == 8
    assert calls(log) == Counter()
    broken = tmp_path / "out" / "runs" / f"{runs(design)[2].run}.json"
    broken.write_bytes(broken.read_bytes()[:40])
    result = go(design, tmp_path / "out", resume=True)
    assert result.damaged == (f"runs/{broken.name}",)
    assert sum(calls(log).values()) == 1
    assert contents(tmp_path / "out") == before


def test_a_hypercube_also_tells_its_rank_correlations(tmp_path: Path) -> None:
    lever = {"name": "capital", "key": "agents.keepers.params.capital", "low": 100.0, "high": 900.0}
    design = trial(tmp_path, kind="latin_hypercube", samples=3, levers=[lever], seeds=[1])
    go(design, tmp_path / "out")
    assert (tmp_path / "out" / "sensitivity.parquet").is_file()


def test_a_misspelt_outcome_is_told_after_the_first_run(tmp_path: Path, log: Path) -> None:
    with pytest.raises(DesignError, match=r"outcomes: 'deficits' is not in a run's summary; did you mean 'deficit'\?"):
        go(trial(tmp_path, outcomes=["deficits"]), tmp_path / "out")
    assert sum(calls(log).values()) == 1
    assert len(read_finished(tmp_path / "out")) == 1


def test_prices_that_cannot_be_made_fail_their_runs_alone(tmp_path: Path) -> None:
    design = trial(tmp_path, levers=[{"name": "law", "key": "prices.kind", "values": ["jump_diffusion", "replay"]}])
    result = run_sweep(design, tmp_path / "out", task="sweep_tasks:needs_prices")
    assert result.done == 2
    assert {f.reason.partition(":")[0] for f in result.failed} == {"prices.file"}


def test_a_node_with_another_code_runs_nothing(tmp_path: Path) -> None:
    spec = runs(trial(tmp_path))[0]
    for code, told in ((code_digest(), ""), ("another", "has another crossfire, Python or packages; install the same")):
        outcome = sweep._run_one("sweep_tasks:simulate", spec.scenario, "", build_prices(spec.scenario, Draws(5)), code)
        assert (outcome.summary is None, told in outcome.reason) == (bool(told), True)


def test_a_cluster_that_asks_for_a_token_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Ray writes ends in a line that says nothing of it."""
    refuse = "import sys; sys.exit('Unauthenticated: InvalidAuthToken: ...\\nConnectionError: Failed to connect')"
    with socket.socket() as gate:
        gate.bind(("127.0.0.1", 0))
        gate.listen()
        run = subprocess.run
        monkeypatch.setattr(module.subprocess, "run", lambda words, **k: run([words[0], "-c", refuse], **k))
        with pytest.raises(
            UserError, match=r"asks for a token, and this process gave none .*; set RAY_AUTH_MODE=token"
        ):
            module.check_request(None, f"127.0.0.1:{gate.getsockname()[1]}")


def test_mistakes_are_told_before_ray_is_asked(tmp_path: Path) -> None:
    design = trial(tmp_path)
    with pytest.raises(RunFolderError, match="exists and is not empty"):
        go(design, tmp_path)
    with pytest.raises(UserError, match=r"task sweep_tasks:absent: cannot be imported .*; write module:function"):
        go(design, tmp_path / "out", "absent")
    with pytest.raises(UserError, match=r"task nonsense: cannot be imported"):
        run_sweep(design, tmp_path / "out", task="nonsense")
    with pytest.raises(UserError, match=r"--workers: must be at least 1, got 0"):
        go(design, tmp_path / "out", workers=0)
    assert not (tmp_path / "out").exists()


def write_design(folder: Path, **changes: Any) -> Path:
    path = folder / "trial.toml"
    path.write_text(trial(folder, **changes).to_toml(), encoding="utf-8")
    return path


@contextlib.contextmanager
def driver(design: Path, folder: Path, *more: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """A sweep in a process, and a process group, of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(design), str(folder), "sweep_tasks:simulate", *more],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_for(folder: Path, count: int) -> None:
    """Until that many runs are finished."""
    until = time.monotonic() + 120
    while len(list(folder.glob("runs/*.json"))) < count:
        assert time.monotonic() < until, "the sweep does not get on"
        time.sleep(0.05)


def test_a_driver_killed_and_started_again_repeats_no_finished_run(tmp_path: Path, log: Path) -> None:
    path = write_design(tmp_path)
    with driver(path, tmp_path / "out", SWEEP_TASK_SECONDS="0.5") as process:
        wait_for(tmp_path / "out", 3)
        process.kill()
        process.wait()
    finished = called(tmp_path / "out")
    assert 3 <= len(finished) < 8, "it was killed midway"
    result = go(Design.load(path), tmp_path / "out", resume=True)
    assert (result.done, result.reused) == (8, len(finished))
    counts = calls(log)
    assert {line: counts[line] for line in finished} == dict.fromkeys(finished, 1)
    assert len(counts) == 8
    go(Design.load(path), tmp_path / "whole")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_an_interrupt_stops_and_keeps_what_is_finished(tmp_path: Path) -> None:
    with driver(write_design(tmp_path), tmp_path / "out", SWEEP_TASK_SECONDS="0.5") as process:
        wait_for(tmp_path / "out", 2)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode in (-signal.SIGINT, 130)
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert 2 <= len(read_finished(tmp_path / "out")) < 8


@contextlib.contextmanager
def cluster() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A Ray in another process, without a token; its address."""
    start = "import ray; ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level='ERROR');"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{start} print(ray.get_runtime_context().gcs_address, flush=True); input()"],
        env=os.environ | {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process
    finally:
        process.communicate("\n", timeout=60)


def test_a_sweep_runs_on_a_cluster_that_is_there_and_leaves_it_running(tmp_path: Path) -> None:
    path = write_design(tmp_path)
    go(Design.load(path), tmp_path / "here")
    with cluster() as (address, owner):
        with driver(path, tmp_path / "there", address, RAY_AUTH_MODE="disabled") as process:
            output, errors = process.communicate(timeout=120)
        assert (output, process.returncode) == ("8 0\n", 0), errors
        assert owner.poll() is None
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def test_a_cluster_that_cannot_be_reached_is_told_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(UserError, match=rf"--address ray://127.0.0.1:{port}: no Ray cluster \(Connection refused\)"):
        go(trial(tmp_path), tmp_path / "out", address=f"ray://127.0.0.1:{port}")
    for address in ("nonsense", "http://host:1", "host:port", "host:99999"):
        with pytest.raises(UserError, match=f"--address {address}: not an address; write host:port"):
            go(trial(tmp_path), tmp_path / "out", address=address)
    monkeypatch.setattr(module, "PROBE_SECONDS", 3.0)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        with pytest.raises(UserError, match=r"no Ray cluster \(no answer in 3 seconds\)"):
            go(trial(tmp_path), tmp_path / "out", address=f"127.0.0.1:{mute.getsockname()[1]}")
    assert not (tmp_path / "out").exists()
