"""Accounts and the market they stand in, as a JSON document (docs/margin.md), checked and turned into columns."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from abm.errors import StatementError, nearest
from abm.forms import explain
from abm.margin.state import MarketState, Series
from abm.margin.statement import Leg, Position, Statement
from abm.margin.statement_form import (
    MOST_LEGS,
    AccountForm,
    DocumentForm,
    FutureForm,
    LegForm,
    MarketForm,
    PositionForm,
    SeriesForm,
    TokenForm,
)

__all__ = ["MOST_LEGS", "Document", "read_document"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Document:
    """A document as read.

    `prices` and `coin_prices` are of what somebody holds, in the order of the columns; `volatility` of daily log returns
    by asset may be empty; `quoted` says which accounts gave a quote number instead of cash; `futures` the underlying and the
    seconds to expiry of dated futures by market.
    """

    names: tuple[str, ...]
    quoted: tuple[bool, ...]
    statements: tuple[Statement, ...]
    settlement: str
    prices: Mapping[str, float]
    coin_prices: Mapping[str, float]
    funding: Floats
    series_names: tuple[str, ...]
    state: MarketState
    volatility: Mapping[str, float]
    correlation: float
    futures: Mapping[str, tuple[str, float]]


def read_document(text: str, place: str, *, lends: bool) -> Document:
    """A document's accounts and market.

    Parameters
    ----------
    text, place
        The JSON, and how errors call it.
    lends
        Whether the protocol lends coins, so that a balance may be below zero.

    Raises
    ------
    StatementError
        It is no JSON, a key is unknown, missing or out of range, a name is not defined, a balance is negative where none
        can be, or an expiry is past.
    """
    if not text.strip():
        raise StatementError(place, "is empty", 'write {"prices": {...}, "accounts": [...]}')
    try:
        raw = json.loads(text, object_pairs_hook=_no_doubles)
    except _DoubleKey as error:
        raise StatementError(place, f"has the key '{error}' twice in one table", "keep one") from error
    except RecursionError as error:
        raise StatementError(place, "is no JSON (tables in tables without end)", "mend the syntax") from error
    except json.JSONDecodeError as error:
        raise StatementError(place, f"is no JSON ({error})", "mend the syntax") from error
    except ValueError as error:
        raise StatementError(place, "has a number of thousands of digits", "write it in a few") from error
    if not isinstance(raw, dict):
        raise StatementError(place, "is no table of keys", 'write {"prices": {...}, "accounts": [...]}')
    try:
        form = DocumentForm.model_validate(raw)
    except ValidationError as error:
        raise _misshapen(error, place) or explain(DocumentForm, error, place, StatementError) from error
    return _Reader(form, place, lends).document()


def _misshapen(error: ValidationError, place: str) -> StatementError | None:
    """What is wrong, in the words of JSON, where a table or a list stands for something else, or a list is too long."""
    found = error.errors()
    if any(e["type"] == "extra_forbidden" for e in found):
        return None
    first = found[0]
    where = f"{place}: {'.'.join(str(part) for part in first['loc'])}"
    match first["type"]:
        case "too_long":
            many, most = first["ctx"]["actual_length"], first["ctx"]["max_length"]
            return StatementError(where, f"are {many:,}, and {most:,} are the most", "split them between accounts")
        case "tuple_type":
            return StatementError(where, "is no list", "write [...]")
        case "model_type" | "dict_type":
            return StatementError(where, "is no table of keys", 'write {"key": value}')
    return None


class _DoubleKey(Exception):
    """A key that is there twice."""


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen:
            raise _DoubleKey(key)
        seen[key] = value
    return seen


class _Reader:
    """Names resolved against each other."""

    def __init__(self, form: DocumentForm, place: str, lends: bool) -> None:
        self.form, self.place, self.lends = form, place, lends
        used = {p.market for a in form.accounts for p in a.positions}
        used |= {s.underlying for s in form.series} | {f.underlying for f in form.futures}
        held = {asset for account in form.accounts for asset in account.collateral}
        self.prices = {m: price for m, price in form.prices.items() if m in used}
        self.coins = [*(c for c in form.collateral_prices if c in held), *sorted(held - form.collateral_prices.keys())]
        self.series_at = {s.name: i for i, s in enumerate(form.series)}

    def error(self, where: str, what: str, remedy: str) -> StatementError:
        return StatementError(f"{self.place}: {where}", what, remedy)

    def document(self) -> Document:
        coin_prices = {asset: self.coin_price(asset) for asset in self.coins}
        for table in ("funding", "markets"):
            for name in getattr(self.form, table):
                if name not in self.form.prices:
                    raise self.error(f"{table}.{name}", "has no price", "add it to prices, or leave it out")
        for name in self.form.tokens:
            if name not in {*self.form.collateral_prices, *coin_prices, self.form.settlement}:
                raise self.error(
                    f"tokens.{name}", "is neither the settlement asset nor collateral", "add it to collateral_prices"
                )
        names = [str(a.account if a.account is not None else i) for i, a in enumerate(self.form.accounts)]
        seen: set[str] = set()
        for i, name in enumerate(names):
            if name in seen:
                raise self.error(f"accounts.{i}.account", f"'{name}' is there twice", "give every account its own name")
            seen.add(name)
        return Document(
            names=tuple(names), quoted=tuple(a.quote is not None for a in self.form.accounts), statements=tuple(self.statement(i, a) for i, a in enumerate(self.form.accounts)),
            settlement=self.form.settlement, prices=self.prices, coin_prices=coin_prices,
            funding=np.array([self.form.funding.get(m, 0.0) for m in self.prices], dtype=np.float64),
            series_names=tuple(s.name for s in self.form.series), state=self.state(coin_prices),
            volatility=dict(self.form.volatility), correlation=self.form.correlation, futures=self.futures(),
        )  # fmt: skip

    def coin_price(self, asset: str) -> float:
        """A collateral's price: its own, or the market's of its name."""
        price = self.form.collateral_prices.get(asset, self.prices.get(asset))
        if price is None:
            i = next(i for i, a in enumerate(self.form.accounts) if asset in a.collateral)
            raise self.error(
                f"accounts.{i}.collateral.{asset}", "has no price", "add it to collateral_prices, or mend the name"
            )
        return price

    def statement(self, i: int, form: AccountForm) -> Statement:
        """One account, checked against the names of the document."""
        for asset, amount in form.collateral.items():
            if amount < 0.0 and not self.lends:
                raise self.error(
                    f"accounts.{i}.collateral.{asset}", f"is negative ({amount:g}), and this protocol lends no coins",
                    "give what is held",
                )  # fmt: skip
        positions = tuple(self.position(i, k, p) for k, p in enumerate(form.positions) if p.size != 0.0)
        legs = tuple(self.leg(i, k, leg) for k, leg in enumerate(form.options) if leg.size != 0.0)
        cash = form.cash or 0.0
        if form.quote is not None:
            cash = form.quote + sum(p.size * (p.entry - p.funding) for p in positions)
        return Statement(cash, dict(form.collateral), positions, legs, form.category)

    def position(self, i: int, k: int, form: PositionForm) -> Position:
        if form.market not in self.prices:
            raise self.error(
                f"accounts.{i}.positions.{k}.market",
                f"'{form.market}' has no price",
                nearest(form.market, self.form.prices),
            )
        funding = form.funding if form.funding is not None else self.form.funding.get(form.market, 0.0)
        return Position(form.market, form.size, form.entry or self.prices[form.market], funding)

    def leg(self, i: int, k: int, form: LegForm) -> Leg:
        if form.series not in self.series_at:
            raise self.error(
                f"accounts.{i}.options.{k}.series", f"'{form.series}' is not among the series",
                nearest(form.series, self.series_at) if self.series_at else "add it to series",
            )  # fmt: skip
        return Leg(self.series_at[form.series], form.size, form.entry)

    def state(self, coin_prices: Mapping[str, float]) -> MarketState:
        """What is known of the protocol besides prices."""
        price, coins = np.array(list(self.prices.values())), np.array(list(coin_prices.values()))
        quiet = MarketState.quiet(price, coins, self.series())
        market = [self.form.markets.get(m, MarketForm()) for m in self.prices]
        tokens = [self.form.tokens.get(t, TokenForm()) for t in (self.form.settlement, *coin_prices)]
        return replace(
            quiet,
            skew=_column([m.skew for m in market]), open_interest=_column([m.open_interest for m in market]),
            index=_column([m.index or p for m, p in zip(market, self.prices.values(), strict=True)]),
            stable=_column([m.stable or p for m, p in zip(market, self.prices.values(), strict=True)]),
            index_confidence=_column([m.index_confidence for m in market]),
            perp_confidence=_column([m.perp_confidence for m in market]),
            pool_long=_column([m.pool_long for m in market]), pool_short=_column([m.pool_short for m in market]),
            coin_confidence=_column([t.confidence for t in tokens[1:]]),
            token_stable=_column(
                [t.stable or p for t, p in zip(tokens, [self.form.settlement_price, *coin_prices.values()], strict=True)]
            ),
            deposits=_column([t.deposits for t in tokens]), borrows=_column([t.borrows for t in tokens]),
            settlement_price=self.form.settlement_price,
        )  # fmt: skip

    def series(self) -> Series:
        """The option series as columns."""
        forms, at = self.form.series, {m: i for i, m in enumerate(self.prices)}
        if len(self.series_at) < len(forms):
            raise self.error("series", "has a name twice", "give every series its own name")
        for i, s in enumerate(forms):
            if s.underlying not in at:
                raise self.error(f"series.{i}.underlying", f"'{s.underlying}' has no price", nearest(s.underlying, at))
        index = {m: (self.form.markets.get(m, MarketForm()).index or p) for m, p in self.prices.items()}
        return Series(
            underlying=np.array([at[s.underlying] for s in forms], np.int16),
            call=np.array([s.type == "call" for s in forms], np.bool_), strike=_column([s.strike for s in forms]),
            seconds=_column([self.seconds(f"series.{i}", s, "series") for i, s in enumerate(forms)]),
            forward=_column([s.forward or index[s.underlying] for s in forms]), rate=_column([s.rate for s in forms]),
            vol=_column([s.vol for s in forms]), forward_confidence=_column([s.forward_confidence for s in forms]),
            rate_confidence=_column([s.rate_confidence for s in forms]),
            vol_confidence=_column([s.vol_confidence for s in forms]),
        )  # fmt: skip

    def futures(self) -> dict[str, tuple[str, float]]:
        """Underlying and seconds to expiry of each dated future."""
        made: dict[str, tuple[str, float]] = {}
        for i, f in enumerate(self.form.futures):
            for key, name in (("market", f.market), ("underlying", f.underlying)):
                if name not in self.form.prices:
                    raise self.error(f"futures.{i}.{key}", f"'{name}' has no price", nearest(name, self.form.prices))
            if f.market in made:
                raise self.error(f"futures.{i}.market", f"'{f.market}' is there twice", "keep one")
            if f.market == f.underlying:
                raise self.error(f"futures.{i}.underlying", "is the future itself", "name the market of its spot")
            made[f.market] = (f.underlying, self.seconds(f"futures.{i}", f, "future"))
        return made

    def seconds(self, where: str, form: SeriesForm | FutureForm, what: str) -> float:
        """Seconds to an expiry, which must lie ahead."""
        if (form.seconds is None) == (form.expiry is None):
            raise self.error(where, "has not exactly one of seconds and expiry", "give one of them")
        if form.seconds is not None:
            return form.seconds
        if self.form.time is None:
            raise self.error(f"{where}.expiry", "is a date, and the document has no time", "add time, or seconds")
        ahead = (self.moment(f"{where}.expiry", str(form.expiry)) - self.moment("time", self.form.time)).total_seconds()
        if ahead <= 0.0:
            raise self.error(f"{where}.expiry", f"'{form.expiry}' is not after time", f"leave the expired {what} out")
        return ahead

    def moment(self, where: str, text: str) -> datetime:
        """A moment, UTC where it names no zone."""
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise self.error(where, f"'{text}' is no moment", "write it as 2026-12-25T08:00:00Z") from error
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _column(values: Sequence[float]) -> Floats:
    return np.array(values, dtype=np.float64)
