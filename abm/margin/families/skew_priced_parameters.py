"""The form of a skew-priced pool's preset: its markets, its collateral, and what its keepers are paid."""

from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from abm.margin.engine import Parameters
from abm.margin.rules.liquidation_window import window_capacity

__all__ = ["Keeper", "SkewCoin", "SkewMarket", "SkewPricedParameters"]

Floats = NDArray[np.float64]
NonNegative = Annotated[float, Field(ge=0)]


class SkewMarket(Parameters):
    """One market."""

    COLUMNS: ClassVar = ("im by size", "least im", "mm", "least margin", "flag", "window")
    """What `row` holds."""

    skew_scale: NonNegative = Field(description="coins of skew at which the premium is one; 0: no premium")
    im: NonNegative = Field(description="initial margin ratio of a position of the skew scale's size, above the least")
    min_im: NonNegative = Field(description="initial margin ratio of the smallest position")
    mm: NonNegative = Field(description="maintenance margin ratio over the initial one")
    flag: NonNegative = Field(0.0, description="reward for flagging, over notional")
    min_margin: NonNegative = Field(0.0, description="margin added for each position, USD")
    maker_fee: NonNegative = Field(0.0, description="fee of an order that shrinks the skew, over notional")
    taker_fee: NonNegative = Field(0.0, description="fee of an order that grows it")
    max_funding_velocity: NonNegative = Field(0.0, description="most that the daily funding rate moves in a day")
    liquidation_multiplier: NonNegative = Field(0.0, description="multiplies the capacity of a liquidation window")
    window_seconds: NonNegative = Field(0.0, description="length of a liquidation window")
    max_premium: NonNegative = Field(0.0, description="|skew|/scale below which a used-up window lets more through")

    @property
    def capacity(self) -> float:
        """Coins that can be liquidated in a window; 0 where none is configured."""
        return window_capacity(
            self.maker_fee, self.taker_fee, self.skew_scale, self.liquidation_multiplier, self.window_seconds
        )

    @property
    def row(self) -> tuple[float, ...]:
        """As the kernel takes it, by `COLUMNS`."""
        by_size = self.im / self.skew_scale if self.skew_scale > 0.0 else 0.0
        return by_size, self.min_im, self.mm, self.min_margin, self.flag, self.capacity


class SkewCoin(Parameters):
    """One collateral."""

    haircut: Annotated[float, Field(ge=0, le=1)] = Field(description="value that does not count as margin")


class Keeper(Parameters):
    """What a keeper is paid for liquidating an account, and what it costs him."""

    min_reward: NonNegative = Field(description="least profit over cost, USD")
    min_profit: NonNegative = Field(description="least profit over cost, as a part of it")
    max_reward: NonNegative = Field(description="most, USD")
    max_scaling: NonNegative = Field(description="most, over collateral")
    collateral_ratio: NonNegative = Field(0.0, description="flag reward over collateral, if that is more")
    flag_cost: NonNegative = Field(0.0, description="cost of flagging, for each price feed, USD")
    liquidate_cost: NonNegative = Field(0.0, description="cost of a liquidation, USD")

    @property
    def row(self) -> Floats:
        """As the kernel takes it: the fields in their order."""
        return np.array([getattr(self, name) for name in type(self).model_fields], dtype=np.float64)


class SkewPricedParameters(Parameters):
    """Markets and collateral by asset."""

    markets: dict[str, SkewMarket]
    coins: dict[str, SkewCoin] = Field(default_factory=dict)
    keeper: Keeper
