"""Accounts of a document under shocks: the tables that `crossfire margin stress` shows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from abm.errors import StatementError, UserError, nearest
from abm.margin.book import Book
from abm.margin.concentration import collateral_concentration, interest_concentration, utilisation
from abm.margin.reverse_stress import broken_share, reverse_stress, smallest_fall, smallest_in_norm
from abm.margin.stress import scenario_grid, stress, stress_totals
from experiments.valuing import Valued

__all__ = ["Shocks", "Stressed", "numbers", "stress_document"]


@dataclass(frozen=True, slots=True)
class Shocks:
    """What is asked for: the lead asset ("": the first), relative price shocks, factors of implied volatility, pairs of
    correlation and own shock, and the part of the protocol that a reverse stress has to break."""

    lead: str
    prices: tuple[float, ...]
    vols: tuple[float, ...]
    correlations: tuple[tuple[float, float], ...]
    part: float


@dataclass(frozen=True, slots=True)
class Stressed:
    """Frames: totals a scenario, accounts a scenario, the smallest shock of each account, of the protocol; concentration
    of interest and of collateral, and use of collateral."""

    lead: str
    totals: pl.DataFrame
    accounts: pl.DataFrame
    reverse: pl.DataFrame
    protocol: pl.DataFrame
    interest: pl.DataFrame
    collateral: pl.DataFrame
    use: pl.DataFrame

    def plain(self) -> dict[str, Any]:
        """All of it as lists of tables."""
        frames = ("totals", "accounts", "reverse", "protocol", "interest", "collateral", "use")
        return {"lead": self.lead} | {name: getattr(self, name).to_dicts() for name in frames}


def numbers(option: str, text: str) -> tuple[float, ...]:
    """A list of numbers out of a word on the command line, such as -0.3,-0.1,0.

    Raises
    ------
    UserError
        A part of it is no finite number.
    """
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(f"{option} {text}", "is no list of numbers", "write it as -0.3,-0.1,0") from error
    if not all(np.isfinite(found)):
        raise UserError(f"{option} {text}", "has a number that is not finite", "leave it out")
    return found


def stress_document(valued: Valued, place: str, shocks: Shocks) -> Stressed:
    """All tables of a document's accounts.

    Raises
    ------
    StatementError
        Nothing in it can move, or the lead asset is none of it.
    UserError
        A shock is out of range.
    """
    book = valued.book
    names = book.assets.names
    if not names:
        raise StatementError(f"{place}: accounts", "hold nothing whose price can move", "add a position or collateral")
    lead = shocks.lead or names[0]
    if lead not in names:
        raise UserError(f"--lead {lead}", "is none of what the accounts hold", nearest(lead, names))
    try:
        grid = scenario_grid(
            book.assets, lead, shocks.prices, vol_shocks=shocks.vols, correlations=shocks.correlations
        )  # fmt: skip
    except ValueError as error:
        raise UserError("--price, --vol, --correlation", str(error), "change it") from error
    told = dict(zip(book.ledger.id.tolist(), valued.document.names, strict=True))
    return Stressed(
        lead, stress_totals(book, grid), _named(stress(book, grid), told),
        _named(reverse_stress(book, covariance=valued.covariance), told), _protocol(valued, book, shocks.part),
        interest_concentration(book), collateral_concentration(book, settlement=valued.unit),
        _named(utilisation(book), told),
    )  # fmt: skip


def _named(frame: pl.DataFrame, names: dict[int, str]) -> pl.DataFrame:
    """Accounts by the document's names."""
    return frame.with_columns(pl.col("account").replace_strict(names, return_dtype=pl.String))


def _protocol(valued: Valued, book: Book, part: float) -> pl.DataFrame:
    """`measure, of, part, fall, distance, broken` and the moves by asset: the smallest shocks that break a part of it."""
    rows: list[dict[str, Any]] = []
    for measure in ("free_margin", "equity"):
        for weight in ("accounts", "notional"):
            try:
                share = broken_share(book, measure, weight)
            except ValueError:  # nobody has any
                continue
            fall = smallest_fall(share, part, len(book.assets))
            near = smallest_in_norm(share, part, valued.covariance)
            moves: dict[str, Any] = {
                f"move_{n}": float(m) for n, m in zip(book.assets.names, np.expm1(near.move), strict=True)
            }
            rows.append(
                {"measure": "liquidatable" if measure == "free_margin" else "insolvent", "of": weight, "part": part}
                | {"fall": fall.size, "distance": near.size, "broken": near.share} | moves
            )  # fmt: skip
    frame = pl.DataFrame(rows)
    return frame.with_columns(pl.col(pl.Float64).replace([np.inf, np.nan], None))
