"""An option buyer: protects a long perpetual with puts, or is long straddles or strangles and hedges them.

With `protective_put` it is long one coin of the perpetual for each put, and leaves it there: it sells nothing in a fall.
With a straddle or a strangle it is long gamma: to stay delta neutral it buys the perpetual after a fall and sells it after a
rise, against the move.  Strikes of puts and strangles are out of the money by the distance.
"""

from typing import ClassVar, Literal

from pydantic import Field

from agents.option_desk import OptionDesk, OptionDeskParams
from agents.resident import Params

__all__ = ["OptionBuyer", "OptionBuyerParams"]


class OptionBuyerParams(OptionDeskParams):
    """Keys of an option buyer."""

    structure: Literal["protective_put", "straddle", "strangle"] = Field(
        "protective_put",
        description="what it buys: puts for a long position, call and put at the money, or both out of it",
    )
    hedge: bool = Field(True, description="straddle, strangle: whether it keeps its delta near zero")


class OptionBuyer(OptionDesk):
    """Long options."""

    kind: ClassVar[str] = "option_buyer"
    Params: ClassVar[type[Params]] = OptionBuyerParams
    params: OptionBuyerParams
    side: ClassVar[int] = 1

    def wanted(self, delta: float, contracts: float) -> float:
        """A coin for each put; else what takes the delta of the options away, where it hedges."""
        if self.params.structure == "protective_put":
            return contracts
        return -delta if self.params.hedge else 0.0

    def legs(self) -> tuple[tuple[str, float], ...]:
        """At the money, or out of it by the distance."""
        k = self.params
        if k.structure == "straddle":
            return ("call", 1.0), ("put", 1.0)
        if k.structure == "strangle":
            return ("call", 1.0 + k.distance), ("put", 1.0 - k.distance)
        return (("put", 1.0 - k.distance),)
