"""The form of a JSON document of accounts (docs/margin.md): its keys, what they mean and what they may be."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

__all__ = [
    "MOST_LEGS",
    "AccountForm",
    "DocumentForm",
    "FutureForm",
    "LegForm",
    "MarketForm",
    "PositionForm",
    "SeriesForm",
    "TokenForm",
]

FARTHEST = 1e18
"""Size of an amount or a price beyond which their products are no figures any more."""


def _not_too_large(value: float) -> float:
    if abs(value) > FARTHEST:
        raise ValueError(f"is too large; write it between -{FARTHEST:g} and {FARTHEST:g}")
    return value


def _not_too_small(value: float) -> float:
    if value < 1.0 / FARTHEST:
        raise ValueError(f"is too small; write it between {1.0 / FARTHEST:g} and {FARTHEST:g}")
    return value


Number = Annotated[float, Field(allow_inf_nan=False), AfterValidator(_not_too_large)]
Positive = Annotated[
    float, Field(gt=0, allow_inf_nan=False), AfterValidator(_not_too_large), AfterValidator(_not_too_small)
]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), AfterValidator(_not_too_large)]
Share = Annotated[float, Field(ge=0, le=1)]

MOST_LEGS = 1024
"""Positions, and options, that one account may hold."""


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PositionForm(_Form):
    """A position of an account."""

    market: str
    size: Number = Field(description="signed, coins (inverse contracts: USD)")
    entry: Positive | None = Field(None, description="mean entry price, USD; needed beside `cash`")
    funding: Number | None = Field(None, description="cumulative funding at entry, USD a coin")


class LegForm(_Form):
    """Options of one series in an account."""

    series: str = Field(description="name of one of the series")
    size: Number
    entry: NonNegative = Field(0.0, description="mean premium paid for one, USD")


class AccountForm(_Form):
    """An account."""

    account: str | int | None = Field(None, description="its name; its place in the list by default")
    cash: Number | None = Field(None, description="settlement asset before unrealised profit")
    quote: Number | None = Field(None, description="instead of cash: the balance when entry values are paid out of it")
    collateral: dict[str, Number] = Field(default_factory=dict)
    positions: tuple[PositionForm, ...] = Field((), strict=False, max_length=MOST_LEGS)
    options: tuple[LegForm, ...] = Field((), strict=False, max_length=MOST_LEGS)
    category: Annotated[int, Field(ge=0, le=127)] = Field(0, description="a lender's category (e-mode)")

    @model_validator(mode="after")
    def _one_of(self) -> "AccountForm":
        if self.cash is not None and self.quote is not None:
            raise ValueError("has both cash and quote; give one of them")
        if self.account is not None and not str(self.account).strip().isprintable():
            raise ValueError("has a name that cannot be printed; name it in letters and digits")
        names = [p.market for p in self.positions]
        if twice := next((n for n in names if names.count(n) > 1), None):
            raise ValueError(f"has two positions in {twice}; net them into one")
        if self.quote is None and (bare := next((p.market for p in self.positions if p.entry is None), None)):
            raise ValueError(f"has cash and a position in {bare} without entry; give entry, or quote instead of cash")
        return self


class SeriesForm(_Form):
    """An option series."""

    name: str
    underlying: str
    type: Literal["call", "put"]
    strike: Positive
    seconds: Positive | None = Field(None, description="to expiry")
    expiry: str | None = Field(None, description="instead: when, in ISO 8601; needs `time` at the top")
    forward: Positive | None = Field(None, description="USD; the underlying's index by default")
    rate: Number = 0.0
    vol: Positive = Field(description="implied volatility a year")
    forward_confidence: Share = 1.0
    rate_confidence: Share = 1.0
    vol_confidence: Share = 1.0


class FutureForm(_Form):
    """A dated future: a market whose price, in `prices`, is a forward."""

    market: str = Field(description="its name among the prices")
    underlying: str
    seconds: Positive | None = Field(None, description="to expiry")
    expiry: str | None = Field(None, description="instead: when, in ISO 8601; needs `time` at the top")


class MarketForm(_Form):
    """What is known of a market besides its price."""

    skew: Number = Field(0.0, description="longs less shorts, coins")
    open_interest: NonNegative = Field(0.0, description="longs, coins")
    index: Positive | None = Field(None, description="price of the underlying, USD; the market's own by default")
    stable: Positive | None = Field(None, description="slow price, USD; the market's own by default")
    index_confidence: Share = 1.0
    perp_confidence: Share = 1.0
    pool_long: NonNegative = Field(0.0, description="what backs the longs' profits, USD")
    pool_short: NonNegative = 0.0


class TokenForm(_Form):
    """What is known of a token besides its price."""

    deposits: NonNegative = Field(0.0, description="of everybody, coins")
    borrows: NonNegative = 0.0
    stable: Positive | None = Field(None, description="slow price, USD; the token's own by default")
    confidence: Share = 1.0


class DocumentForm(_Form):
    """The whole document."""

    settlement: str = Field("USDC", description="name of the settlement asset")
    settlement_price: Positive = 1.0
    time: str | None = Field(None, description="now, in ISO 8601")
    prices: dict[str, Positive] = Field(default_factory=dict, description="of the markets, USD")
    collateral_prices: dict[str, Positive] = Field(
        default_factory=dict, description="USD; the market's own where one of that name is there"
    )
    funding: dict[str, Number] = Field(default_factory=dict, description="cumulative funding, USD a coin long")
    volatility: dict[str, Positive] = Field(default_factory=dict, description="of daily log returns")
    correlation: Annotated[float, Field(gt=-1, lt=1)] = Field(0.0, description="of any two assets' returns")
    markets: dict[str, MarketForm] = Field(default_factory=dict)
    tokens: dict[str, TokenForm] = Field(default_factory=dict)
    series: tuple[SeriesForm, ...] = Field((), strict=False)
    futures: tuple[FutureForm, ...] = Field((), strict=False, description="dated futures among the markets")
    accounts: tuple[AccountForm, ...] = Field(strict=False, min_length=1)
