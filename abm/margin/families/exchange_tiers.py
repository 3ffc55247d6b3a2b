"""Exchanges with linear contracts: Binance's brackets, the taker fee of OKX and Gate, Bybit's rates at entry, Deribit's slope.

The formulas are those of `abm.margin.families.tiered`.  Liquidation price of a position, others held still:
(margin + amount - others' maintenance + others' profit - side * n * entry) / (n * rate - side * n).

Sources: Binance support faq b3c689c1f50a44cabb3a84e663b81d93 (liquidation price) and 29b45c485d664028b9ca1cdf90b24f6f
(collateral in several assets); freqtrade/freqtrade, freqtrade/exchange/ and tests/exchange/; Deribit support
25944738177565 (linear perpetual).
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, field_validator

from abm.margin.engine import Parameters, chosen
from abm.margin.families.tiered import Tiered
from abm.margin.haircuts import Tiers
from abm.margin.tiers import Schedule, check_tiers

__all__ = ["ExchangeCoin", "ExchangeMarket", "ExchangeTiers", "ExchangeTiersParameters"]

Rate = Annotated[float, Field(ge=0, lt=1)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Leverage = Annotated[float, Field(ge=1, allow_inf_nan=False)]


Part = Annotated[float, Field(ge=0, le=1)]


def _haircuts(haircut: float | tuple[tuple[float, float], ...]) -> Tiers:
    """A haircut as bands of amount; ValueError where they are out of order."""
    bands = np.array(haircut if isinstance(haircut, tuple) else [(0.0, haircut)], dtype=np.float64).reshape(-1, 2)
    return Tiers(bands[:, 0], bands[:, 1])


class ExchangeMarket(Parameters):
    """One market."""

    tiers: tuple[tuple[NonNegative, Rate, Leverage], ...] = Field(
        min_length=1, description="by tier: notional at which it starts, USD; maintenance rate; largest leverage"
    )
    taker_fee: Rate = Field(0.0, description="fee that closing costs, where the exchange counts it in the requirement")
    maintenance_slope: NonNegative = Field(0.0, description="added to the maintenance rate per coin of the position")
    initial_slope: NonNegative = Field(0.0, description="added to the initial rate per coin of the position")

    @field_validator("tiers")
    @classmethod
    def _in_order(cls, tiers: tuple[tuple[float, float, float], ...]) -> tuple[tuple[float, float, float], ...]:
        floors, rates, leverages = zip(*tiers, strict=True)
        check_tiers(floors, rates, [1.0 / leverage for leverage in leverages])
        return tiers


class ExchangeCoin(Parameters):
    """One collateral besides the settlement asset."""

    haircut: Part | tuple[tuple[NonNegative, Part], ...] = Field(
        description="part of its value that does not count; or by band of amount: USD at which it starts, part"
    )

    @field_validator("haircut")
    @classmethod
    def _in_order(cls, haircut: Any) -> Any:
        _haircuts(haircut)
        return haircut


class ExchangeTiersParameters(Parameters):
    """Markets and collateral by asset."""

    basis: Literal["price", "entry"] = Field(description="price at which a position's notional is taken")
    markets: dict[str, ExchangeMarket]
    coins: dict[str, ExchangeCoin] = Field(default_factory=dict)


class ExchangeTiers(Tiered):
    """Linear contracts under brackets, cross margin; `Isolated` around it makes every position stand alone."""

    Parameters = ExchangeTiersParameters
    stateful = False

    @classmethod
    def build(cls, parameters: ExchangeTiersParameters, markets: Sequence[str], coins: Sequence[str]) -> Self:
        """The engine of a preset."""
        chosen_markets = chosen(parameters.markets, markets, "market")
        haircuts = [_haircuts(c.haircut) for c in chosen(parameters.coins, coins, "collateral")]
        schedule = Schedule.of([[(f, rate, 1.0 / lev) for f, rate, lev in m.tiers] for m in chosen_markets])
        slopes = [[m.maintenance_slope, m.initial_slope, m.taker_fee] for m in chosen_markets]
        columns = np.array(slopes, dtype=np.float64).reshape(-1, 3).T.copy()
        return cls(schedule, columns, haircuts, by_entry=parameters.basis == "entry")
