"""What the pieces of a scenario ask of each other: names that exist, ways that lead somewhere, impact that cannot be pumped.

Each check raises ValueError with "key: what is wrong; what to do".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from abm.errors import nearest
from abm.options_spec import MOST_SERIES
from abm.protocol_spec import CollateralSpec, ProtocolSpec
from abm.spec import VenueSpec

if TYPE_CHECKING:
    from abm.scenario import Scenario

__all__ = ["check_scenario"]

MOST_ENGINES = 10
"""Chains and exchanges with an engine of their own that a world may have: each has a turn of its own in the clock."""


def check_scenario(scenario: Scenario) -> None:
    """Every name that a piece refers to is the name of a piece, and the pieces allow each other.

    Raises
    ------
    ValueError
        The first that does not.
    """
    _check_clock(scenario)
    _check_unique(scenario)
    _check_venues(scenario)
    _check_links(scenario)
    for i, protocol in enumerate(scenario.protocols):
        _check_protocol(f"protocols.{i}", protocol, scenario)


def _known(key: str, word: str, words: Iterable[str]) -> None:
    if word not in words:
        raise ValueError(f"{key}: unknown name '{word}'; {nearest(word, words)}")


def _names(pieces: Iterable[Any]) -> set[str]:
    return {piece.name for piece in pieces}


def _check_clock(scenario: Scenario) -> None:
    clock = scenario.clock
    if clock.price_interval > clock.duration:
        raise ValueError(f"clock.price_interval: {clock.price_interval} s is longer than the run; shorten it")
    ticks = clock.start / clock.price_interval
    if abs(ticks - round(ticks)) > 1e-9:
        raise ValueError(f"clock.start: {clock.start} is not a multiple of the price interval; choose one")


def _check_unique(scenario: Scenario) -> None:
    """Names are unique within a kind, and an exchange has no chain's name: its engine is a chain of its own name."""
    kinds = ("assets", "chains", "bridges", "venues", "oracles", "protocols")
    named = {kind: [piece.name for piece in getattr(scenario, kind)] for kind in kinds}
    named["prices.shocks"] = [shock.name for shock in scenario.prices.shocks]
    named["agents"] = [name for agent in scenario.agents for name in agent.names]
    for kind, names in named.items():
        twice = {name for name, times in Counter(names).items() if times > 1}
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
            _check_seen(f"prices.shocks.{i}.assets", shock.name, a, scenario)
    for i, b in enumerate(scenario.bridges):
        _known(f"bridges.{i}.source", b.source, chains)
        _known(f"bridges.{i}.target", b.target, chains)
        _known(f"bridges.{i}.asset", b.asset, assets)
        if b.source == b.target:
            raise ValueError(f"bridges.{i}.target: '{b.name}' joins {b.source} with itself; name another chain")
        _check_backing(i, scenario)
    for i, o in enumerate(scenario.oracles):
        _known(f"oracles.{i}.chain", o.chain, chains)
        for s in o.sources:
            _known(f"oracles.{i}.sources", s, venues)
        for a in o.assets:
            _known(f"oracles.{i}.assets", a, assets)


def _check_backing(i: int, scenario: Scenario) -> None:
    """What is minted has one lock behind it, and no lock holds what it backs."""
    bridge = scenario.bridges[i]
    earlier = [b for b in scenario.bridges[:i] if (b.asset, b.target) == (bridge.asset, bridge.target)]
    if earlier:
        raise ValueError(
            f"bridges.{i}.target: '{bridge.name}' mints {bridge.asset} on {bridge.target} as '{earlier[0].name}' does; "
            "remove one, or name another asset"
        )
    chain = bridge.source
    into = {b.target: b.source for b in scenario.bridges if b.asset == bridge.asset}
    for _ in scenario.bridges:
        if chain == bridge.target:
            raise ValueError(
                f"bridges.{i}: bridges mint the {bridge.asset} of {bridge.target} out of itself in a circle; remove one"
            )
        chain = into.get(chain, chain)


def _check_seen(at: str, shock: str, asset: str, scenario: Scenario) -> None:
    """A move that a shock names is seen: by a market, and by every protocol that takes the coin as collateral.

    A protocol counts a coin at par where its oracle has no price of it, which only the settlement asset may be.
    """
    trading = {v.name for v in scenario.venues if any(m.asset == asset for m in v.markets)}
    if not trading:
        raise ValueError(
            f"{at}: shock '{shock}' moves {asset}, which no venue trades, so that nothing would feel it; "
            f"add a market of {asset} to a venue"
        )
    oracles = {o.name: o for o in scenario.oracles}
    for p in scenario.protocols:
        o = oracles.get(p.oracle)
        priced = o is not None and (asset in o.assets if o.assets else bool(trading & set(o.sources)))
        if any(c.asset == asset for c in p.collateral) and not priced:
            raise ValueError(
                f"{at}: shock '{shock}' moves {asset}, which '{p.name}' counts at par, as its oracle '{p.oracle}' has no "
                f"price of it; add {asset} to the oracle's assets, and a venue that trades it to its sources"
            )


def _check_protocol(at: str, p: ProtocolSpec, scenario: Scenario) -> None:
    venues, oracles = {v.name: v for v in scenario.venues}, {o.name: o for o in scenario.oracles}
    _known(f"{at}.chain", p.chain, _names(scenario.chains))
    _known(f"{at}.venue", p.venue, venues)
    _known(f"{at}.oracle", p.oracle, oracles)
    _known(f"{at}.settlement", p.settlement, _names(scenario.assets))
    perps = {m.asset for m in venues[p.venue].markets if m.kind == "perp"}
    for j, market in enumerate(p.markets):
        _known(f"{at}.markets.{j}.asset", market.asset, perps)
        if market.asset in {m.asset for m in p.markets[:j]}:
            raise ValueError(f"{at}.markets.{j}: {market.asset} is there twice; remove one")
    _check_options(at, p)
    for j, c in enumerate(p.collateral):
        if (c.asset, c.chain or p.chain) in {(b.asset, b.chain or p.chain) for b in p.collateral[:j]}:
            raise ValueError(f"{at}.collateral.{j}: {c.asset} on {c.chain or p.chain} is there twice; remove one")
        _check_collateral(f"{at}.collateral.{j}", c, p, scenario)
    if oracles[p.oracle].chain != p.chain:
        raise ValueError(
            f"{at}.oracle: '{p.oracle}' reports to chain '{oracles[p.oracle].chain}', not to '{p.chain}'; "
            "name a feed on the protocol's chain"
        )


def _check_options(at: str, p: ProtocolSpec) -> None:
    """Options are on markets of the protocol, one table each, under cross margin, and not too many."""
    markets = [m.asset for m in p.markets]
    for j, o in enumerate(p.options):
        _known(f"{at}.options.{j}.asset", o.asset, markets)
        if o.asset in {other.asset for other in p.options[:j]}:
            raise ValueError(f"{at}.options.{j}: {o.asset} is there twice; put all its expiries into one")
    if p.options and p.mode != "cross":
        raise ValueError(f"{at}.mode: an isolated account holds one position and no options; make it cross")
    series = sum(o.most for o in p.options)
    if series > MOST_SERIES:
        raise ValueError(
            f"{at}.options: {series} series at once, more than {MOST_SERIES}; list fewer expiries or strikes"
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
