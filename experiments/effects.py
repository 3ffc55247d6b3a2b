"""The answer of a sweep: how outcomes lie at each level of each lever, and what moving the lever did.

Effects are paired by common random numbers.  Two runs that differ in one lever only, with the
same seed, share every draw; the difference of their outcomes is one observation of the effect.
The interval resamples whole seeds (pairs that share a seed are not independent), so it answers:
how far could this be the luck of the seeds?  Liquidation sizes have tails without a mean, so the
median difference and the quantiles are the figures to publish; the mean is there to compare.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abm.draws import Draws
from abm.errors import DesignError, nearest
from experiments.design import Design, factors
from experiments.levers import Lever, Value, label

__all__ = ["RESAMPLES", "effects", "outcome_values", "rows_at", "seed_weights"]

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]

RESAMPLES = 1000
"""Bootstrap resamples of an interval."""

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
        that have the outcome.  `median`, `mean` are of the differences from the lever's baseline
        over `pairs` of runs alike in seed and all other levers, with 95 % intervals; `positive` is
        the share of pairs that rose.  Null where there are no pairs (the baseline itself, and
        levers drawn from a hypercube), intervals also where fewer than two seeds have pairs.

    Raises
    ------
    DesignError
        The design names an outcome that the runs do not have, or that is not a number.
    """
    if not frame.height:
        return pl.DataFrame(schema=SCHEMA)
    outcomes = outcome_values(design, frame)
    seeds, cluster = np.unique(frame["seed"].to_numpy(), return_inverse=True)
    weights = seed_weights(design.sampling_seed, seeds.size)
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
            change = _change(values[there] - values[base], cluster[base], weights)
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


def seed_weights(root: int, seeds: int) -> Ints:
    """How often each of some seeds is in each bootstrap resample, [RESAMPLES, seeds]; rows sum to `seeds`."""
    resample = np.arange(RESAMPLES)[:, None]
    picks = (Draws(root).uniform("bootstrap", resample, np.arange(seeds)[None, :]) * seeds).astype(np.int64)
    flat = np.bincount((picks + resample * seeds).ravel(), minlength=RESAMPLES * seeds)
    return flat.reshape(RESAMPLES, seeds)


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


def _change(change: Floats, cluster: Ints, weights: Ints) -> dict[str, object]:
    """Median and mean of paired differences, their intervals, and the share above zero."""
    there = ~np.isnan(change)
    change, cluster = change[there], cluster[there]
    if not change.size:
        return {"pairs": 0}
    order = np.argsort(change, kind="stable")
    change, cluster = change[order], cluster[order]
    once = np.ones((1, weights.shape[1]), dtype=np.int64)
    (median,), (mean,) = _centres(change, cluster, once)
    told: dict[str, object] = {
        "pairs": change.size,
        "median": float(median),
        "mean": float(mean),
        "positive": float(np.mean(change > 0)),
    }
    if np.unique(cluster).size > 1:
        for key, centres in zip(("median", "mean"), _centres(change, cluster, weights), strict=True):
            told[f"{key}_low"], told[f"{key}_high"] = np.quantile(centres, (0.025, 0.975)).tolist()
    return told


def _centres(ordered: Floats, cluster: Ints, weights: Ints) -> tuple[Floats, Floats]:
    """Median and mean of values in rising order, each counted as often as its cluster, per row of `weights`."""
    medians, means = [], []
    step = max(1, 2_000_000 // ordered.size)
    for start in range(0, weights.shape[0], step):
        counts = weights[start : start + step, cluster]
        upto = np.cumsum(counts, axis=1)
        total = upto[:, -1]
        counts, upto, total = counts[total > 0], upto[total > 0], total[total > 0]
        low = np.argmax(upto > ((total - 1) // 2)[:, None], axis=1)
        high = np.argmax(upto > (total // 2)[:, None], axis=1)
        medians.append((ordered[low] + ordered[high]) / 2)
        means.append((counts * ordered).sum(axis=1) / total)
    return np.concatenate(medians), np.concatenate(means)
