"""Options of a protocol as a scenario describes them: what is listed, how it is priced, and what trading it costs."""

import datetime
from typing import Annotated

from pydantic import Field, model_validator

from abm.keys import Fraction, Name, NonNegative, Positive, Spec

__all__ = ["MOST_SERIES", "OptionsSpec", "SmileSpec"]

MOST_SERIES = 1000
"""Series that a protocol may have listed at once."""

Count = Annotated[int, Field(ge=0, le=12)]
Strike = Annotated[float, Field(gt=-1, allow_inf_nan=False)]


class SmileSpec(Spec):
    """How the implied volatility of one underlying looks and moves (`abm.margin.options.smile`).

    The defaults are of Bitcoin.  At rest an option of a week costs 43 % at the money, and puts of a delta of a quarter 6 points
    more than such calls; a fall from 111,000 to 105,000 USD takes the 43 to 52 or 53 %.  So it was at the money on 16 October
    2025; puts were then dearer, by 11 points (Block Scholes, Spike in the VIX, 17 October 2025,
    blockscholes.com/premium-research).  Half-life, bounds and `shortest` are assumed.
    """

    rho: Annotated[float, Field(gt=-1, lt=1)] = Field(
        -0.25, description="asymmetry; below 0 puts out of the money are dearer than calls"
    )
    eta: Positive = Field(1.2, description="height of the wings; eta (1 + |rho|) is at most 2")
    gamma: Annotated[float, Field(gt=0, le=0.5)] = Field(0.45, description="how fast the wings flatten with maturity")
    long_vol: Positive = Field(0.43, description="volatility a year to which it reverts")
    half_life: Positive = Field(1728000.0, description="seconds in which half of a deviation of the variance is gone")
    spot_beta: Annotated[float, Field(le=0, allow_inf_nan=False)] = Field(
        -4.0, description="relative change of the shortest at-the-money volatility per unit of log return"
    )
    least_vol: Positive = Field(0.10, description="least at-the-money volatility")
    most_vol: Positive = Field(3.0, description="largest at-the-money volatility")
    shortest: Positive = Field(21600.0, description="seconds to expiry below which the smile no longer changes")

    @model_validator(mode="after")
    def _free_of_arbitrage(self) -> "SmileSpec":
        if self.eta * (1.0 + abs(self.rho)) > 2.0:
            raise ValueError(f"eta {self.eta} exceeds 2 / (1 + |rho|) = {2.0 / (1.0 + abs(self.rho)):.6g}; lower it")
        if not self.least_vol <= self.long_vol <= self.most_vol:
            raise ValueError(
                f"long_vol {self.long_vol} is not from least_vol {self.least_vol} to most_vol {self.most_vol}"
            )
        return self


class OptionsSpec(Spec):
    """European options on one of a protocol's markets, settled in cash.

    Expiries and their words are those of Deribit: daily at 08:00 UTC, weekly on Fridays, monthly on the last Friday
    (support.deribit.com, Contract Introduction Policy).  So is the fee: 0.03 % of the underlying, at most 12.5 % of the
    premium (support.deribit.com, Fees).  An expiry is settled at the average of the index over its last 30 minutes.
    """

    asset: Name = Field(description="the coin; the protocol has a market of it")
    date: datetime.date = Field(datetime.date(2025, 10, 10), description="the day, UTC, at whose beginning time 0 lies")
    expiries: tuple[Positive, ...] = Field(
        (), description="seconds from the opening of the world; these are listed once, at the opening"
    )
    daily: Count = Field(2, description="how many of the next daily expiries are listed at any time")
    weekly: Count = Field(1, description="how many of the next weekly ones")
    monthly: Count = Field(0, description="how many of the next monthly ones")
    strikes: Annotated[tuple[Strike, ...], Field(min_length=1)] = Field(
        (-0.15, -0.1, -0.05, -0.025, 0.0, 0.025, 0.05, 0.1, 0.15),
        description="distances from the index at listing, relative; a call and a put of each",
    )
    step: Positive = Field(description="strikes are the nearest multiples of this, USD")
    vol: NonNegative = Field(
        0.0, description="volatility a year of the shortest at-the-money option at the opening; 0: long_vol"
    )
    smile: SmileSpec = Field(SmileSpec(), description="how the implied volatility looks and moves")
    rate: Annotated[float, Field(ge=-1, le=1)] = Field(
        0.0, description="continuous rate a year at which forwards grow and premiums are discounted"
    )
    spread: Annotated[float, Field(ge=0, le=1)] = Field(
        0.02, description="width between bid and ask in implied volatility: 0.02 is two points"
    )
    fee: Fraction = Field(0.0003, description="of the price of the coin, for each option traded")
    fee_cap: Fraction = Field(0.125, description="most of a fee as a fraction of the premium")

    @model_validator(mode="after")
    def _something_to_list(self) -> "OptionsSpec":
        if not (self.expiries or self.daily or self.weekly or self.monthly):
            raise ValueError("there is no expiry; give expiries, or a number of daily, weekly or monthly ones")
        if self.vol > 0.0 and not self.smile.least_vol <= self.vol <= self.smile.most_vol:
            raise ValueError(
                f"vol {self.vol} is not from least_vol {self.smile.least_vol} to most_vol {self.smile.most_vol}"
            )
        return self

    @property
    def most(self) -> int:
        """Series of it that can be listed at once."""
        return 2 * len(self.strikes) * (len(self.expiries) + self.daily + self.weekly + self.monthly)
