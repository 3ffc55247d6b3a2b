"""The form of a preset with a size premium: ratios by market, weights by token, each with its factor of size."""

from typing import Annotated

from pydantic import Field, model_validator

from abm.margin.engine import Parameters

__all__ = ["PremiumMarket", "PremiumToken", "SizePremiumParameters"]

Ratio = Annotated[float, Field(gt=0, le=1)]
Below = Annotated[float, Field(ge=0, le=1)]
Above = Annotated[float, Field(ge=1)]
NonNegative = Annotated[float, Field(ge=0)]
Fee = Annotated[float, Field(ge=0, lt=1)]


class PremiumMarket(Parameters):
    """One perpetual market."""

    init_ratio: Ratio = Field(description="initial margin ratio of a small position")
    maint_ratio: Ratio = Field(description="maintenance margin ratio of a small position")
    imf: NonNegative = Field(0.0, description="rise of the ratio with the square root of size, coins; 0: none")
    init_profit: Below = Field(1.0, description="initial weight of unrealised profit")
    maint_profit: Below = Field(1.0, description="maintenance weight of unrealised profit")
    profit_imf: NonNegative = Field(0.0, description="fall of that initial weight with the square root of profit, USD")
    liquidator_fee: Fee = Field(0.0, description="part of the value closed that a liquidator gains")
    insurance_fee: Fee = Field(0.0, description="part of the value closed that the insurance fund gains")

    @model_validator(mode="after")
    def _ordered(self) -> "PremiumMarket":
        if self.init_ratio < self.maint_ratio:
            raise ValueError(f"init_ratio must be >= maint_ratio, got {self.init_ratio} and {self.maint_ratio}")
        return self


class PremiumToken(Parameters):
    """One token."""

    init_asset: Below = Field(description="initial weight of what is held")
    maint_asset: Below = Field(description="maintenance weight of what is held")
    init_liability: Above = Field(description="initial weight of what is owed")
    maint_liability: Above = Field(description="maintenance weight of what is owed")
    imf: NonNegative = Field(
        0.0, description="change of the weights with the square root of the balance, coins; 0: none"
    )
    scale_start: NonNegative = Field(
        0.0, description="deposits, USD, past which the initial asset weight falls; 0: never"
    )
    liquidator_fee: Fee = Field(0.0, description="part of the value taken over that a liquidator gains")
    insurance_fee: Fee = Field(0.0, description="part of the value taken over that the insurance fund gains")

    @model_validator(mode="after")
    def _ordered(self) -> "PremiumToken":
        if self.init_asset > self.maint_asset:
            raise ValueError(f"init_asset must be <= maint_asset, got {self.init_asset} and {self.maint_asset}")
        if self.init_liability < self.maint_liability:
            raise ValueError(
                f"init_liability must be >= maint_liability, got {self.init_liability} and {self.maint_liability}"
            )
        return self


class SizePremiumParameters(Parameters):
    """Markets and tokens by asset; the settlement asset counts in full."""

    markets: dict[str, PremiumMarket] = Field(default_factory=dict)
    coins: dict[str, PremiumToken] = Field(default_factory=dict)
    profit_cap: Annotated[float, Field(gt=0)] | None = Field(
        None, description="unrealised profit of a position that counts at most for initial margin, USD"
    )
    buffer: Below = Field(0.0, description="added to every ratio and liability weight until a liquidation is over")
