"""A preset's scenario grids as arrays: what does not change with prices, for some markets and collaterals.

U underlyings, M markets, H collaterals, S scenarios of an underlying's own and J joint ones, T = S + J.  Underlyings with
fewer scenarios than others are filled up with such that do nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from abm.margin.engine import chosen
from abm.margin.portfolio.parameters import VOLS, Grid, Scenario, ScenarioGridParameters
from abm.margin.portfolio.shocks import SkewNumbers, StaticNumbers, VolNumbers

__all__ = ["GridNumbers", "Plan", "Rates", "plan_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NOTHING = Scenario(1.0, "none", 0.0)


class GridNumbers(NamedTuple):
    """One underlying's scenarios, float64[T] and int64[T], and how it shocks, for kernels."""

    spot: Floats
    vol: Ints
    spot_up: float
    spot_down: float
    vol_shock: VolNumbers
    skew: SkewNumbers
    static: StaticNumbers


class Rates(NamedTuple):
    """By underlying, float64[U]: see `Factors`, `Contingency` and `Basis`."""

    im_factor: Floats
    mm_factor: Floats
    im_perp: Floats
    mm_perp: Floats
    im_option: Floats
    mm_option: Floats
    basis_add: Floats
    basis_mult: Floats


@dataclass(frozen=True, slots=True)
class Plan:
    """What an engine knows of its markets.

    Attributes
    ----------
    names, markets, coins : tuple of str
        Underlyings in use, U, and markets and collaterals, in order.
    grids : tuple of GridNumbers
        How each is shocked.
    scenarios, joint : tuple of tuples of Scenario
        Its own scenarios as the preset gives them; the joint ones at its beta.
    own, offset : int, float
        S; part of the requirement that is the joint scenarios'.
    spot, dampening, skewed : float64[U, T] twice, bool[U, T]
        Spot multiplier and dampening; whether a scenario is one of skew.
    rates : Rates
        Factors of the loss, contingencies, and how much of the basis loss counts.
    market_underlying, market_seconds, reference : int64[M], float64[M], int64[U]
        Underlying of a market and its time to expiry (0: perpetual); the market that tells an underlying's spot (its
        first perpetual or else first market; -1: none is there).
    coin_underlying, im_haircut, mm_haircut : int64[H], float64[H] twice
        The underlying that a collateral moves with (-1: none), value taken off.
    """

    parameters: ScenarioGridParameters
    names: tuple[str, ...]
    markets: tuple[str, ...]
    coins: tuple[str, ...]
    grids: tuple[GridNumbers, ...]
    scenarios: tuple[tuple[Scenario, ...], ...]
    joint: tuple[tuple[Scenario, ...], ...]
    own: int
    offset: float
    spot: Floats
    dampening: Floats
    skewed: NDArray[np.bool_]
    rates: Rates
    market_underlying: Ints
    market_seconds: Floats
    reference: Ints
    coin_underlying: Ints
    im_haircut: Floats
    mm_haircut: Floats


def plan_of(parameters: ScenarioGridParameters, markets: Sequence[str], coins: Sequence[str]) -> Plan:
    """The plan of a preset for some markets and collaterals, in the ledger's order.

    Raises
    ------
    UnknownAsset
        The preset has no such market or collateral.
    """
    held = chosen(parameters.markets, markets, "market")
    kept = chosen(parameters.coins, coins, "collateral")
    names = tuple(dict.fromkeys([m.underlying for m in held] + [c.cancels for c in kept if c.cancels is not None]))
    at = {name: u for u, name in enumerate(names)}
    rules = [parameters.grids[parameters.underlyings[name].grid] for name in names]
    joint = parameters.joint.scenarios if parameters.joint.offset > 0.0 else ()
    own = max([len(g.scenarios) for g in rules], default=0)
    listed = [
        [*g.scenarios, *[NOTHING] * (own - len(g.scenarios)), *_scaled(joint, parameters.underlyings[name].beta)]
        for name, g in zip(names, rules, strict=True)
    ]
    shape = (len(names), own + len(joint))
    spot, dampening = (
        np.array([[getattr(s, x) for s in row] for row in listed]).reshape(shape) for x in ("spot", "dampening")
    )
    skewed = np.array([[s.vol in ("linear", "abs") for s in row] for row in listed], np.bool_).reshape(shape)
    under = np.array([at[m.underlying] for m in held], np.int64)
    seconds = np.array([m.seconds for m in held])
    return Plan(
        parameters=parameters,
        names=names,
        markets=tuple(markets),
        coins=tuple(coins),
        grids=tuple(_numbers(g, row) for g, row in zip(rules, listed, strict=True)),
        scenarios=tuple(g.scenarios for g in rules),
        joint=tuple(tuple(row[own:]) for row in listed),
        own=own,
        offset=parameters.joint.offset,
        spot=spot,
        dampening=dampening,
        skewed=skewed,
        rates=_rates(rules),
        market_underlying=under,
        market_seconds=seconds,
        reference=_references(under, seconds, len(names)),
        coin_underlying=np.array([-1 if c.cancels is None else at[c.cancels] for c in kept], np.int64),
        im_haircut=np.array([c.im_haircut for c in kept]),
        mm_haircut=np.array([c.mm_haircut for c in kept]),
    )


def _rates(rules: Sequence[Grid]) -> Rates:
    """The rates of underlyings with such rules."""
    margin, more, basis = [g.margin for g in rules], [g.contingency for g in rules], [g.basis for g in rules]
    return Rates(
        im_factor=np.array([m.im_factor for m in margin]),
        mm_factor=np.array([m.mm_factor for m in margin]),
        im_perp=np.array([c.im_perp for c in more]),
        mm_perp=np.array([c.mm_perp for c in more]),
        im_option=np.array([c.im_option for c in more]),
        mm_option=np.array([c.mm_option for c in more]),
        basis_add=np.array([b.add_factor for b in basis]),
        basis_mult=np.array([b.mult_factor for b in basis]),
    )


def _scaled(joint: Sequence[Scenario], beta: float) -> list[Scenario]:
    """The joint scenarios as an underlying of that beta has them; a spot cannot fall below 0."""
    return [Scenario(max(1.0 + beta * (s.spot - 1.0), 0.0), s.vol, s.dampening) for s in joint]


def _numbers(grid: Grid, listed: Sequence[Scenario]) -> GridNumbers:
    """A grid with its scenarios, for kernels."""
    margin = grid.margin.model_dump(exclude={"im_factor", "mm_factor"})
    return GridNumbers(
        np.array([s.spot for s in listed]),
        np.array([VOLS.index(s.vol) for s in listed], np.int64),
        grid.basis.spot_up,
        grid.basis.spot_down,
        VolNumbers(**grid.vol_shock.model_dump()),
        SkewNumbers(**grid.skew_shock.model_dump()),
        StaticNumbers(**margin),
    )


def _references(under: Ints, seconds: Floats, count: int) -> Ints:
    """int64[U]: the first perpetual of each underlying, or else its first market; -1 without any."""
    found = np.full(count, -1, np.int64)
    for m in reversed(range(len(under))):
        if found[under[m]] < 0 or seconds[m] == 0.0 or seconds[found[under[m]]] > 0.0:
            found[under[m]] = m
    return found
