"""A scenario: the typed description of a world, read from TOML.

`Scenario.load` reads a shipped name or a path, `Scenario.override` changes single keys as
`--set key=value` does.  Whatever is wrong raises `ScenarioError` with the file, the key, and
what is allowed there.
"""

import tomllib
from collections.abc import Callable
from copy import deepcopy
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import tomli_w
from pydantic import Field, ValidationError, model_validator

from abm.checks import check_scenario
from abm.errors import ScenarioError, UserError, nearest
from abm.forms import explain
from abm.keys import Name, NonNegative
from abm.protocol_spec import ProtocolSpec
from abm.spec import (
    AgentSpec,
    AssetSpec,
    AuditSpec,
    BridgeSpec,
    ChainSpec,
    ClockSpec,
    OracleSpec,
    PricesSpec,
    RecordSpec,
    Spec,
    VenueSpec,
)

__all__ = ["Scenario", "read_toml", "shipped_scenarios"]


def shipped_scenarios() -> dict[str, Path]:
    """Name and file of each scenario that comes with the project, in order of name."""
    folder = Path(str(files("experiments"))) / "scenarios"
    return {p.stem: p for p in sorted(folder.glob("*.toml"))}


def read_toml(
    name: str | Path, what: str, shipped: Callable[[], dict[str, Path]], mistake: type[UserError]
) -> tuple[dict[str, Any], Path]:
    """The table in a TOML file, by path or by the name of a shipped one, and the file's path.

    `what` is what the file describes, in words; `mistake` is raised for an unknown name, an unreadable file, bad TOML.
    """
    path = Path(name)
    if path.suffix != ".toml":
        known = shipped()
        if str(name) not in known and path.is_file():
            raise mistake(str(name), "this file's name does not end in .toml", f"rename it to {path.name}.toml")
        if str(name) not in known:
            advice = nearest(str(name), known) + " (or give a path to a .toml file)"
            raise mistake(str(name), f"no such {what}", advice)
        path = known[str(name)]
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")), path
    except tomllib.TOMLDecodeError as error:
        raise mistake(str(path), f"not valid TOML: {error}", "mend the line it names") from error
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise mistake(str(path), f"cannot be read ({reason})", "check the path") from error


class Scenario(Spec):
    """A whole world: assets and their prices, chains, bridges, venues, oracles, protocols, inhabitants."""

    scenario_schema: int = Field(1, alias="schema", ge=1, le=1, description="version of this form")
    name: Name = Field(description="a short name; folders are called by it")
    purpose: str = Field("", description="one line: what it is for")
    seed: int = Field(1, ge=0, lt=2**63, description="of all draws; `--seed` overrides it")
    clock: ClockSpec = Field(ClockSpec(), description="when the run begins and how long it lasts")
    record: RecordSpec = Field(RecordSpec(), description="how often the slow tables are sampled")
    audit: AuditSpec = Field(AuditSpec(), description="how often it is checked that money adds up")
    quiet: NonNegative = Field(600.0, description="seconds without a breach that end an episode")
    compare: str = Field(
        "",
        description="a table of a real event's timeline (second, liquidations, adls), looked for beside the price file",
    )
    compare_at: NonNegative = Field(0.0, description="simulated second at which that timeline begins")
    assets: tuple[AssetSpec, ...] = Field(description="the coins")
    prices: PricesSpec = Field(PricesSpec(), description="their exogenous prices")
    chains: tuple[ChainSpec, ...] = Field(description="where transactions wait and are included")
    bridges: tuple[BridgeSpec, ...] = Field((), description="how coins cross between chains")
    venues: tuple[VenueSpec, ...] = Field(description="where trades happen")
    oracles: tuple[OracleSpec, ...] = Field(description="price feeds on chains")
    protocols: tuple[ProtocolSpec, ...] = Field(min_length=1, description="derivatives protocols with margin")
    agents: tuple[AgentSpec, ...] = Field((), description="inhabitants: crowds and strategic agents")

    model_config = Spec.model_config | {"populate_by_name": True, "serialize_by_alias": True}

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """The pieces fit together."""
        check_scenario(self)
        return self

    @classmethod
    def load(cls, scenario: str | Path) -> Self:
        """Read a shipped scenario by name, or any by path.

        Raises
        ------
        ScenarioError
            Unknown name, unreadable file, bad TOML, unknown key, bad value.
        """
        data, path = read_toml(scenario, "scenario", shipped_scenarios, ScenarioError)
        return cls.from_dict(data, where=str(path))

    @classmethod
    def from_dict(cls, data: dict[str, Any], where: str = "scenario") -> Self:
        """Check a nested dictionary as read from TOML; `where` is named in errors."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise explain(cls, error, where, ScenarioError) from error

    def to_dict(self) -> dict[str, Any]:
        """The resolved scenario, every default filled in."""
        return self.model_dump(mode="json")

    def to_toml(self) -> str:
        """The resolved scenario as TOML; reading it back gives an equal scenario."""
        return tomli_w.dumps(self.to_dict())

    def override(self, changes: dict[str, Any], where: str = "--set") -> Self:
        """A copy with single keys changed.

        A key is a dotted path; members of lists are named by their `name` (or asset) or position:
        `clock.duration`, `protocols.harbor.mode`, `prices.shocks.0.move`, `agents.keeper.params.capital`.
        A star changes all members: `agents.*.cadence`.
        """
        data = self.to_dict()
        for key, value in changes.items():
            _assign(data, key.split("."), deepcopy(value), key, where)
        return type(self).from_dict(data, where=where)


def _assign(node: Any, path: list[str], value: Any, key: str, where: str) -> None:
    head, rest = path[0], path[1:]
    if isinstance(node, list):
        members = _members(node, head)
        if not node:
            raise ScenarioError(f"{where} {key}", f"the list has no member, so no '{head}'", "write one into the file")
        if not members:
            names = [
                str(m.get("name", m.get("asset", i))) if isinstance(m, dict) else str(i) for i, m in enumerate(node)
            ]
            raise ScenarioError(f"{where} {key}", f"no member '{head}'", nearest(head, [*names, "*"]))
        for index in members:
            if rest:
                _assign(node[index], rest, value, key, where)
            else:
                node[index] = value
    elif not isinstance(node, dict):
        raise ScenarioError(f"{where} {key}", f"'{head}' lies below a plain value", "shorten the key")
    elif rest:
        if head not in node:
            raise ScenarioError(f"{where} {key}", f"unknown key '{head}'", nearest(head, node))
        _assign(node[head], rest, value, key, where)
    else:
        node[head] = value


def _members(node: list[Any], head: str) -> list[int]:
    if head == "*":
        return list(range(len(node)))
    if head.isdigit() and int(head) < len(node):
        return [int(head)]
    return [i for i, m in enumerate(node) if isinstance(m, dict) and head in (m.get("name"), m.get("asset"))]
