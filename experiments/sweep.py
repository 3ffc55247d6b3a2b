"""A design run on Ray: bounded submission, results to disk as they finish, resumed where it stopped.

Results do not depend on the number of workers, on the order of finishing, or on interruptions: a
run is a function of its resolved scenario alone, its file holds nothing else, and tables are
assembled in the design's order.
"""

import contextlib
import hashlib
import importlib
import json
import platform
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from abm.draws import Draws
from abm.errors import DesignError, UserError, nearest
from abm.prices import PricePath, build_prices
from abm.scenario import Scenario
from experiments import store
from experiments.design import Design, RunSpec, runs
from experiments.effects import effects
from experiments.interrupt import check_interrupt
from experiments.ray_session import Session, check_request, ray_session
from experiments.sensitivity import rank_correlations
from experiments.store import Failed, Finished
from experiments.versions import code_digest

__all__ = ["DEFAULT_TASK", "SweepProgress", "SweepResult", "run_sweep"]

DEFAULT_TASK = "experiments.simulate:summarise"

RETRIES = 3
"""How often a run is started again after its worker died."""

TICK = 0.5
"""Seconds between reports of progress while nothing finishes."""


@dataclass(frozen=True)
class SweepProgress:
    """Where a sweep stands; `done` includes what earlier sessions finished, `rate` is runs a second of this one."""

    total: int
    done: int
    running: int
    failed: int
    rate: float
    seconds_left: float | None


@dataclass(frozen=True)
class SweepResult:
    """What a sweep came to.

    `reused` runs were finished by an earlier session; `damaged` files were unreadable and their
    runs repeated; `failed` runs have their reasons, and stay in errors/ until a resume mends them.
    """

    folder: Path
    total: int
    done: int
    reused: int
    failed: tuple[Failed, ...]
    damaged: tuple[str, ...]
    runs: pl.DataFrame
    effects: pl.DataFrame


def run_sweep(
    design: Design,
    folder: Path,
    *,
    workers: int | None = None,
    address: str | None = None,
    resume: bool = False,
    task: str = DEFAULT_TASK,
    progress: Callable[[SweepProgress], None] | None = None,
) -> SweepResult:
    """Run every run of a design, and tell what the levers did.

    Parameters
    ----------
    design
        What to run.
    folder
        Where to leave it (`experiments.store`): absent or empty, or with `resume` that of the same design.
    workers
        Runs at a time; default: one per core.
    address
        A Ray cluster to use (host:port, ray://host:port, auto) instead of one started here.
    resume
        Go on with a folder that is there; no finished run is repeated, failed ones are.
    task
        What runs one scenario, as "module:function": called as `summarise(scenario, prices_file=,
        path=)`, it returns something with a `summary`.  It must be importable on every worker.
    progress
        Told at the start, whenever a run ends, and twice a second.

    Raises
    ------
    DesignError
        The design does not fit its scenarios; an outcome it names is not in the first run's summary.
    RunFolderError
        The folder is not empty, is another design's, or cannot be written.
    UserError
        The cluster cannot be reached, or went away.
    """
    specs = runs(design)
    _callable(task)
    check_request(workers, address)
    opened = store.open_folder(folder, design, specs, resume=resume)
    pending = [spec for spec in specs if spec.run not in opened.finished]
    if pending:
        board = _Board(len(specs), len(specs) - len(pending), progress)
        with ray_session(workers, address) as session:
            try:
                _Sweep(design, folder, task, board, session).execute(pending)
            except ConnectionError as error:
                raise UserError(f"--address {address}", "the cluster went away", "start again with --resume") from error
    frame, told = _tabulate(design, folder)
    failed = store.read_failed(folder)
    return SweepResult(folder, len(specs), frame.height, len(opened.finished), failed, opened.damaged, frame, told)


def _tabulate(design: Design, folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Write the tables of what is finished, and return runs and effects.

    Raises
    ------
    RunFolderError
        Not a sweep's folder, the file of a run is damaged, or a table cannot be written.
    DesignError
        The design names an outcome that the runs do not have.
    """
    frame = store.assemble(store.read_finished(folder))
    store.write_frame(folder, "runs", frame)
    told = effects(design, frame)
    store.write_frame(folder, "effects", told)
    if design.kind == "latin_hypercube":
        store.write_frame(folder, "sensitivity", rank_correlations(design, frame))
    return frame, told


@dataclass
class _Board:
    """Counts, and how fast they grow."""

    total: int
    done: int
    listener: Callable[[SweepProgress], None] | None
    failed: int = 0
    ended: int = 0
    since: float = 0.0

    def end(self, *, failed: bool) -> None:
        """One run more has ended; the first, which starts and compiles everything, starts the watch."""
        self.since = self.since or time.monotonic()
        self.ended += 1
        self.failed += failed
        self.done += not failed

    def tell(self, running: int) -> None:
        if self.listener is None:
            return
        rate = (self.ended - 1) / max(time.monotonic() - self.since, 1e-9) if self.ended > 1 else 0.0
        left = (self.total - self.done - self.failed) / rate if rate else None
        self.listener(SweepProgress(self.total, self.done, running, self.failed, rate, left))


@dataclass(frozen=True)
class _Outcome:
    """What comes back of a worker: a summary, or why there is none."""

    summary: dict[str, Any] | None
    seconds: float
    reason: str = ""
    trace: str = ""


class _Sweep:
    """The runs in flight, and what becomes of them."""

    def __init__(self, design: Design, folder: Path, task: str, board: _Board, session: Session) -> None:
        import ray

        self.ray = ray
        self.design, self.folder, self.task, self.board, self.session = design, folder, task, board, session
        self.remote = ray.remote(max_retries=RETRIES)(_run_one)
        self.flying: dict[Any, RunSpec] = {}

    def execute(self, pending: Sequence[RunSpec]) -> None:
        """Run them: the first alone, so that one process compiles for all, then as many as fit."""
        waiting = self._with_paths(pending)
        try:
            self._submit(waiting, 1)
            spec, outcome = self._next()
            self._keep(spec, outcome)
            self._check_outcomes(outcome)
            self._submit(waiting, self.session.window)
            while self.flying:
                check_interrupt()
                spec, outcome = self._next()
                self._submit(waiting, self.session.window)
                self._keep(spec, outcome)
            self.board.tell(0)
        except BaseException:
            with contextlib.suppress(Exception):
                for reference in self.flying:
                    self.ray.cancel(reference, force=True)
            raise

    def _with_paths(self, pending: Sequence[RunSpec]) -> Iterator[tuple[RunSpec, Any]]:
        """Runs with a reference to their price path; those that share one come together, so that few are alive."""
        groups: dict[str, list[RunSpec]] = {}
        for spec in pending:
            groups.setdefault(_price_key(spec.scenario), []).append(spec)
        for group in groups.values():
            path = self._path(group[0].scenario)
            yield from ((spec, path) for spec in group)

    def _path(self, scenario: Scenario) -> Any:
        """A reference to the scenario's prices; None where they cannot be made, which the run will say itself."""
        file = Path(self.design.prices) if self.design.prices else None
        try:
            return self.ray.put(build_prices(scenario, Draws(scenario.seed), file))
        except UserError:
            return None

    def _submit(self, waiting: Iterator[tuple[RunSpec, Any]], window: int) -> None:
        while len(self.flying) < window:
            following = next(waiting, None)
            if following is None:
                return
            spec, path = following
            self.flying[self.remote.remote(self.task, spec.scenario, self.design.prices, path, code_digest())] = spec

    def _next(self) -> tuple[RunSpec, _Outcome]:
        """Wait until a run ends, telling the listener in the meantime."""
        ready: list[Any] = []
        while not ready:
            self.board.tell(min(len(self.flying), self.session.slots))
            ready, _ = self.ray.wait(list(self.flying), num_returns=1, timeout=TICK)
        spec = self.flying.pop(ready[0])
        try:
            return spec, self.ray.get(ready[0])
        except (self.ray.exceptions.WorkerCrashedError, self.ray.exceptions.OutOfMemoryError) as error:
            reason = f"its worker died {RETRIES + 1} times (killed, or out of memory)"
            return spec, _Outcome(None, 0.0, reason, str(error))
        except self.ray.exceptions.RayError as error:
            return spec, _Outcome(None, 0.0, _one_line(error), str(error))

    def _keep(self, spec: RunSpec, outcome: _Outcome) -> None:
        self.board.end(failed=outcome.summary is None)
        if outcome.summary is None:
            failure = Failed(spec.run, spec.position, spec.seed, spec.levers, outcome.reason, outcome.trace)
            store.write_failed(self.folder, failure)
        else:
            store.write_finished(self.folder, Finished.of(spec, outcome.summary), outcome.seconds)

    def _check_outcomes(self, outcome: _Outcome) -> None:
        """A misspelt outcome is told after the first run, not after the last."""
        for name in self.design.outcomes if outcome.summary is not None else ():
            if name not in (outcome.summary or {}):
                where = f"design {self.design.name}: outcomes"
                raise DesignError(where, f"'{name}' is not in a run's summary", nearest(name, outcome.summary or {}))


def _run_one(task: str, scenario: Scenario, prices: str, path: PricePath | None, code: str) -> _Outcome:
    """On a worker: one run; whatever it raises becomes its reason.

    `code` is what the driver runs (`code_digest`): a node with another code or other packages would give other figures.
    """
    start = time.perf_counter()
    if code_digest() != code:
        return _Outcome(
            None, 0.0, f"node {platform.node()} has another crossfire, Python or packages; install the same"
        )
    try:
        record = _callable(task)(scenario, prices_file=Path(prices) if prices else None, path=path)
        summary = json.loads(json.dumps(dict(record.summary), default=_plain))
    except Exception as error:
        return _Outcome(None, time.perf_counter() - start, _one_line(error), traceback.format_exc())
    return _Outcome(summary, time.perf_counter() - start)


def _callable(task: str) -> Callable[..., Any]:
    module, _, function = task.partition(":")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"task {task}", f"cannot be imported ({error})", "write module:function") from error
    return found


def _price_key(scenario: Scenario) -> str:
    """Fingerprint of all that a price path depends on: runs alike in it share one."""
    parts = {
        "seed": scenario.seed,
        "assets": [asset.model_dump(mode="json") for asset in scenario.assets],
        "prices": scenario.prices.model_dump(mode="json"),
        "clock": scenario.clock.model_dump(mode="json"),
        "venues": [(v.name, v.series, [m.asset for m in v.markets]) for v in scenario.venues],
    }
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a summary holds plain figures, not {type(value).__name__}")


def _one_line(error: BaseException) -> str:
    if isinstance(error, UserError):
        return str(error)
    first = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {first}".removesuffix(": ")
