"""Random accounts under each shipped preset, in what that protocol trades."""

import numpy as np

from abm.margin.preset import load_preset
from abm.margin.state import Series
from abm.margin.statement import Leg, Position, Statement
from abm.margin.valuation import Valuation, value

PRICES = {"BTC": 50_000.0, "ETH": 2_000.0, "SOL": 100.0}
SCALE = {"BTC": 0.5, "ETH": 10.0, "SOL": 200.0}
MARKETS = {"mango_v4": ("BTC", "SOL"), "bybit_inverse": ("BTC",), "deribit_inverse": ("BTC",), "derive_pmrm": ("BTC",)}


def options() -> Series:
    """Three series on BTC that expire in 30 days."""
    ones = np.ones(3)
    return Series(
        np.zeros(3, np.int16), np.array([True, False, True]), np.array([50_000.0, 45_000.0, 60_000.0]),
        30.0 * 86_400.0 * ones, 50_000.0 * ones, 0.0 * ones, 0.6 * ones, ones, ones, ones,
    )  # fmt: skip


def accounts(preset: str, count: int, seed: int) -> Valuation:
    """Accounts with leverage: some safe, some in breach, some broke."""
    rng = np.random.default_rng(seed)
    if preset == "aave_v3":
        some = [
            Statement(
                0.0, {"WETH": rng.uniform(1.0, 6.0), "USDC": rng.uniform(0.0, 3_000.0), "WBTC": -rng.uniform(0.0, 0.2)}
            )
            for _ in range(count)
        ]
        return value(load_preset(preset), some, {}, {"WETH": 2_000.0, "USDC": 1.0, "WBTC": 50_000.0})
    markets = MARKETS.get(preset, ("BTC", "ETH"))
    some = [_account(preset, markets, number, rng) for number in range(count)]
    series = options() if preset == "derive_pmrm" else None
    return value(load_preset(preset), some, {m: PRICES[m] for m in markets}, series=series)


def _account(preset: str, markets: tuple[str, ...], number: int, rng: np.random.Generator) -> Statement:
    inverse = preset.endswith("inverse")
    held = [markets[number % 2]] if preset == "gmx_v2" else markets
    positions = [
        Position(m, float(rng.normal()) * (40_000.0 if inverse else SCALE[m]), PRICES[m] * rng.uniform(0.9, 1.1))
        for m in held
    ]
    legs = tuple(Leg(k, float(rng.normal()) * 0.5) for k in range(3)) if preset == "derive_pmrm" else ()
    gains = sum(p.size * (PRICES[p.market] - p.entry) for p in positions)
    notional = sum(abs(p.size) * PRICES[p.market] for p in positions)
    cash = rng.uniform(0.0, 0.3) * notional - min(gains, 0.0) if not inverse else rng.uniform(0.0, 0.3)
    return Statement(float(cash), positions=positions, legs=legs)
