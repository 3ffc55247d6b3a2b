"""Accounts of a JSON document under a preset: what `crossfire margin` shows."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abm.errors import StatementError, nearest
from abm.margin.book import Assets, Book
from abm.margin.design_point import design_point
from abm.margin.engine import Engine, UnknownAsset
from abm.margin.families.isolated import Isolated
from abm.margin.families.table import FAMILIES
from abm.margin.liquidation_price import liquidation_price
from abm.margin.portfolio.parameters import GridMarket, ScenarioGridParameters
from abm.margin.preset import Preset
from abm.margin.refusal import RefusedAccount
from abm.margin.statement_file import Document, read_document
from abm.margin.valuation import Valuation, value

__all__ = ["Valued", "account_row", "account_rows", "read_accounts_json", "value_document"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Valued:
    """A document and its accounts as a preset's engine sees them."""

    preset: Preset
    document: Document
    valuation: Valuation

    @property
    def unit(self) -> str:
        """What amounts are in: the settlement asset, or the coin where contracts are settled in their own."""
        coin_settled = self.valuation.engine.coin_settled
        return self.valuation.markets[0] if coin_settled and self.valuation.markets else self.document.settlement

    @property
    def book(self) -> Book:
        """All accounts, with the assets that can move; the settlement asset and what is worth as much stand still."""
        still = tuple(c for c in self.valuation.coins if self._is_par(c))
        return Book.of(self.valuation, Assets.of(self.valuation.markets, self.valuation.coins, still=still))

    def _is_par(self, coin: str) -> bool:
        """Whether a collateral is a dollar, which moves only where its volatility is told."""
        return abs(self.document.coin_prices[coin] - 1.0) < 0.05 and coin not in self.document.volatility

    @property
    def covariance(self) -> Floats:
        """float64[A, A] of the assets' daily log returns, a dated future's being its underlying's; volatilities of one and no
        correlation where no volatility is told."""
        told, names = self.document.volatility, self.spots
        sigma = np.array([told[name] if told else 1.0 for name in names])
        same = np.array([[one == other for other in names] for one in names], np.bool_).reshape(len(names), len(names))
        correlation = np.where(same, 1.0, self.document.correlation if told else 0.0)
        return np.asarray(sigma[:, None] * correlation * sigma)

    @property
    def spots(self) -> list[str]:
        """What each asset that can move moves with: itself, or the underlying of a dated future."""
        futures = self.document.futures
        return [futures[name][0] if name in futures else name for name in self.book.assets.names]

    @property
    def metric(self) -> str:
        """What the buffer is measured in."""
        if self.document.volatility:
            return "nearest move of all prices at which equity is gone, in daily standard deviations"
        return "nearest move of all prices at which equity is gone, as the norm of log returns (no volatility is given)"


def read_accounts_json(path: Path) -> tuple[str, str]:
    """The text of a document and how errors call it; `-` is standard input.

    Raises
    ------
    StatementError
        It cannot be read.
    """
    if str(path) == "-":
        return _piped(), "standard input"
    try:
        return path.read_text("utf-8-sig"), str(path)
    except OSError as error:
        raise StatementError(
            str(path), f"cannot be read ({error.strerror})", "give a JSON file, or - for a pipe"
        ) from error
    except UnicodeDecodeError as error:
        raise StatementError(str(path), "is no text in UTF-8", "give a JSON file") from error


def _piped() -> str:
    try:
        return sys.stdin.read().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise StatementError("standard input", "is no text in UTF-8", "pipe a JSON document") from error


def value_document(text: str, place: str, preset: Preset, *, isolated: bool = False) -> Valued:
    """Read a document and value its accounts, each position alone with its part of the collateral where `isolated`.

    Raises
    ------
    StatementError
        The document is wrong, the preset lacks one of its assets, its family has no options or dated futures, or it cannot value one of the
        accounts.
    """
    family = FAMILIES[preset.family]
    document = read_document(text, place, lends=family.lends)
    _check_kinds(document, place, preset)
    preset = _with_futures(document, place, preset)
    engine: type[Engine] = Isolated.around(family) if isolated else family
    try:
        made = value(
            preset, document.statements, document.prices, document.coin_prices, family=engine,
            funding=document.funding, state=document.state,
        )  # fmt: skip
    except UnknownAsset as error:
        raise _unknown(document, place, preset, error) from error
    except RefusedAccount as error:
        what, _, remedy = error.what.partition("; ")
        where = f"{place}: accounts.{error.row}.{error.key}"
        raise StatementError(where, what, remedy or "mend the account") from error
    valued = Valued(preset, document, made)
    if document.volatility and (bare := next((n for n in valued.spots if n not in document.volatility), None)):
        raise StatementError(
            f"{place}: volatility", f"has none of {bare}, which is held", "add it, or leave volatility out"
        )
    return valued


def _check_kinds(document: Document, place: str, preset: Preset) -> None:
    """Options where the family has none, and balances in a form that it cannot have."""
    family = FAMILIES[preset.family]
    for i, account in enumerate(document.statements):
        if family.coin_settled and document.quoted[i]:
            raise StatementError(
                f"{place}: accounts.{i}.quote", f"is a balance in USD, and preset {preset.name} settles in the coin",
                "give cash in coins, and the entry of each position",
            )  # fmt: skip
        if account.legs and not family.options:
            raise StatementError(
                f"{place}: accounts.{i}.options",
                f"preset {preset.name} has no options",
                "leave them out, or take derive_pmrm",
            )


def _with_futures(document: Document, place: str, preset: Preset) -> Preset:
    """The preset with the document's dated futures among its markets, each under the rules of its underlying."""
    if not document.futures:
        return preset
    rules = preset.parameters
    if not isinstance(rules, ScenarioGridParameters):
        raise StatementError(
            f"{place}: futures", f"preset {preset.name} has no dated futures", "leave them out, or take derive_pmrm"
        )
    added = {}
    for i, (market, (underlying, seconds)) in enumerate(document.futures.items()):
        if underlying not in rules.markets:
            raise StatementError(
                f"{place}: futures.{i}.underlying", f"preset {preset.name} has no market {underlying}",
                nearest(underlying, rules.markets),
            )  # fmt: skip
        if market in rules.markets:
            raise StatementError(
                f"{place}: futures.{i}.market",
                f"preset {preset.name} has a market {market} already",
                "give another name",
            )
        added[market] = GridMarket(underlying=rules.markets[underlying].underlying, seconds=seconds)
    return replace(preset, parameters=rules.model_copy(update={"markets": rules.markets | added}))


def _unknown(document: Document, place: str, preset: Preset, error: UnknownAsset) -> StatementError:
    """Which account, and which key of it, holds what the preset does not have."""
    where = f"prices.{error.asset}" if error.what == "market" else f"collateral_prices.{error.asset}"
    for i, account in enumerate(document.statements):
        names: Mapping[str, Any] = account.collateral
        if error.what == "market":
            names = {p.market: p for p in account.positions}
        if error.asset in names:
            key = "positions" if error.what == "market" else "collateral"
            where = f"accounts.{i}.{key}.{error.asset}"
            break
    return StatementError(
        f"{place}: {where}",
        f"preset {preset.name} has no {error.what} {error.asset}",
        nearest(error.asset, error.known) if error.known else f"it has no {error.what} at all, leave it out",
    )


def account_rows(valued: Valued) -> list[dict[str, Any]]:
    """What `crossfire margin --json` prints: one table of keys an account, in the document's order."""
    view, ledger, terms = valued.valuation.view, valued.valuation.ledger, valued.valuation.terms
    engine, rows = valued.valuation.engine, np.arange(len(valued.document.names))
    buffer = (
        design_point(valued.book, valued.covariance).distance if len(valued.book.assets) else np.full(len(rows), np.inf)
    )
    liquidated = liquidation_price(engine, ledger, terms, rows)
    bankrupt = engine.bankruptcy_price(ledger, terms, rows)
    required = engine.requirement(ledger, terms, rows)
    free = view.free_margin
    table = []
    for i, name in enumerate(valued.document.names):
        equity, mm = float(view.equity[i]), float(view.mm[i])
        table.append(
            {
                "account": name, "equity": equity, "margin_equity": float(view.margin_equity[i]),
                "im": float(view.im[i]), "mm": mm, "free_margin": float(free[i]),
                "health": float(view.margin_equity[i]) / mm if mm > 0.0 else None,
                "buffer": float(buffer[i]) if np.isfinite(buffer[i]) else None, "notional": float(view.notional[i]),
                "state": _state(equity, float(view.margin_equity[i]), float(view.im[i]), mm),
                "positions": [
                    {
                        "market": valued.valuation.markets[ledger.slot_market[i, k]], "size": float(ledger.slot_size[i, k]),
                        "price": float(terms.price[ledger.slot_market[i, k]]), "requirement": float(required[i, k]),
                        "liquidation_price": _known(liquidated[i, k]), "bankruptcy_price": _known(bankrupt[i, k]),
                    }
                    for k in np.flatnonzero(ledger.slot_market[i] >= 0)
                ],
            }
        )  # fmt: skip
    return table


def account_row(valued: Valued, row: int) -> dict[str, Any]:
    """The same of one account."""
    return account_rows(valued)[row]


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _state(equity: float, margin_equity: float, im: float, mm: float) -> str:
    """What may happen to an account now."""
    if equity < 0.0:
        return "insolvent"
    if margin_equity < mm:
        return "liquidatable"
    return "below initial" if margin_equity < im else "safe"
