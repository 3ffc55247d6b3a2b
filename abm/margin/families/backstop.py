"""Hyperliquid-like exchanges: maintenance of half the initial margin at the largest leverage, and a vault behind the book.

Maintenance = n * rate(t) - deduction(t), rate(t) = 1 / (2 * max leverage(t)), t the tier of the position's notional
(hyperliquid.gitbook.io, trading/margin-tiers); initial = n / max leverage(t).  Cross equity against the sum; what happens
below is in `abm.margin.rules.backstop`.  Liquidation price: price - side * available / size / (1 - side * rate), with
available = account value less maintenance (trading/liquidations).
"""

from collections.abc import Sequence
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from abm.ledger import SYSTEM, Ledger
from abm.margin.engine import Parameters, Terms, chosen
from abm.margin.families.tiered import Tiered
from abm.margin.rules.backstop import NONE, stage
from abm.margin.tiers import Schedule, check_tiers

__all__ = ["Backstop", "BackstopLiquidation", "BackstopMarket", "BackstopParameters"]

Ints = NDArray[np.int64]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Leverage = Annotated[float, Field(ge=1, allow_inf_nan=False)]
Fraction = Annotated[float, Field(gt=0, le=1)]


class BackstopMarket(Parameters):
    """One market."""

    tiers: tuple[tuple[NonNegative, Leverage], ...] = Field(
        min_length=1, description="by tier: notional at which it starts, USDC; largest leverage"
    )

    @field_validator("tiers")
    @classmethod
    def _in_order(cls, tiers: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        initial = [1.0 / leverage for _, leverage in tiers]
        check_tiers([floor for floor, _ in tiers], [0.5 * rate for rate in initial], initial)
        return tiers


class BackstopLiquidation(Parameters):
    """What happens below maintenance (`abm.margin.rules.backstop`)."""

    vault_at: Fraction = Field(description="part of maintenance below which the vault takes over")
    large: NonNegative = Field(description="notional above which only a part is sent at first, USDC")
    part: Fraction = Field(description="that part")
    cooldown: NonNegative = Field(description="seconds after it in which whole positions are sent")


class BackstopParameters(Parameters):
    """Markets by asset; there is no collateral but the settlement asset."""

    markets: dict[str, BackstopMarket]
    liquidation: BackstopLiquidation


class Backstop(Tiered):
    """Cross margin with a backstop vault; `liquidation` are its rules."""

    Parameters = BackstopParameters
    stateful = False

    liquidation: BackstopLiquidation

    @classmethod
    def build(cls, parameters: BackstopParameters, markets: Sequence[str], coins: Sequence[str]) -> Self:
        """The engine of a preset."""
        chosen_markets = chosen(parameters.markets, markets, "market")
        chosen({}, coins, "collateral")
        schedule = Schedule.of([[(f, 0.5 / lev, 1.0 / lev) for f, lev in m.tiers] for m in chosen_markets])
        made = cls(schedule, np.zeros((3, len(markets))))
        made.liquidation = parameters.liquidation
        return made

    def stages(self, ledger: Ledger, terms: Terms, rows: Ints) -> NDArray[np.int8]:
        """int8[rows]: what happens to accounts, by number in `rules.backstop.STAGES`; nothing to system accounts."""
        view = self.assess(ledger, terms, rows)
        found = stage(view.margin_equity, view.mm, self.liquidation.vault_at)
        return np.where(ledger.mode[rows] == SYSTEM, NONE, found).astype(np.int8)
