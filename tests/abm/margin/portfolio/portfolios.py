"""Random portfolios of options, perpetuals, dated futures and collateral for the tests of portfolio margin."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from abm.ledger import Ledger
from abm.margin.engine import Terms
from abm.margin.families.scenario_grid import ScenarioGrid
from abm.margin.portfolio.parameters import ScenarioGridParameters
from abm.margin.portfolio.reference import Collateral, Future, Holdings, Needs, Option, requirement
from abm.margin.state import MarketState, Series
from abm.margin.statement import Leg, Position, Statement, ledger_of

MARKETS = ("ETH", "ETH-DATED", "BTC")
COINS = ("WETH", "USDT", "WBTC")
UNDERLYING = {"ETH": "ETH", "ETH-DATED": "ETH", "BTC": "BTC"}
DAY = 86_400.0
DATED = 40 * DAY

# Derive's defaults (public repository derivexyz/v2-core, test/risk-managers/unit-tests/PMRM_2), fewer scenarios.
SCENARIOS = [
    (1.18, "up", 1.0), (1.09, "down", 1.0), (1.045, "none", 1.0), (1.0, "down", 1.0), (1.0, "none", 1.0), (1.0, "up", 1.0),
    (0.955, "none", 1.0), (0.865, "down", 1.0), (0.82, "up", 1.0), (0.34, "up", 0.0545), (3.0, "up", 0.018),
    (1.0, "linear", 1.0), (1.0, "abs", 1.0),
]  # fmt: skip
GRID: dict[str, Any] = {
    "scenarios": SCENARIOS,
    "vol_shock": {
        "range_up": 0.5, "range_down": 0.275, "short_term_power": 0.3, "long_term_power": 0.13, "dte_floor_days": 1.0,
        "min_vol_up": 0.45,
    },
    "skew_shock": {
        "linear_cap": 0.15, "linear_cbase": -0.05, "abs_cap": 0.15, "abs_cbase": -0.05, "min_k_star": 0.01,
        "width_scale": 4.0, "vol_static": 0.6, "vol_scale": -0.1,
    },
    "margin": {
        "im_factor": 1.0, "mm_factor": 0.8, "long_static_discount": 0.95, "long_rate_mult": 1.0, "long_rate_add": 0.08,
        "short_static_discount": 1.04, "short_rate_mult": 0.5, "short_rate_add": 0.08,
    },
    "basis": {"spot_up": 1.045, "spot_down": 0.955, "add_factor": 0.5, "mult_factor": 2.0},
    "contingency": {"im_perp": 0.005, "mm_perp": 0.015, "im_option": 0.002, "mm_option": 0.003},
}  # fmt: skip
FEEDS = {
    "confidence_threshold": 0.55, "confidence_margin": 1.0, "peg_loss_threshold": 0.98, "peg_loss_factor": 2.0,
}  # fmt: skip
JOINT = [(1.15, "up", 1.0), (1.0, "none", 1.0), (0.85, "up", 1.0), (0.9, "down", 1.0), (1.0, "linear", 1.0)]
OVERRIDES: dict[str, list[tuple[str, float]]] = {
    "vol_shock": [("range_up", 0.0), ("range_down", 3.0), ("short_term_power", 2.0), ("dte_floor_days", 0.0)],
    "skew_shock": [("linear_cap", 9.5), ("linear_cbase", -3.0), ("min_k_star", 0.0), ("vol_scale", 2.0)],
    "margin": [
        ("long_static_discount", 1.0),
        ("short_static_discount", 3.0),
        ("mm_factor", 0.5),
        ("long_rate_add", 5.0),
    ],
    "basis": [("add_factor", 6.0), ("mult_factor", 0.0), ("spot_up", 1.5)],
    "contingency": [("mm_option", 0.1), ("im_perp", 0.2)],
}


def form(offset: float = 0.0, **grid: Any) -> ScenarioGridParameters:
    """ETH with a perpetual and a dated future, BTC with a perpetual; wrapped coins that move with them, and USDT."""
    changed = {key: {**GRID[key], **grid[key]} if isinstance(GRID[key], dict) else grid[key] for key in grid}
    joint = {"offset": offset, "scenarios": JOINT}
    return ScenarioGridParameters.model_validate(
        {
            "grids": {"eth": {**GRID, **changed}, "btc": {**GRID, "scenarios": SCENARIOS[2:]}},
            "underlyings": {"ETH": {"grid": "eth", "beta": 1.2}, "BTC": {"grid": "btc"}},
            "markets": {
                "ETH": {"underlying": "ETH"},
                "ETH-DATED": {"underlying": "ETH", "seconds": DATED},
                "BTC": {"underlying": "BTC"},
            },
            "coins": {
                "WETH": {"im_haircut": 0.005, "mm_haircut": 0.015, "cancels": "ETH"},
                "USDT": {"im_haircut": 0.03, "mm_haircut": 0.02},
                "WBTC": {"im_haircut": 0.01, "mm_haircut": 0.02, "cancels": "BTC"},
            },
            "feeds": FEEDS,
            "joint": joint,
        }
    )


def series(options: list[tuple[str, float, bool, float, float]], rates: dict[float, float] | None = None) -> Series:
    """Series of (market, strike, call, seconds, vol); a forward a little above spot, a rate by time left."""
    spot = {"ETH": 2_000.0, "BTC": 60_000.0}
    years = [max(o[3], 0.0) / (365 * DAY) for o in options]
    ones = np.ones(len(options))
    return Series(
        np.array([MARKETS.index(o[0]) for o in options], np.int16),
        np.array([o[2] for o in options], np.bool_),
        np.array([o[1] for o in options]),
        np.array([o[3] for o in options]),
        np.array([spot[o[0]] * (1.0 + 0.05 * t) for o, t in zip(options, years, strict=True)]),
        np.array([(rates or {}).get(o[3], 0.05) for o in options]),
        np.array([o[4] for o in options]),
        ones, ones, ones,
    )  # fmt: skip


BOARD = series(
    [
        ("ETH", 1_800.0, True, 7 * DAY, 0.7), ("ETH", 2_000.0, True, 7 * DAY, 0.65), ("ETH", 2_000.0, False, 7 * DAY, 0.65),
        ("ETH", 2_400.0, True, DATED, 0.6), ("ETH", 1_500.0, False, DATED, 0.8), ("ETH", 2_000.0, True, DATED, 0.6),
        ("ETH", 2_010.0, True, 900.0, 0.9), ("ETH", 1_900.0, False, 0.0, 0.9), ("ETH", 2_000.0, False, 300 * DAY, 0.5),
        ("BTC", 55_000.0, False, 7 * DAY, 0.5), ("BTC", 70_000.0, True, 7 * DAY, 0.5), ("BTC", 60_000.0, True, DATED, 0.55),
    ],
    {300 * DAY: -0.1, DATED: 0.3},
)  # fmt: skip

QUIET = MarketState.quiet(np.array([2_000.0, 2_020.0, 60_000.0]), np.array([2_005.0, 1.0, 59_900.0]), BOARD)


def terms(engine: ScenarioGrid, state: MarketState = QUIET, **changes: Any) -> Terms:
    """Terms at the quiet state's prices, with funding on the perpetuals."""
    made = engine.terms(
        np.array([2_001.0, 2_020.0, 60_050.0]), np.array([2_005.0, 1.0, 59_900.0]),
        funding=np.array([3.0, 0.0, -20.0]), state=replace(state, index=np.array([2_000.0, 2_020.0, 60_000.0])),
    )  # fmt: skip
    return replace(made, **changes)


def moved(at: Terms, markets: np.ndarray, coins: np.ndarray | None = None) -> Terms:
    """Terms after relative moves of prices, with the forwards and the spot that move with a market."""
    known = at.known
    coins = np.zeros(len(at.coin_price)) if coins is None else coins
    share = np.clip(known.series.seconds / 1_800.0, 0.0, 1.0)
    forward = known.series.forward * (1.0 + share * markets[known.series.underlying])
    state = replace(known, index=known.index * (1.0 + markets), series=replace(known.series, forward=forward))
    return replace(at, price=at.price * (1.0 + markets), coin_price=at.coin_price * (1.0 + coins), state=state)


def sizes(scale: float) -> st.SearchStrategy[float]:
    """Sizes, also none."""
    return st.floats(-10.0, 10.0).map(lambda x: round(x, 2) * scale)


@st.composite
def statements(draw: st.DrawFn, *, debts: bool = True) -> Statement:
    """An account."""
    scale = {"ETH": 1.0, "ETH-DATED": 1.0, "BTC": 0.03}
    held = draw(st.lists(st.sampled_from(MARKETS), unique=True, max_size=3))
    legs = draw(st.lists(st.integers(0, len(BOARD) - 1), max_size=6))
    least = -2.0 if debts else 0.0
    return Statement(
        cash=draw(st.sampled_from([-2_000.0, 0.0, 500.0, 20_000.0])),
        collateral={c: draw(st.floats(least, 5.0)) * (1_000.0 if c == "USDT" else 1.0) for c in COINS},
        positions=[Position(m, draw(sizes(scale[m])), draw(st.floats(1_000.0, 3_000.0)), 1.0) for m in held],
        legs=[Leg(n, draw(sizes(0.03 if BOARD.underlying[n] == 2 else 1.0)), 10.0) for n in legs],
    )


@st.composite
def forms(draw: st.DrawFn) -> ScenarioGridParameters:
    """Derive's rules, some with a parameter replaced, and an offset or none."""
    grid: dict[str, Any] = {}
    for table, choices in OVERRIDES.items():
        if draw(st.booleans()):
            key, value = draw(st.sampled_from(choices))
            grid[table] = {key: value}
    return form(draw(st.sampled_from([0.0, 0.0, 0.5, 0.8])), **grid)


@st.composite
def states(draw: st.DrawFn) -> MarketState:
    """Doubtful feeds, and a settlement asset off its peg."""
    some = st.sampled_from([1.0, 0.9, 0.4, 0.1])
    sure = [np.array([draw(some) for _ in range(3)]) for _ in range(3)]
    odd = replace(BOARD, vol_confidence=np.array([draw(some) for _ in range(len(BOARD))]))
    return replace(
        QUIET, index_confidence=sure[0], perp_confidence=sure[1], coin_confidence=sure[2],
        settlement_price=draw(st.sampled_from([1.0, 1.01, 0.93])), series=odd,
    )  # fmt: skip


def book(accounts: list[Statement]) -> Ledger:
    """The ledger of some accounts."""
    return ledger_of(accounts, MARKETS, COINS)


def holdings(account: Statement, at: Terms) -> tuple[dict[str, Holdings], list[Collateral]]:
    """An account as the reference wants it."""
    state, rules = at.known, form().coins
    coins = {
        name: Collateral(
            amount * at.coin_price[h] / state.settlement_price * (at.factor[h] if amount > 0 else 1.0),
            rules[name].im_haircut, rules[name].mm_haircut, state.coin_confidence[h],
        )
        for h, (name, amount) in enumerate((c, account.collateral.get(c, 0.0)) for c in COINS) if amount
    }  # fmt: skip
    found = {}
    for u, market in (("ETH", 0), ("BTC", 2)):
        futures = [
            Future(p.size, at.price[m], DATED if p.market == "ETH-DATED" else 0.0, state.perp_confidence[m])
            for p in account.positions if UNDERLYING[p.market] == u and p.size for m in [MARKETS.index(p.market)]
        ]  # fmt: skip
        options = [_option(state.series, leg) for leg in account.legs if leg.size]
        options = [o for o, leg in zip(options, [x for x in account.legs if x.size], strict=True)
                   if state.series.underlying[leg.series] == market]  # fmt: skip
        moving = [c for name, c in coins.items() if rules[name].cancels == u]
        scale = max(at.scale[m] for m, name in enumerate(MARKETS) if UNDERLYING[name] == u)
        held = Holdings(state.index[market], state.index_confidence[market], futures, options, moving, scale)
        if futures or options or moving:
            found[u] = held
        empty = {**found, u: held}
        if not found and u == "BTC":
            eth = Holdings(state.index[0], state.index_confidence[0])
            return {"ETH": eth, **empty}, [c for name, c in coins.items() if rules[name].cancels is None]
    return found, [c for name, c in coins.items() if rules[name].cancels is None]


def _option(known: Series, leg: Leg) -> Option:
    n = leg.series
    sure = min(known.forward_confidence[n], known.rate_confidence[n], known.vol_confidence[n])
    return Option(
        leg.size, known.strike[n], bool(known.call[n]), known.seconds[n], known.forward[n], known.rate[n], known.vol[n],
        sure,
    )  # fmt: skip


def needs(rules: ScenarioGridParameters, account: Statement, at: Terms) -> Needs:
    """The reference's answer."""
    return requirement(rules, *holdings(account, at), at.known.settlement_price)


def gross(account: Statement) -> float:
    """About how much an account's things are worth without their signs: what rounding is relative to."""
    worth = sum(abs(p.size) * 60_000.0 for p in account.positions) + sum(abs(x.size) * 60_000.0 for x in account.legs)
    return 1_000.0 + abs(account.cash) + worth + sum(abs(a) * 60_000.0 for a in account.collateral.values())
