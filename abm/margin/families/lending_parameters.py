"""The form of a lender's preset: its reserves, its categories, and its close factor."""

from typing import Annotated

from pydantic import Field, model_validator

from abm.margin.engine import Parameters
from abm.margin.rules.close_factor import CloseFactor
from abm.margin.rules.utilisation import RateCurve

__all__ = ["Category", "LendingParameters", "Reserve"]

Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(ge=0)]
Bonus = Annotated[float, Field(ge=1)]


class _Collateral(Parameters):
    """What a balance is worth to its owner as collateral, and to who liquidates it."""

    ltv: Share = Field(description="value that can be borrowed against one of collateral")
    threshold: Share = Field(description="debt per value of collateral at which it is liquidated")
    bonus: Bonus = Field(1.0, description="collateral that a liquidator gets for one of debt, in value")

    @model_validator(mode="after")
    def _consistent(self) -> "_Collateral":
        if self.ltv > self.threshold:
            raise ValueError(f"ltv must be <= threshold, got {self.ltv} and {self.threshold}")
        if self.threshold * self.bonus > 1.0:
            raise ValueError(f"threshold * bonus must be <= 1, got {self.threshold * self.bonus:.4f}")
        return self


class Reserve(_Collateral):
    """One token."""

    protocol_fee: Share = Field(0.0, description="the protocol's share of a liquidator's bonus")
    reserve_factor: Share = Field(0.0, description="the protocol's share of interest")
    base_rate: Rate = Field(0.0, description="borrow rate a year of an empty reserve")
    slope1: Rate = Field(0.0, description="what it rises by up to the optimal utilisation")
    slope2: Rate = Field(0.0, description="what it rises by from there to full utilisation")
    optimal: Annotated[float, Field(gt=0, le=1)] = Field(1.0, description="optimal utilisation")

    @property
    def curve(self) -> RateCurve:
        """Its interest rates."""
        return RateCurve(self.base_rate, self.slope1, self.slope2, self.optimal)


class Category(_Collateral):
    """A category of accounts (e-mode)."""

    label: str = ""
    collateral: tuple[str, ...] = Field(description="reserves that count by the category's figures")


class CloseForm(Parameters):
    """How much may be repaid at once."""

    share: Annotated[float, Field(gt=0, le=1)] = Field(description="of the total debt")
    whole_at_health: Rate = Field(description="health factor at or below which all of a debt may be repaid")
    whole_below: Rate = Field(description="collateral or debt below which all of it may be repaid, USD")
    least_left: Rate = Field(description="collateral and debt that must be left if neither is cleared, USD")

    @property
    def limits(self) -> CloseFactor:
        """As the rule takes it."""
        return CloseFactor(self.share, self.whole_at_health, self.whole_below, self.least_left)


class LendingParameters(Parameters):
    """Reserves by token; the settlement asset is one of them."""

    settlement: str = Field(description="the reserve that cash is in")
    reserves: dict[str, Reserve]
    categories: dict[Annotated[int, Field(ge=1, le=127)], Category] = Field(default_factory=dict)
    close: CloseForm | None = Field(None, description="without it, all may be repaid")

    @model_validator(mode="after")
    def _known(self) -> "LendingParameters":
        names = {self.settlement, *(name for c in self.categories.values() for name in c.collateral)}
        if missing := sorted(names - set(self.reserves)):
            raise ValueError(f"no reserve {', '.join(missing)}; reserves: {', '.join(self.reserves)}")
        return self
