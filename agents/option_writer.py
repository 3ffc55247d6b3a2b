"""An option writer: sells straddles, strangles or covered calls against the street, and hedges with the perpetual.

A writer of straddles or strangles is short gamma: to stay delta neutral it sells the perpetual after a fall and buys it
after a rise, which moves the price on in the same direction.  How much is gamma times the move (R. Frey and A. Stremme,
Market volatility and feedback effects from dynamic hedging, Mathematical Finance 7, 1997; Y. Ni, N. Pearson, A. Poteshman
and J. White, Does option trading have a pervasive impact on underlying stock prices?, Review of Financial Studies 34, 2021).
A writer of covered calls is long one coin of the perpetual for each call, and leaves it there.
"""

from typing import ClassVar, Literal

from pydantic import Field

from agents.option_desk import OptionDesk, OptionDeskParams
from agents.resident import Params

__all__ = ["OptionWriter", "OptionWriterParams"]


class OptionWriterParams(OptionDeskParams):
    """Keys of an option writer."""

    structure: Literal["straddle", "strangle", "covered_call"] = Field(
        "straddle", description="what it sells: call and put at the money, both out of it, or calls against coins"
    )
    hedge: bool = Field(True, description="straddle, strangle: whether it keeps its delta near zero")


class OptionWriter(OptionDesk):
    """Short options."""

    kind: ClassVar[str] = "option_writer"
    Params: ClassVar[type[Params]] = OptionWriterParams
    params: OptionWriterParams
    side: ClassVar[int] = -1

    def wanted(self, delta: float, contracts: float) -> float:
        """A coin for each call; else what takes the delta of the options away, where it hedges."""
        if self.params.structure == "covered_call":
            return contracts
        return -delta if self.params.hedge else 0.0

    def legs(self) -> tuple[tuple[str, float], ...]:
        """At the money, or out of it by the distance."""
        k = self.params
        if k.structure == "straddle":
            return ("call", 1.0), ("put", 1.0)
        if k.structure == "strangle":
            return ("call", 1.0 + k.distance), ("put", 1.0 - k.distance)
        return (("call", 1.0 + k.distance),)
