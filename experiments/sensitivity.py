"""What matters most in a latin hypercube: partial rank correlations of levers with outcomes.

A hypercube moves every lever at once, so it has no pairs to difference.  The partial rank
correlation coefficient (Marino, Hogue, Ray, Kirschner 2008) is the correlation of an outcome's
rank with a lever's rank after the linear effect of the other levers' ranks is taken out of both:
+1 rises always with it, -1 falls always, 0 no monotone effect.
"""

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import rankdata

from experiments.design import Design, factors
from experiments.effects import outcome_values, rows_at

__all__ = ["interval", "partial_rank_correlations", "rank_correlations"]

type Floats = NDArray[np.float64]

SCHEMA = {
    "outcome": pl.String,
    "lever": pl.String,
    "runs": pl.Int64,
    "correlation": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}


def rank_correlations(design: Design, frame: pl.DataFrame) -> pl.DataFrame:
    """Partial rank correlation of each outcome with each lever, with a 95 % interval.

    Parameters
    ----------
    design
        A design of kind `latin_hypercube`.
    frame
        Its finished runs, as `experiments.store.assemble` gives them.

    Returns
    -------
    pl.DataFrame
        One row per outcome and lever.  Points count once for the interval, however many seeds
        each has.  Levers with values count by their place in the list.  Null where the outcome
        does not vary or the points are too few.

    Raises
    ------
    DesignError
        The design names an outcome that the runs do not have, or that is not a number.
    """
    if not frame.height:
        return pl.DataFrame(schema=SCHEMA)
    names, levers = _coded(design, frame)
    rows: list[dict[str, object]] = []
    for outcome, values in outcome_values(design, frame).items():
        there = ~np.isnan(values)
        points = np.unique(levers[there], axis=0).shape[0]
        told = partial_rank_correlations(levers[there], values[there])
        for j, name in enumerate(names):
            row: dict[str, object] = {"outcome": outcome, "lever": name, "runs": int(there.sum())}
            if told is not None:
                row["correlation"] = float(told[j])
                row["low"], row["high"] = interval(float(told[j]), points, len(names) - 1)
            rows.append(row)
    return pl.DataFrame(rows, schema=SCHEMA)


def partial_rank_correlations(levers: Floats, outcome: Floats) -> Floats | None:
    """Coefficient of each column of `levers` [runs, levers] with `outcome` [runs]; None where undefined."""
    ranks = rankdata(np.column_stack((levers, outcome)), axis=0)
    ranks -= ranks.mean(axis=0)
    scale = np.sqrt((ranks**2).sum(axis=0))
    if ranks.shape[0] <= ranks.shape[1] or not scale.all():
        return None
    ranks /= scale
    correlation = ranks.T @ ranks
    if np.linalg.matrix_rank(correlation, tol=1e-9, hermitian=True) < correlation.shape[0]:
        return None
    precision = np.linalg.inv(correlation)
    diagonal = np.diag(precision)
    coefficients: Floats = -precision[:-1, -1] / np.sqrt(diagonal[:-1] * diagonal[-1])
    return coefficients


def interval(correlation: float, points: int, others: int) -> tuple[float | None, float | None]:
    """95 % interval of a partial rank correlation of some points, `others` taken out; None if too few.

    Fisher's transformation with the standard error of Bonett and Wright (2000) for ranks.
    """
    freedom = points - 3 - others
    if freedom < 1:
        return None, None
    centre = math.atanh(max(-1 + 1e-12, min(1 - 1e-12, correlation)))
    half = 1.959964 * math.sqrt((1 + correlation**2 / 2) / freedom)
    return math.tanh(centre - half), math.tanh(centre + half)


def _coded(design: Design, frame: pl.DataFrame) -> tuple[list[str], Floats]:
    """Names and numbers of all levers, [runs, levers]; those with levels by their place."""
    levelled = {factor.name: factor.levels for factor in factors(design)}
    names = [*(["scenario"] if "scenario" in levelled else []), *(lever.name for lever in design.levers)]
    columns = []
    for name in names:
        if name not in levelled:
            columns.append(frame[name].to_numpy().astype(np.float64))
            continue
        places = np.zeros(frame.height)
        for place, value in enumerate(levelled[name]):
            places[rows_at(frame[name], value)] = place
        columns.append(places)
    return names, np.column_stack(columns)
