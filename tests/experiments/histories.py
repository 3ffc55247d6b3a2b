"""Price histories whose law is known, as a user's files hold them."""

from pathlib import Path

import numpy as np
import polars as pl

START = 18_000
"""First day since 1970: 14 April 2019."""


def daily(days: int = 400, seed: int = 1, symbol: str = "BTCUSDT") -> pl.DataFrame:
    """Daily bars whose volatility follows the HAR in logarithms; ranges are those of a walk of 50 steps a day."""
    rng = np.random.default_rng(seed)
    noise = 0.4 * rng.standard_normal(days)
    variance = np.full(days, 1e-3)
    for t in range(30, days):
        means = np.log([variance[t - lag : t].mean() for lag in (1, 7, 30)])
        variance[t] = np.exp(-0.7 + np.dot((0.4, 0.3, 0.2), means) + noise[t])
    steps = rng.standard_normal((days, 50)) * np.sqrt(variance / 50.0)[:, None]
    path = np.concatenate([np.zeros((days, 1)), steps.cumsum(axis=1)], axis=1)
    opening = np.concatenate([[0.0], steps.sum(axis=1).cumsum()[:-1]])
    bars = 100.0 * np.exp(opening[:, None] + path)
    return pl.DataFrame(
        {
            "date": pl.Series(np.arange(START, START + days)).cast(pl.Int32).cast(pl.Date),
            "symbol": [symbol] * days,
            "open": bars[:, 0], "high": bars.max(axis=1), "low": bars.min(axis=1), "close": bars[:, -1],
        }
    )  # fmt: skip


def hourly(days: int = 40, seed: int = 1) -> pl.DataFrame:
    """Hourly bars of a walk."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(0.01 * rng.standard_normal(24 * days)))
    return pl.DataFrame({"time": START * 86_400 + 3600 * np.arange(24 * days), "close": close})


def written(folder: Path, frame: pl.DataFrame, name: str = "btcusdt-1d.parquet") -> Path:
    """The frame as a file."""
    path = folder / name
    frame.write_parquet(path) if name.endswith(".parquet") else frame.write_csv(path)
    return path
