"""The form of a preset whose perpetuals settle in tokens: weights by market and by token."""

from typing import Annotated

from pydantic import Field, model_validator

from abm.margin.engine import Parameters

__all__ = ["PerpMarket", "SettleTokenParameters", "Token"]

Below = Annotated[float, Field(ge=0, le=1)]
Above = Annotated[float, Field(ge=1)]
Start = Annotated[float, Field(gt=0)]
Fee = Annotated[float, Field(ge=0, lt=1)]


class Token(Parameters):
    """One token: what a balance counts, held (asset) and owed (liability), for opening and for keeping positions."""

    init_asset: Below = Field(description="initial weight of what is held")
    maint_asset: Below = Field(description="maintenance weight of what is held")
    init_liability: Above = Field(description="initial weight of what is owed")
    maint_liability: Above = Field(description="maintenance weight of what is owed")
    deposit_scale_start: Start | None = Field(
        None, description="deposits, USD, past which the initial asset weight falls"
    )
    borrow_scale_start: Start | None = Field(
        None, description="borrows, USD, past which the initial liability weight rises"
    )
    liquidation_fee: Fee = Field(0.0, description="part of the value that a liquidator gains")

    @model_validator(mode="after")
    def _ordered(self) -> "Token":
        if self.init_asset > self.maint_asset:
            raise ValueError(f"init_asset must be <= maint_asset, got {self.init_asset} and {self.maint_asset}")
        if self.init_liability < self.maint_liability:
            raise ValueError(
                f"init_liability must be >= maint_liability, got {self.init_liability} and {self.maint_liability}"
            )
        return self


class PerpMarket(Parameters):
    """One market: what a long's and a short's value count, and what part of a position that is worth something counts."""

    init_base_asset: Below = Field(description="initial weight of a long's value")
    maint_base_asset: Below = Field(description="maintenance weight of a long's value")
    init_base_liability: Above = Field(description="initial weight of a short's value")
    maint_base_liability: Above = Field(description="maintenance weight of a short's value")
    init_overall_asset: Below = Field(description="initial weight of a position that counts above zero")
    maint_overall_asset: Below = Field(description="maintenance weight of a position that counts above zero")
    settles_in: str | None = Field(None, description="token that it settles in; the settlement asset by default")
    liquidation_fee: Fee = Field(0.0, description="part of the value closed that a liquidator gains")

    @model_validator(mode="after")
    def _ordered(self) -> "PerpMarket":
        for name, sign in (("base_asset", 1), ("overall_asset", 1), ("base_liability", -1)):
            initial, maintenance = getattr(self, f"init_{name}"), getattr(self, f"maint_{name}")
            if sign * (initial - maintenance) > 0.0:
                order = "<=" if sign > 0 else ">="
                raise ValueError(f"init_{name} must be {order} maint_{name}, got {initial} and {maintenance}")
        return self


class SettleTokenParameters(Parameters):
    """Markets and tokens by asset."""

    settlement: Token = Field(description="the settlement asset")
    markets: dict[str, PerpMarket] = Field(default_factory=dict)
    coins: dict[str, Token] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known(self) -> "SettleTokenParameters":
        for name, market in self.markets.items():
            if market.settles_in is not None and market.settles_in not in self.coins:
                raise ValueError(f"market {name} settles in {market.settles_in}, which is none of the coins")
        return self
