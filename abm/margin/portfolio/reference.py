"""Portfolio margin of one account, written out from Derive's rules for a reader: no kernels, no columns, no speed.

The engine is held to it.  A `Portfolio` is one account's things with their prices; `requirement` says what it needs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from typing import NamedTuple

from abm.margin.options.black76 import price_kernel_python as black76
from abm.margin.portfolio.parameters import Feeds, Grid, Scenario, ScenarioGridParameters

__all__ = ["Collateral", "Future", "Holdings", "Needs", "Option", "requirement"]


class Option(NamedTuple):
    """Options of one series, and what is known of it."""

    size: float
    strike: float
    call: bool
    seconds: float
    forward: float
    rate: float
    vol: float
    confidence: float


class Future(NamedTuple):
    """A perpetual (`seconds` 0) or a dated future."""

    size: float
    price: float
    seconds: float
    confidence: float


class Collateral(NamedTuple):
    """Value of a collateral that counts, in the settlement asset, its haircuts and its feed."""

    value: float
    im_haircut: float
    mm_haircut: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Holdings:
    """What an account holds of one underlying; `moving` is the collateral that moves with it."""

    spot: float
    confidence: float
    futures: Sequence[Future] = ()
    options: Sequence[Option] = ()
    moving: Sequence[Collateral] = ()
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Needs:
    """Initial and maintenance requirement and haircuts of collateral, in the settlement asset."""

    im: float
    mm: float
    im_haircut: float
    mm_haircut: float


def requirement(
    rules: ScenarioGridParameters, account: Mapping[str, Holdings], still: Sequence[Collateral], stable: float
) -> Needs:
    """What an account needs: holdings by underlying, and collateral that moves with none."""
    grids = {name: rules.grids[rules.underlyings[name].grid] for name in account}
    peg = max(rules.feeds.peg_loss_threshold - stable, 0.0) * rules.feeds.peg_loss_factor
    im_rate = {name: held.scale * (grids[name].margin.im_factor + peg) for name, held in account.items()}
    mm_rate = {name: held.scale * grids[name].margin.mm_factor for name, held in account.items()}
    im = _loss(rules, grids, account, im_rate)
    mm = _loss(rules, grids, account, mm_rate)
    for name, held in account.items():
        more_im, more_mm = _additions(held, grids[name], rules.feeds)
        im += held.scale * (more_im + more_mm)
        mm += held.scale * more_mm
    collateral = [*still, *(coin for held in account.values() for coin in held.moving)]
    least = min([1.0, *(held.confidence for held in account.values())])
    im += sum(abs(c.value) * _doubt(min(c.confidence, least), rules.feeds) for c in collateral)
    return Needs(
        im,
        mm,
        sum(abs(c.value) * c.im_haircut for c in collateral),
        sum(abs(c.value) * c.mm_haircut for c in collateral),
    )


def _loss(
    rules: ScenarioGridParameters, grids: Mapping[str, Grid], account: Mapping[str, Holdings], rate: Mapping[str, float]
) -> float:
    """Each underlying's loss in its worst scenario, and a part of it instead in the worst scenario of all together."""
    alone = sum(
        -rate[name] * min([_basis(held, grids[name]), *(_profit(held, grids[name], s) for s in grids[name].scenarios)])
        for name, held in account.items()
    )
    offset = rules.joint.offset
    if offset == 0.0:
        return alone
    together = [sum(rate[name] * _basis(held, grids[name]) for name, held in account.items())]
    for scenario in rules.joint.scenarios:
        moved = {
            name: scenario._replace(spot=max(1.0 + rules.underlyings[name].beta * (scenario.spot - 1.0), 0.0))
            for name in account
        }
        together.append(sum(rate[n] * _profit(held, grids[n], moved[n]) for n, held in account.items()))
    return (1.0 - offset) * alone - offset * min(together)


def _profit(held: Holdings, grid: Grid, scenario: Scenario) -> float:
    """Profit in one scenario."""
    move = scenario.spot - 1.0
    profit = sum(f.size * f.price * _moving(f) * move for f in held.futures)
    profit += sum(c.value * move for c in held.moving)
    profit *= scenario.dampening
    for options in _by_expiry(held).values():
        now = sum(o.size * _value(o, grid, Scenario(1.0, "none", 1.0)) for o in options)
        shocked = sum(o.size * _value(o, grid, scenario) for o in options)
        change = scenario.dampening * (shocked * _static(options[0], grid, shocked >= 0.0) - now)
        profit += -abs(change) if scenario.vol in ("linear", "abs") else change
    return profit


def _basis(held: Holdings, grid: Grid) -> float:
    """The basis contingency: below zero or zero."""
    total = 0.0
    dated: dict[float, float] = {}
    for f in held.futures:
        if f.seconds > 0.0:
            dated[f.seconds] = dated.get(f.seconds, 0.0) + f.size * f.price * _moving(f)
    expiries = _by_expiry(held)
    for seconds in [*expiries, *(s for s in dated if s not in expiries)]:
        changes = [0.0]
        for spot in (grid.basis.spot_up, grid.basis.spot_down):
            options = expiries.get(seconds, [])
            now = sum(o.size * _value(o, grid, Scenario(1.0, "none", 1.0)) for o in options)
            moved = sum(o.size * _value(o, grid, Scenario(spot, "none", 1.0)) for o in options)
            changes.append(moved - now + dated.get(seconds, 0.0) * (spot - 1.0))
        total += min(changes) * (grid.basis.add_factor + grid.basis.mult_factor * _years(seconds))
    return total


def _additions(held: Holdings, grid: Grid, feeds: Feeds) -> tuple[float, float]:
    """Contingencies of positions and options: what is initial only, and what is maintenance."""
    sure = min([held.confidence, *(f.confidence for f in held.futures)])
    notional = held.spot * sum(abs(f.size) for f in held.futures)
    im = notional * (grid.contingency.im_perp + _doubt(sure, feeds))
    mm = notional * grid.contingency.mm_perp
    for options in _by_expiry(held).values():
        net: dict[float, float] = {}
        for o in options:
            net[o.strike] = net.get(o.strike, 0.0) + o.size
        short = held.spot * sum(max(-size, 0.0) for size in net.values())
        im += short * grid.contingency.im_option
        mm += short * grid.contingency.mm_option
        gross = held.spot * sum(abs(o.size) for o in options)
        im += gross * _doubt(min([sure, *(o.confidence for o in options)]), feeds)
    return im, mm


def _doubt(confidence: float, feeds: Feeds) -> float:
    """Initial margin per notional for a feed that is not sure enough."""
    return (1.0 - confidence) * feeds.confidence_margin if confidence < feeds.confidence_threshold else 0.0


def _by_expiry(held: Holdings) -> dict[float, list[Option]]:
    """Options by time to expiry."""
    found: dict[float, list[Option]] = {}
    for option in held.options:
        found.setdefault(option.seconds, []).append(option)
    return found


def _years(seconds: float) -> float:
    return max(seconds, 0.0) / (365.0 * 86_400.0)


def _moving(future: Future) -> float:
    """The part of a dated future's price that still moves."""
    return min(future.seconds / 1_800.0, 1.0) if future.seconds > 0.0 else 1.0


def _value(option: Option, grid: Grid, scenario: Scenario) -> float:
    """One option in one scenario."""
    years, left = _years(option.seconds), min(max(option.seconds, 0.0), 1_800.0)
    fixed = option.forward * (1_800.0 - left) / 1_800.0
    forward = fixed + option.forward * left / 1_800.0 * scenario.spot
    vol = option.vol
    if scenario.vol == "up":
        vol = max(vol * (1.0 + grid.vol_shock.range_up * _horizon(option, grid)), grid.vol_shock.min_vol_up)
    elif scenario.vol == "down":
        vol *= max(1.0 - grid.vol_shock.range_down * _horizon(option, grid), 0.0)
    elif scenario.vol != "none":
        forward = option.forward
        vol *= _skew(log(option.strike / option.forward), years, scenario.vol == "abs", grid)
    return black76(forward, option.strike, years, vol, exp(-max(option.rate, 0.0) * years), option.call)


def _horizon(option: Option, grid: Grid) -> float:
    """(30 days over the time left) to the power of its term; nothing left: no shock."""
    shock, days = grid.vol_shock, option.seconds / 86_400.0
    counted = max(days, shock.dte_floor_days)
    if counted <= 0.0:
        return 0.0
    return float((30.0 / counted) ** (shock.short_term_power if days <= 30.0 else shock.long_term_power))


def _skew(k: float, years: float, absolute: bool, grid: Grid) -> float:
    """What a skew shock multiplies a volatility by."""
    rules, root = grid.skew_shock, sqrt(years)
    base, per_root = (rules.abs_cap, rules.abs_cbase) if absolute else (rules.linear_cap, rules.linear_cbase)
    cap = base + per_root * root
    width = max(rules.min_k_star, root * rules.width_scale * (rules.vol_static + rules.vol_scale * root), 1e-300)
    k = abs(k) if absolute else k
    shift = min(cap, k * cap / width) if k >= 0.0 else max(-cap, k * cap / width)
    return max(1.0 + shift, 0.0)


def _static(option: Option, grid: Grid, long: bool) -> float:
    """The static discount of an expiry's shocked value."""
    rules, years, rate = grid.margin, _years(option.seconds), max(option.rate, 0.0)
    if long:
        return rules.long_static_discount * exp(-years * (rate * rules.long_rate_mult + rules.long_rate_add))
    growth = exp(years * (rate * rules.short_rate_mult + rules.short_rate_add))
    return min(exp(rate * years), rules.short_static_discount * growth)
