"""A scenario: the typed description of a world, read from TOML.

`Scenario.load` reads a shipped name or a path, `Scenario.override` changes single keys as
`--set key=value` does.  Whatever is wrong raises `ScenarioError` with the file, the key, and
what is allowed there.
"""

import tomllib
from collections.abc import Callable, Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any, Self, get_args

import tomli_w
from pydantic import BaseModel, Field, ValidationError, model_validator

from abm.errors import ScenarioError, UserError, nearest
from abm.spec import (
    AgentSpec,
    AssetSpec,
    AuditSpec,
    BridgeSpec,
    ChainSpec,
    ClockSpec,
    CollateralSpec,
    Name,
    NonNegative,
    OracleSpec,
    PricesSpec,
    ProtocolSpec,
    RecordSpec,
    Spec,
    VenueSpec,
)

__all__ = ["Scenario", "read_toml", "shipped_scenarios"]

MOST_ENGINES = 10
"""Chains and exchanges with an engine of their own that a world may have: each has a turn of its own in the clock."""


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
    name: Name
    purpose: str = Field("", description="one line: what it is for")
    seed: int = Field(1, ge=0, lt=2**63)
    clock: ClockSpec = ClockSpec()
    record: RecordSpec = RecordSpec()
    audit: AuditSpec = AuditSpec()
    quiet: NonNegative = Field(600.0, description="seconds without a breach that end an episode")
    compare: str = Field(
        "",
        description="a table of a real event's timeline (second, liquidations, adls), looked for beside the price file",
    )
    compare_at: NonNegative = Field(0.0, description="simulated second at which that timeline begins")
    assets: tuple[AssetSpec, ...]
    prices: PricesSpec = PricesSpec()
    chains: tuple[ChainSpec, ...]
    bridges: tuple[BridgeSpec, ...] = ()
    venues: tuple[VenueSpec, ...]
    oracles: tuple[OracleSpec, ...]
    protocols: tuple[ProtocolSpec, ...]
    agents: tuple[AgentSpec, ...] = ()

    model_config = Spec.model_config | {"populate_by_name": True, "serialize_by_alias": True}

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        """Every name that a piece refers to is the name of a piece, and the pieces allow each other."""
        _check_clock(self)
        _check_unique(self)
        _check_venues(self)
        _check_links(self)
        for i, protocol in enumerate(self.protocols):
            _check_protocol(f"protocols.{i}", protocol, self)
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
            raise _explain(cls, error, where) from error

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
            _assign(data, key.split("."), value, key, where)
        return type(self).from_dict(data, where=where)


def _known(key: str, word: str, words: Iterable[str]) -> None:
    if word not in words:
        raise ValueError(f"{key}: unknown name '{word}'; {nearest(word, words)}")


def _names(pieces: Iterable[Any]) -> set[str]:
    return {piece.name for piece in pieces}


def _check_clock(scenario: Scenario) -> None:
    ticks = scenario.clock.start / scenario.clock.price_interval
    if abs(ticks - round(ticks)) > 1e-9:
        raise ValueError(f"clock.start: {scenario.clock.start} is not a multiple of the price interval; choose one")


def _check_unique(scenario: Scenario) -> None:
    """Names are unique within a kind, and an exchange has no chain's name: its engine is a chain of its own name."""
    for kind in ("assets", "chains", "bridges", "venues", "oracles", "protocols", "agents"):
        names = [piece.name for piece in getattr(scenario, kind)]
        twice = {n for n in names if names.count(n) > 1}
        if twice:
            raise ValueError(f"{kind}: the name '{min(twice)}' is used twice; give each its own")
    engines = {v.name for v in scenario.venues if not v.chain}
    shared = engines & _names(scenario.chains)
    if shared:
        raise ValueError(f"venues: the exchange '{min(shared)}' has the name of a chain; give each its own")
    if len(engines) + len(scenario.chains) > MOST_ENGINES:
        raise ValueError(f"chains: more than {MOST_ENGINES} with the exchanges of their own; remove some")


def _check_venues(scenario: Scenario) -> None:
    assets, blocks = _names(scenario.assets), {c.name: c.interval for c in scenario.chains}
    for i, v in enumerate(scenario.venues):
        if v.chain:
            _known(f"venues.{i}.chain", v.chain, blocks)
        _without_manipulation(f"venues.{i}.impact", v, blocks.get(v.chain, v.interval))
        seen = set()
        for j, m in enumerate(v.markets):
            _known(f"venues.{i}.markets.{j}.asset", m.asset, assets)
            if (m.asset, m.kind) in seen:
                raise ValueError(f"venues.{i}.markets.{j}: {m.asset} {m.kind} is there twice; remove one")
            seen.add((m.asset, m.kind))


def _check_links(scenario: Scenario) -> None:
    """Shocks, bridges and oracles name what exists."""
    assets, chains, venues = _names(scenario.assets), _names(scenario.chains), _names(scenario.venues)
    for i, shock in enumerate(scenario.prices.shocks):
        for a in shock.assets:
            _known(f"prices.shocks.{i}.assets", a, assets)
    for i, b in enumerate(scenario.bridges):
        _known(f"bridges.{i}.source", b.source, chains)
        _known(f"bridges.{i}.target", b.target, chains)
        _known(f"bridges.{i}.asset", b.asset, assets)
        if b.source == b.target:
            raise ValueError(f"bridges.{i}.target: '{b.name}' joins {b.source} with itself; name another chain")
    for i, o in enumerate(scenario.oracles):
        _known(f"oracles.{i}.chain", o.chain, chains)
        for s in o.sources:
            _known(f"oracles.{i}.sources", s, venues)
        for a in o.assets:
            _known(f"oracles.{i}.assets", a, assets)


def _check_protocol(at: str, p: ProtocolSpec, scenario: Scenario) -> None:
    venues, oracles = {v.name: v for v in scenario.venues}, {o.name: o for o in scenario.oracles}
    _known(f"{at}.chain", p.chain, _names(scenario.chains))
    _known(f"{at}.venue", p.venue, venues)
    _known(f"{at}.oracle", p.oracle, oracles)
    _known(f"{at}.settlement", p.settlement, _names(scenario.assets))
    perps = {m.asset for m in venues[p.venue].markets if m.kind == "perp"}
    for j, market in enumerate(p.markets):
        _known(f"{at}.markets.{j}.asset", market.asset, perps)
    for j, c in enumerate(p.collateral):
        _check_collateral(f"{at}.collateral.{j}", c, p, scenario)
    if oracles[p.oracle].chain != p.chain:
        raise ValueError(
            f"{at}.oracle: '{p.oracle}' reports to chain '{oracles[p.oracle].chain}', not to '{p.chain}'; "
            "name a feed on the protocol's chain"
        )


def _check_collateral(at: str, c: CollateralSpec, p: ProtocolSpec, scenario: Scenario) -> None:
    """A coin at home is not the settlement asset; one elsewhere has a bridge that carries it home."""
    _known(f"{at}.asset", c.asset, _names(scenario.assets))
    if c.asset == p.settlement and c.chain in ("", p.chain):
        raise ValueError(f"{at}: {c.asset} at home is the settlement asset itself; remove it")
    if c.chain and c.chain != p.chain:
        bridges = {b.name: b for b in scenario.bridges}
        _known(f"{at}.chain", c.chain, _names(scenario.chains))
        _known(f"{at}.bridge", c.bridge, bridges)
        b = bridges[c.bridge]
        if b.asset != c.asset:
            raise ValueError(f"{at}.bridge: '{b.name}' carries {b.asset}, not {c.asset}; name another")
        if {b.source, b.target} != {c.chain, p.chain}:
            raise ValueError(
                f"{at}.bridge: '{b.name}' joins {b.source} and {b.target}, not {c.chain} and {p.chain}; name another"
            )


def _without_manipulation(key: str, venue: VenueSpec, block: float) -> None:
    """Concave impact is free of manipulation only where it decays fast from the first block on.

    Gatheral (2010): exponent + gamma > 1, and the kernel no slower than a block; with moving depth and an exponent
    above a half, gamma of at least 0.55 (found by search, abm/venues/depth.py).
    """
    impact, depth = venue.impact, venue.depth
    if not impact.enabled or venue.kind == "amm":
        return
    if impact.exponent < 1.0 and impact.t0 > block:
        raise ValueError(
            f"{key}.t0: {impact.t0} s is longer than the block of {block} s; concave impact could be pumped"
        )
    if impact.exponent < 1.0 and impact.exponent + impact.gamma <= 1.0:
        raise ValueError(
            f"{key}.gamma: {impact.gamma} decays too slowly for exponent {impact.exponent}; their sum must exceed 1"
        )
    if depth.consumed > 0.0 or depth.volatility_response > 0.0:
        _without_pumped_depth(key, venue)


def _without_pumped_depth(key: str, venue: VenueSpec) -> None:
    """Where depth moves, impact has to fade fast and makers must not come back at once (found by search, no proof)."""
    impact, depth = venue.impact, venue.depth
    if impact.exponent > 0.5 and impact.gamma < 0.55:
        raise ValueError(
            f"{key}.gamma: {impact.gamma} allows manipulation where depth moves and the exponent exceeds 0.5; "
            "use at least 0.55"
        )
    longest = 1.0 if impact.exponent > 0.5 else 2.0
    if impact.t0 > longest:
        raise ValueError(
            f"{key}.t0: {impact.t0} s allows manipulation where depth moves and the exponent is {impact.exponent}; "
            f"use at most {longest}, or still depth (depth.consumed and depth.volatility_response 0)"
        )
    if depth.refill < 15.0:
        raise ValueError(
            f"{key.replace('impact', 'depth')}.refill: {depth.refill} s lets makers return before impact has faded; "
            "use at least 15, or still depth"
        )


def _assign(node: Any, path: list[str], value: Any, key: str, where: str) -> None:
    head, rest = path[0], path[1:]
    if isinstance(node, list):
        members = _members(node, head)
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


def _explain(model: type[BaseModel], error: ValidationError, where: str) -> ScenarioError:
    """The first mistake as one line: key, what is wrong, what is allowed."""
    found = error.errors()
    first = next((e for e in found if e["type"] == "extra_forbidden"), found[0])  # it may be the missing one
    loc = [str(part) for part in first["loc"]]
    key = ".".join(loc) or "scenario"
    kind = first["type"]
    if kind == "extra_forbidden":
        allowed = _fields_at(model, first["loc"][:-1])
        return ScenarioError(f"{where}: {key}", f"unknown key '{loc[-1]}'", nearest(loc[-1], allowed))
    if kind == "missing":
        return ScenarioError(f"{where}: {key}", "missing", "add this key")
    if kind == "value_error" and not loc:
        what, _, remedy = str(first["ctx"]["error"]).partition("; ")
        return ScenarioError(where, what, remedy or "mend it")
    message = first["msg"].removeprefix("Value error, ")
    given = first.get("input")
    shown = f", got {given!r}" if isinstance(given, int | float | str | bool) else ""
    return ScenarioError(f"{where}: {key}", message[0].lower() + message[1:] + shown, "change the value")


def _fields_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Names of the keys allowed at a place in the nested models."""
    current: Any = model
    for part in loc:
        if isinstance(part, int):
            continue
        field = current.model_fields.get(part)
        if field is None:
            return []
        inner = [a for a in get_args(field.annotation) if isinstance(a, type) and issubclass(a, BaseModel)]
        current = inner[0] if inner else field.annotation
    if not (isinstance(current, type) and issubclass(current, BaseModel)):
        return []
    return [f.alias or n for n, f in current.model_fields.items()]
