"""The answer of a sweep: how outcomes lie at each level of each lever, and what moving the lever did.

Effects are paired by common random numbers.  Two runs that differ in one lever only, with the same seed, share every draw;
the difference of their outcomes is one observation of the effect.  Pairs of one seed are not independent (they are the same
crash at other settings of the other levers), so they are averaged to one change a seed, and seeds are the sample:

- the *median* over seeds, with the exact interval between two order statistics (sign test), which assumes nothing but that
  seeds are independent; it needs six seeds for 95 %, and is null with fewer;
- the *mean* over seeds, with Student's t interval, which assumes that changes are normal: with the heavy tails of cascades
  and few seeds it is a rough guide.

Liquidation sizes have tails without a mean, so the median and the quantiles are the figures to publish.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import binom, t

from abm.errors import DesignError, nearest
from experiments.design import Design, factors
from experiments.levers import Lever, Value, label

__all__ = ["effects", "mean_interval", "median_interval", "outcome_values", "rows_at"]

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]

LEVEL = 0.95
"""Confidence of an interval; that of an order-statistic interval is at least this."""

BINS = 4
"""Equal parts into which a lever over a range is cut to tell its levels."""

SCHEMA = {
    "outcome": pl.String,
    "lever": pl.String,
    "level": pl.String,
    "value": pl.Float64,
    "baseline": pl.Boolean,
    "runs": pl.Int64,
    "q10": pl.Float64,
    "q50": pl.Float64,
    "q90": pl.Float64,
    "pairs": pl.Int64,
    "seeds": pl.Int64,
    "median": pl.Float64,
    "median_low": pl.Float64,
    "median_high": pl.Float64,
    "mean": pl.Float64,
    "mean_low": pl.Float64,
    "mean_high": pl.Float64,
    "positive": pl.Float64,
}


@dataclass(frozen=True)
class _Level:
    """A level of a lever: its name, its number where it has one, the rows at it, the baseline's rows if paired."""

    lever: str
    name: str
    value: float | None
    rows: NDArray[np.bool_]
    base: NDArray[np.bool_] | None


def effects(design: Design, frame: pl.DataFrame) -> pl.DataFrame:
    """Quantiles and paired effects per outcome, lever and level.

    Parameters
    ----------
    design
        The sweep's design.
    frame
        Its finished runs, as `experiments.store.assemble` gives them; some may be missing.

    Returns
    -------
    pl.DataFrame
        One row per outcome, lever and level.  `q10`, `q50`, `q90` are over the `runs` at the level
        that have the outcome.  Differences from the lever's baseline are taken over `pairs` of runs
        alike in seed and all other levers, and averaged within each of `seeds`; `median`, `mean`
        are over seeds, with 95 % intervals (`median_interval`, `mean_interval`); `positive` is the
        share of pairs that rose.  Null where there are no pairs (the baseline itself, and levers
        drawn from a hypercube); a mean's interval also with one seed, a median's with fewer than six.

    Raises
    ------
    DesignError
        The design names an outcome that the runs do not have, or that is not a number.
    """
    if not frame.height:
        return pl.DataFrame(schema=SCHEMA)
    outcomes = outcome_values(design, frame)
    seed = frame["seed"].to_numpy()
    levels = [(level, *_pairs(design, frame, level)) for level in _levels(design, frame)]
    rows: list[dict[str, object]] = []
    for outcome, values in outcomes.items():
        for level, base, there in levels:
            row: dict[str, object] = {
                "outcome": outcome,
                "lever": level.lever,
                "level": level.name,
                "value": level.value,
                "baseline": level.base is level.rows,
            }
            change = _change(values[there] - values[base], seed[base])
            rows.append(row | _quantiles(values[level.rows]) | change)
    return pl.DataFrame(rows, schema=SCHEMA)


def outcome_values(design: Design, frame: pl.DataFrame) -> dict[str, Floats]:
    """The outcomes of interest as columns of numbers; NaN where a run has none, or an infinite one.

    Raises
    ------
    DesignError
        The design names an outcome that the runs do not have, or that is not a number.
    """
    known = {"run", "position", "scenario", "seed", "case", *(lever.name for lever in design.levers)}
    numeric = [c for c in frame.columns if c not in known and frame[c].dtype in (pl.Int64, pl.Float64, pl.Boolean)]
    for name in design.outcomes:
        if name not in numeric:
            fault = "is not a number" if name in frame.columns else "is not in the summary of a run"
            raise DesignError(f"{design.name}: outcomes", f"'{name}' {fault}", nearest(name, numeric))
    chosen = design.outcomes if design.outcomes else tuple(numeric)
    found = {}
    for name in chosen:
        values = frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        found[name] = np.where(np.isfinite(values), values, np.nan)
    return found


def mean_interval(values: Floats) -> tuple[float | None, float | None]:
    """Student's t interval of the mean of independent values, n - 1 degrees of freedom; None of fewer than two."""
    if values.size < 2:
        return None, None
    half = float(t.ppf((1.0 + LEVEL) / 2.0, values.size - 1) * values.std(ddof=1) / np.sqrt(values.size))
    return float(values.mean()) - half, float(values.mean()) + half


def median_interval(values: Floats) -> tuple[float | None, float | None]:
    """The narrowest pair of order statistics that holds the median with at least 95 %; None of fewer than six values.

    The k-th smallest and k-th largest of n hold it with 1 - 2 P(Binomial(n, 1/2) < k) (sign test; Conover, Practical
    Nonparametric Statistics, section 3.2), whatever the values are drawn from.
    """
    n = values.size
    k = int(binom.ppf((1.0 - LEVEL) / 2.0, n, 0.5)) if n else 0  # the largest that leaves out no more than 2.5 % a side
    if k == 0:
        return None, None
    ordered = np.sort(values)
    return float(ordered[k - 1]), float(ordered[n - k])


def _levels(design: Design, frame: pl.DataFrame) -> list[_Level]:
    found = []
    for factor in factors(design):
        base = rows_at(frame[factor.name], factor.baseline)
        for value in factor.levels:
            number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
            rows = base if label(value) == label(factor.baseline) else rows_at(frame[factor.name], value)
            found.append(_Level(factor.name, label(value), number, rows, base))
    for lever in design.levers:
        if lever.ranged:
            found.extend(_binned(lever, frame[lever.name].to_numpy()))
    return found


def _binned(lever: Lever, column: Floats) -> list[_Level]:
    """The equal parts of a range, on its own scale; they have no pairs."""
    edges = [float(_number(lever.at(k / BINS))) for k in range(BINS + 1)]
    part = np.searchsorted(np.array(edges[1:-1]), column, side="right")
    return [
        _Level(
            lever.name, f"{edges[k]:.4g} to {edges[k + 1]:.4g}", _number(lever.at((k + 0.5) / BINS)), part == k, None
        )
        for k in range(BINS)
    ]


def _number(value: Value) -> float:
    assert isinstance(value, int | float)
    return float(value)


def rows_at(column: pl.Series, value: Value) -> NDArray[np.bool_]:
    """Where a lever's column is at a level."""
    wanted = value if column.dtype.is_numeric() or column.dtype == pl.Boolean else label(value)
    return (column == wanted).to_numpy()


def _pairs(design: Design, frame: pl.DataFrame, level: _Level) -> tuple[Ints, Ints]:
    """Rows (baseline, level) that are alike in seed and in all other levers, in the order of the baseline's rows."""
    if level.base is None or level.base is level.rows:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    names = ["seed", "scenario", *(["case"] if design.cases else []), *(lever.name for lever in design.levers)]
    alike = [name for name in names if name != level.lever]
    numbered = frame.select(alike).with_row_index("row")
    base, there = numbered.filter(pl.Series(level.base)), numbered.filter(pl.Series(level.rows))
    joined = base.join(there, on=alike, suffix="_there").sort("row")
    return joined["row"].to_numpy().astype(np.int64), joined["row_there"].to_numpy().astype(np.int64)


def _quantiles(values: Floats) -> dict[str, object]:
    there = values[~np.isnan(values)]
    told: Sequence[float | None] = np.quantile(there, (0.1, 0.5, 0.9)).tolist() if there.size else (None, None, None)
    return {"runs": there.size} | dict(zip(("q10", "q50", "q90"), told, strict=True))


def _change(change: Floats, seed: Ints) -> dict[str, object]:
    """Median and mean over seeds of the differences averaged within each, intervals, and the share of pairs that rose."""
    there = ~np.isnan(change)
    change, seed = change[there], seed[there]
    if not change.size:
        return {"pairs": 0}
    order = np.lexsort((change, seed))  # sums do not depend on the order of the runs
    change, seed = change[order], seed[order]
    each, of = np.unique(seed, return_inverse=True)
    by_seed = np.bincount(of, weights=change) / np.bincount(of)
    (median_low, median_high), (mean_low, mean_high) = median_interval(by_seed), mean_interval(by_seed)
    return {
        "pairs": change.size,
        "seeds": each.size,
        "median": float(np.median(by_seed)),
        "median_low": median_low,
        "median_high": median_high,
        "mean": float(by_seed.mean()),
        "mean_low": mean_low,
        "mean_high": mean_high,
        "positive": float(np.mean(change > 0)),
    }
