"""The same accounts under two sets of margin rules: what each requires, and how far each leaves them from liquidation.

Capital use is initial margin over notional, its inverse the leverage that the rules allow; distances are to where free
margin is zero: the smallest move of all prices alike, up or down, and the nearest in the norm of a covariance.  Worse off
is an account under the rules that liquidate it sooner; that they also ask for more margin is told apart, because a rule
can ask for more to open and less to stay.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abm.margin.bankruptcy import factor_distance
from abm.margin.book import Book
from abm.margin.design_point import design_point

__all__ = ["SIDES", "compare", "compare_totals"]

Floats = NDArray[np.float64]

SIDES = ("a", "b")
EVEN = 1e-9
"""Relative difference up to which two figures are equal."""


def compare(a: Book, b: Book, *, covariance: Floats | None = None) -> pl.DataFrame:
    """One row an account, columns ending in `_a` and `_b` for the two.

    `notional, equity, margin_equity, im, mm, free_margin`; `capital_use` (im over notional) and `leverage` (notional over
    im), null without; `move`, the smallest relative move of all prices alike that makes it liquidatable (-0.1: a fall by a
    tenth; 0: it is already; null: none does), and with a covariance `distance` in standard deviations.  `asks_more` and
    `worse_off` are `a`, `b` or `equal`: under which more initial margin is asked for, and liquidation is nearer (by `distance`
    where there is one, by `move` otherwise).

    Raises
    ------
    ValueError
        The two are not of the same accounts.
    """
    if not np.array_equal(a.ledger.id[a.rows], b.ledger.id[b.rows]):
        raise ValueError("accounts to compare must be the same under both, in the same order")
    sides = [_side(book, covariance) for book in (a, b)]
    columns = {"account": a.ledger.id[a.rows]} | {
        f"{name}_{which}": side[name] for name in sides[0] for which, side in zip(SIDES, sides, strict=True)
    }
    far = "distance" if covariance is not None else "move"
    near = [np.abs(np.where(np.isnan(side[far]), np.inf, side[far])) for side in sides]
    return pl.DataFrame(columns).with_columns(
        pl.col(pl.Float64).fill_nan(None),
        asks_more=pl.Series(_larger(sides[0]["im"], sides[1]["im"])),
        worse_off=pl.Series(_larger(near[1], near[0])),
    )


def _side(book: Book, covariance: Floats | None) -> dict[str, Floats]:
    """What one set of rules makes of the accounts."""
    view = book.assess(book.terms)

    def over(part: Floats, whole: Floats) -> Floats:
        return np.asarray(np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0.0))

    side = {
        "notional": view.notional, "equity": view.equity, "margin_equity": view.margin_equity, "im": view.im,
        "mm": view.mm, "free_margin": view.free_margin, "capital_use": over(view.im, view.notional),
        "leverage": over(view.notional, view.im),
        "move": np.expm1(factor_distance(book, np.ones(len(book.assets)), measure="free_margin")),
    }  # fmt: skip
    if covariance is not None:
        found = design_point(book, covariance, measure="free_margin").distance
        side["distance"] = np.where(np.isinf(found), np.nan, found)
    return side


def _larger(a: Floats, b: Floats) -> list[str]:
    """Which of two figures is larger, one by one."""
    even = a == b
    known = np.isfinite(a) & np.isfinite(b)
    even[known] |= np.abs(a[known] - b[known]) <= EVEN * np.maximum(np.abs(a[known]), np.abs(b[known]))
    return [str(side) for side in np.where(even, "equal", np.where(a > b, *SIDES))]


def compare_totals(frame: pl.DataFrame) -> pl.DataFrame:
    """Two rows, one a set of rules, of what `compare` found.

    `rules` (`a` or `b`), `accounts`, sums of `notional, im, mm`, `capital_use` and `leverage` of them all together,
    `liquidatable` accounts, the median `move` and `distance` as sizes over accounts that have one, and how many accounts are
    `worse_off` and `asked_more` under these rules than under the other.
    """
    rows = []
    for which in SIDES:
        notional, im, mm = (float(frame[f"{name}_{which}"].sum()) for name in ("notional", "im", "mm"))
        row = {
            "rules": which,
            "accounts": frame.height,
            "notional": notional,
            "im": im,
            "mm": mm,
            "capital_use": im / notional if notional > 0.0 else None,
            "leverage": notional / im if im > 0.0 else None,
            "liquidatable": frame.filter(pl.col(f"move_{which}") == 0.0).height,
            "move": frame[f"move_{which}"].abs().median(),
        }
        if f"distance_{which}" in frame.columns:
            row["distance"] = frame[f"distance_{which}"].median()
        row["worse_off"] = frame.filter(pl.col("worse_off") == which).height
        row["asked_more"] = frame.filter(pl.col("asks_more") == which).height
        rows.append(row)
    return pl.DataFrame(rows)
