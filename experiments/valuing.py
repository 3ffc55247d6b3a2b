"""Accounts of a JSON document under a preset: what `crossfire margin` shows."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abm.errors import StatementError, nearest
from abm.margin.engine import UnknownAsset
from abm.margin.families.table import FAMILIES
from abm.margin.preset import Preset
from abm.margin.statement_file import Document, read_document
from abm.margin.valuation import Valuation, value

__all__ = ["Valued", "read_accounts_json", "value_document"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Valued:
    """A document and its accounts as a preset's engine sees them."""

    preset: Preset
    document: Document
    valuation: Valuation

    @property
    def market_names(self) -> tuple[str, ...]:
        """Names of the markets in the order of the columns."""
        return self.valuation.markets


def read_accounts_json(path: Path) -> tuple[str, str]:
    """The text of a document and how errors call it; `-` is standard input.

    Raises
    ------
    StatementError
        It cannot be read.
    """
    if str(path) == "-":
        return sys.stdin.read(), "standard input"
    try:
        return path.read_text("utf-8"), str(path)
    except OSError as error:
        raise StatementError(
            str(path), f"cannot be read ({error.strerror})", "give a JSON file, or - for a pipe"
        ) from error
    except UnicodeDecodeError as error:
        raise StatementError(str(path), "is no text in UTF-8", "give a JSON file") from error


def value_document(text: str, place: str, preset: Preset) -> Valued:
    """Read a document and value its accounts.

    Raises
    ------
    StatementError
        The document is wrong, the preset lacks one of its assets, or its family has no options.
    """
    family = FAMILIES[preset.family]
    document = read_document(text, place, lends=family.lends)
    _check_options(document, place, preset)
    try:
        made = value(
            preset, document.statements, document.prices, document.coin_prices, funding=document.funding,
            state=document.state,
        )  # fmt: skip
    except UnknownAsset as error:
        raise _unknown(document, place, preset, error) from error
    return Valued(preset, document, made)


def _check_options(document: Document, place: str, preset: Preset) -> None:
    if FAMILIES[preset.family].options:
        return
    for i, account in enumerate(document.statements):
        if account.legs:
            raise StatementError(
                f"{place}: accounts.{i}.options",
                f"preset {preset.name} has no options",
                "leave them out, or take derive_pmrm",
            )


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
        nearest(error.asset, error.known),
    )
