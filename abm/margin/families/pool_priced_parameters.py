"""The form of a pool's preset: what its markets demand of a position, and what closing one costs."""

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from abm.margin.engine import Parameters
from abm.margin.rules.pool_funding import AdaptiveFunding

__all__ = ["Funding", "PoolCoin", "PoolMarket", "PoolPricedParameters"]

NonNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Funding(Parameters):
    """Adaptive funding between longs and shorts, factors a second."""

    increase: NonNegative = Field(description="growth of the factor a second, by imbalance")
    decrease: NonNegative = Field(0.0, description="fall of the factor a second")
    stable: Share = Field(description="imbalance above which the factor grows")
    falling: Share = Field(0.0, description="imbalance below which it falls")
    exponent: NonNegative = Field(1.0, description="of the difference of open interests")
    least: NonNegative = Field(0.0, description="least factor paid")
    most: NonNegative = Field(description="most factor")

    @property
    def rule(self) -> AdaptiveFunding:
        """As the rule takes it."""
        return AdaptiveFunding(**self.model_dump())


class PoolMarket(Parameters):
    """One market."""

    COLUMNS: ClassVar = (
        "min_collateral", "open_collateral", "collateral_by_interest", "positive_impact", "negative_impact",
        "impact_exponent", "max_impact", "fee_positive", "fee_negative", "max_profit",
    )  # fmt: skip
    """What `row` holds."""

    min_collateral: Share = Field(description="what must remain over size, or the position is liquidated")
    open_collateral: Share = Field(0.0, description="collateral over size to open, if that is more")
    collateral_by_interest: NonNegative = Field(0.0, description="the same for each USD of its side's open interest")
    positive_impact: NonNegative = Field(0.0, description="price impact factor of an order that balances")
    negative_impact: NonNegative = Field(0.0, description="of one that unbalances")
    impact_exponent: Annotated[float, Field(ge=1)] = Field(2.0, description="exponent of the imbalance")
    max_impact: Share = Field(0.0, description="most of a negative impact over size that a liquidation check counts")
    fee_positive: Share = Field(0.0, description="fee over size of an order that balances")
    fee_negative: Share = Field(0.0, description="of one that unbalances")
    max_profit: Share = Field(1.0, description="part of its pool that a side's profit counts up to")
    max_profit_adl: Share | None = Field(None, description="part of its pool above which profit is reduced (ADL)")
    min_profit_adl: Share | None = Field(None, description="part of its pool down to which it is")
    funding: Funding | None = Field(None, description="adaptive funding")

    @model_validator(mode="after")
    def _ordered(self) -> "PoolMarket":
        least, most = self.min_profit_adl, self.max_profit_adl
        if least is not None and most is not None and least > most:
            raise ValueError(f"min_profit_adl must be <= max_profit_adl, got {least} and {most}")
        return self

    @property
    def row(self) -> tuple[float, ...]:
        """As the kernel takes it, by `COLUMNS`."""
        return tuple(float(getattr(self, name)) for name in self.COLUMNS)


class PoolCoin(Parameters):
    """One collateral."""

    haircut: Share = Field(0.0, description="value that does not count as margin")


class PoolPricedParameters(Parameters):
    """Markets and collateral by asset."""

    least_collateral: NonNegative = Field(description="least that must remain of any position, USD")
    markets: dict[str, PoolMarket]
    coins: dict[str, PoolCoin] = Field(default_factory=dict)
