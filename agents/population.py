"""Who lives in a world: from the scenario's table of agents to the agents."""

import importlib
from typing import Any

import mesa

from abm.errors import ScenarioError, nearest
from abm.model import CrossMarginModel
from abm.scenario import Scenario
from agents.resident import read_params

__all__ = ["KINDS", "agent_class", "check_params", "populate", "with_defaults"]

KINDS: dict[str, str] = {
    "arbitrageur": "agents.arbitrageur:Arbitrageur",
    "carry": "agents.carry:CarryTrader",
    "cohort": "agents.cohort:Cohort",
    "governor": "agents.governor:Governor",
    "hedger": "agents.hedger:Hedger",
    "keeper": "agents.keeper:Keeper",
    "late_topper": "agents.late_topper:LateTopper",
    "manipulator": "agents.manipulator:Manipulator",
    "market_maker": "agents.market_maker:MarketMaker",
    "migrant": "agents.migrant:Migrant",
    "momentum": "agents.momentum:MomentumTrader",
    "option_buyer": "agents.option_buyer:OptionBuyer",
    "option_writer": "agents.option_writer:OptionWriter",
    "relayer": "agents.relayer:Relayer",
    "snapshot": "agents.snapshot:Snapshot",
    "trader": "agents.trader:LeveragedTrader",
}
"""Shipped kinds by their name in a scenario."""


def agent_class(kind: str, where: str = "agents") -> Any:
    """The class of a kind: a shipped name, or `module:Class` for a user's own.

    Raises
    ------
    ScenarioError
        Neither a shipped kind nor something that can be imported.
    """
    target = KINDS.get(kind, kind)
    module, _, name = target.partition(":")
    if not name:
        raise ScenarioError(
            f"{where}.kind", f"unknown kind '{kind}'", nearest(kind, KINDS) + " (or module:Class for your own)"
        )
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ScenarioError(
            f"{where}.kind", f"'{kind}' cannot be imported ({error})",
            "check module and class, and that the module's folder is on PYTHONPATH",
        ) from error  # fmt: skip
    if not (isinstance(found, type) and issubclass(found, mesa.Agent)):
        raise ScenarioError(f"{where}.kind", f"'{kind}' is no kind of agent", "name a class derived from mesa.Agent")
    return found


def check_params(scenario: Scenario) -> None:
    """Read the keys of all inhabitants without building a world.

    Raises
    ------
    ScenarioError
        An unknown kind, or keys that a kind does not take.
    """
    for spec in scenario.agents:
        form = getattr(agent_class(spec.kind, f"agents.{spec.name}"), "Params", None)
        if form is not None:
            read_params(form, spec)


def with_defaults(scenario: Scenario) -> Scenario:
    """The scenario with the defaults of every inhabitant's keys filled in; a key whose default is none stays out.

    Raises
    ------
    ScenarioError
        An unknown kind, or keys that a kind does not take.
    """
    agents = []
    for spec in scenario.agents:
        form = getattr(agent_class(spec.kind, f"agents.{spec.name}"), "Params", None)
        filled = spec.params if form is None else read_params(form, spec).model_dump(mode="json", exclude_none=True)
        agents.append(spec.model_copy(update={"params": filled}))
    return scenario.model_copy(update={"agents": tuple(agents)})


def populate(model: CrossMarginModel) -> CrossMarginModel:
    """Add the scenario's inhabitants to a model that has not run, and their defaults to its scenario; the same model.

    They move in by name, so that their order in the scenario changes nothing, not even the rounding of a sum.

    Raises
    ------
    ScenarioError
        An unknown kind, or keys that a kind does not take.
    """
    model.description = with_defaults(model.description)
    for spec in sorted(model.description.agents, key=lambda spec: spec.name):
        kind = agent_class(spec.kind, f"agents.{spec.name}")
        for name in spec.names:
            kind(model, spec, name)
    return model
