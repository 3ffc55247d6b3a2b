"""What a balance of a token counts where a family lends: weights of what is held and owed, initial and maintenance."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from abm.margin.engine import Parameters

__all__ = ["Above", "Below", "TokenWeights"]

Below = Annotated[float, Field(ge=0, le=1)]
Above = Annotated[float, Field(ge=1)]


class TokenWeights(Parameters):
    """The four weights; the initial ones are never the milder."""

    init_asset: Below = Field(description="initial weight of what is held")
    maint_asset: Below = Field(description="maintenance weight of what is held")
    init_liability: Above = Field(description="initial weight of what is owed")
    maint_liability: Above = Field(description="maintenance weight of what is owed")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.init_asset > self.maint_asset:
            raise ValueError(f"init_asset must be <= maint_asset, got {self.init_asset} and {self.maint_asset}")
        if self.init_liability < self.maint_liability:
            raise ValueError(
                f"init_liability must be >= maint_liability, got {self.init_liability} and {self.maint_liability}"
            )
        return self
