"""One run: a scenario in, a record out.  The command line, sweeps and notebooks all come through here."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from abm.assembly import NOT_SUMMARISED
from abm.errors import ScenarioError, nearest
from abm.model import CrossMarginModel, Progress
from abm.prices import PricePath
from abm.record import Record
from abm.scenario import Scenario
from abm.spec import AgentSpec
from agents.population import populate

__all__ = ["Summary", "build", "check", "run_id", "simulate", "summarise", "with_accounts"]


class Summary(NamedTuple):
    """What a sweep keeps of a run."""

    summary: dict[str, Any]


def simulate(
    scenario: Scenario,
    *,
    prices_file: Path | None = None,
    accounts: Path | None = None,
    path: PricePath | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Record:
    """Run a scenario to its end.

    Parameters
    ----------
    prices_file
        Bars to replay, or to bootstrap from.
    accounts
        A snapshot of accounts to start from, instead of the scenario's cohorts.
    path
        Exogenous prices already made, as `build_prices` gives them for this scenario.
    progress
        Called every simulated minute.

    Raises
    ------
    UserError
        Anything wrong with the scenario or the files.
    """
    model = build(scenario, prices_file=prices_file, accounts=accounts, path=path)
    model.run(progress)
    return model.record()


def summarise(scenario: Scenario, *, prices_file: Path | None = None, path: PricePath | None = None) -> Summary:
    """Run a scenario to its end for its summary alone, without holding what only a record needs (an audit that fails
    names no last event); `scenario`, `prices_file`, `path` and errors as `simulate`."""
    model = build(scenario, prices_file=prices_file, path=path)
    model.world.log.drop(*NOT_SUMMARISED)
    model.run()
    return Summary(model.summary())


def build(
    scenario: Scenario,
    *,
    prices_file: Path | None = None,
    accounts: Path | None = None,
    path: PricePath | None = None,
) -> CrossMarginModel:
    """The model of a scenario with its inhabitants, not yet run; parameters and errors as `simulate`."""
    if accounts is not None:
        scenario = with_accounts(scenario, accounts)
    return populate(CrossMarginModel(scenario, path=path, prices_file=prices_file))


def with_accounts(scenario: Scenario, accounts: Path) -> Scenario:
    """The scenario with its cohorts replaced by the accounts of a file.

    Where the file names cohorts, as that of a run does, each behaves as the scenario's cohort of that name; else all
    behave as the first.

    Raises
    ------
    UserError
        The scenario has no cohort whose place the accounts could take, or not those that the file names, or the file
        is no file of accounts.
    """
    from agents.accounts_file import read_accounts

    crowds = [a for a in scenario.agents if a.kind in ("cohort", "snapshot")]
    if not crowds:
        raise ScenarioError(
            "--accounts", "the scenario has no cohort to replace", "add one that says how accounts behave"
        )
    frame = read_accounts(accounts, {m.asset for p in scenario.protocols for m in p.markets})
    told = frame.filter(frame["mode"] != "system")["cohort"].unique(maintain_order=True).to_list()
    known = {name: spec for spec in crowds for name in spec.names}
    for name in told if told != [""] else ():
        if name not in known:
            what = f"no cohort '{name}' in the scenario" if name else "some accounts name a cohort, and others none"
            raise ScenarioError("--accounts", what, nearest(name, known) + ", or leave the column `cohort` out")
    chosen = [known[name] for name in told] if told != [""] else crowds[:1]
    data = scenario.to_dict()
    data["agents"] = [a for a in data["agents"] if a["kind"] not in ("cohort", "snapshot")]
    for i, (name, spec) in enumerate(zip(told, chosen, strict=True)):
        first = all(s.params["protocol"] != spec.params["protocol"] for s in chosen[:i])
        data["agents"].append(_snapshot(name, spec, accounts, rest=first))
    return Scenario.from_dict(data, where="--accounts")


def _snapshot(cohort: str, like: AgentSpec, accounts: Path, *, rest: bool) -> dict[str, Any]:
    """An agent that opens the file's accounts of a cohort, and behaves like another; `rest`: and the system accounts."""
    from agents.snapshot import SnapshotParams

    kept = {k: v for k, v in like.params.items() if k in SnapshotParams.model_fields}
    return {
        "kind": "snapshot", "name": cohort or "snapshot", "cadence": like.cadence,
        "params": kept | {"file": str(accounts), "cohort": cohort, "rest": rest},
    }  # fmt: skip


def check(scenario: Scenario) -> None:
    """Find what reading alone does not: agents' own keys, and pieces that do not fit together.

    The world is built and peopled; files of prices and of accounts are not read.

    Raises
    ------
    ScenarioError
        The first thing that is wrong.
    """
    if scenario.prices.kind != "jump_diffusion":
        flat = {"prices.kind": "jump_diffusion", "prices.file": ""}
        scenario = scenario.override(flat, where="prices")
    from agents.resident import read_params
    from agents.snapshot import SnapshotParams

    short = scenario.override({"clock.duration": scenario.clock.price_interval}, where="clock")
    files = [a for a in short.agents if a.kind == "snapshot"]
    for agent in files:
        read_params(SnapshotParams, agent)
    build(
        Scenario.from_dict(
            short.to_dict() | {"agents": [a.model_dump(mode="json") for a in short.agents if a not in files]}
        )
    )


def run_id(scenario: Scenario, prices: Path | None = None, accounts: Path | None = None) -> str:
    """A short name of what is run, the same for the same scenario, seed and files."""
    text = "\n".join([scenario.to_toml(), str(prices), str(accounts)])
    return f"seed{scenario.seed}-{hashlib.blake2b(text.encode(), digest_size=4).hexdigest()}"
