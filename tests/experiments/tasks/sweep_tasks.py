"""What the tests of sweeps run instead of a simulation, on the driver and on Ray's workers."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from abm.draws import Draws
from abm.prices import PricePath, build_prices
from abm.record import Record
from abm.scenario import Scenario


def world() -> dict[str, Any]:
    """A small scenario with all that the levers of the tests set."""
    return {
        "name": "tiny",
        "clock": {"duration": 60.0},
        "assets": [{"name": "BTC", "price": 100000.0}, {"name": "USDC", "price": 1.0, "stable": True}],
        "chains": [{"name": "one"}],
        "venues": [{"name": "book", "markets": [{"asset": "BTC", "kind": "perp", "depth": 1e6}]}],
        "oracles": [{"name": "feed", "chain": "one", "sources": ["book"]}],
        "protocols": [
            {"name": "harbor", "chain": "one", "venue": "book", "oracle": "feed", "markets": [{"asset": "BTC"}]}
        ],
        "agents": [{"kind": "keeper", "name": "keepers", "params": {"protocol": "harbor", "capital": 100.0}}],
    }


def design(folder: Path, **changes: Any) -> dict[str, Any]:
    """A grid of two levers over that world, whose file is written to `folder`."""
    path = folder / "tiny.toml"
    path.write_text(Scenario.from_dict(world()).to_toml(), encoding="utf-8")
    plain = {
        "name": "trial",
        "scenario": str(path),
        "seeds": {"count": 2, "first": 5},
        "levers": [
            {"name": "mode", "key": "protocols.harbor.mode", "values": ["cross", "isolated"]},
            {"name": "capital", "key": "agents.keepers.params.capital", "values": [100.0, 200.0]},
        ],
        "outcomes": ["deficit"],
    }
    return {k: v for k, v in (plain | changes).items() if v is not None}


def figures(scenario: Scenario, path: PricePath) -> dict[str, Any]:
    """An outcome that is additive in the levers and the seed, exactly: 8 for isolated, 1/100 of capital, noise."""
    capital = float(scenario.agents[0].params["capital"])
    noise = round(1024 * Draws(scenario.seed).uniform("noise", "deficit", 0))
    isolated = scenario.protocols[0].mode == "isolated"
    return {
        "deficit": noise + 8.0 * isolated + capital / 100.0,
        "breaches": noise,
        "prices": float(path.values.sum()),
        "seed_seen": scenario.seed,
    }


def simulate(scenario: Scenario, *, prices_file: Path | None, path: PricePath) -> Record:
    """Deterministic figures after SWEEP_TASK_SECONDS, with a line a call in SWEEP_TASK_LOG."""
    if log := os.environ.get("SWEEP_TASK_LOG"):
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(f"{scenario.seed} {scenario.protocols[0].mode} {scenario.agents[0].params['capital']}\n")
    time.sleep(float(os.environ.get("SWEEP_TASK_SECONDS", "0.05")))
    return Record(scenario, summary=figures(scenario, path))


def dies_once(scenario: Scenario, *, prices_file: Path | None, path: PricePath) -> Record:
    """As `simulate`, but the process that first runs an isolated world with capital 200 is killed without warning."""
    mark = Path(os.environ["SWEEP_TASK_LOG"] + f".{scenario.seed}")
    marked = scenario.protocols[0].mode == "isolated" and scenario.agents[0].params["capital"] == 200.0
    if marked and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return simulate(scenario, prices_file=prices_file, path=path)


def refuses(scenario: Scenario, *, prices_file: Path | None, path: PricePath) -> Record:
    """As `simulate`, but isolated worlds fail while the file SWEEP_TASK_LOG.mended is not there."""
    if scenario.protocols[0].mode == "isolated" and not Path(os.environ["SWEEP_TASK_LOG"] + ".mended").exists():
        raise ArithmeticError("the books do not balance\nand here is a second line")
    return simulate(scenario, prices_file=prices_file, path=path)


def threads(scenario: Scenario, *, prices_file: Path | None, path: PricePath) -> Record:
    """What a worker's environment allows it, and whether its prices are shared memory."""
    names = ("NUMBA_NUM_THREADS", "POLARS_MAX_THREADS", "OMP_NUM_THREADS")
    told = {name: int(os.environ[name]) for name in names}
    return Record(scenario, summary=figures(scenario, path) | told | {"writeable": path.values.flags.writeable})


def needs_prices(scenario: Scenario, *, prices_file: Path | None, path: PricePath | None) -> Record:
    """As a simulation does: the prices it is given, or its own."""
    return Record(scenario, summary={"deficit": (path or build_prices(scenario, Draws(scenario.seed))).values.sum()})
