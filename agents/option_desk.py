"""The base of those who hold options: a structure of one expiry, rolled into the next, and a hedge in the perpetual.

A desk holds so many of a structure that its vega, the premium, or their number is what it aims at when it trades, and no
more than its margin allows.  The structure is of the first expiry that is far enough; some time before it expires the desk closes it
and trades the next.  Its hedge is a target for its position in the perpetual, from which it may stray by a band.
"""

from abc import abstractmethod
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from abm.chains.chain import Inclusion
from abm.errors import ScenarioError
from abm.keys import NonNegative, Positive
from abm.margin.options.aggregate import sheet
from abm.margin.options.greeks import NAMES
from abm.option_legs import legs_of, trade_legs
from abm.protocol.options.exposure import net_delta
from abm.protocol.options.quoting import quote
from abm.protocol.options.trading import board_of, open_options, trade_options
from abm.protocol.protocol import Protocol
from abm.protocol.subaccounts import stand
from agents.orders import OrderParams
from agents.resident import Params, Resident

__all__ = ["OptionDesk", "OptionDeskParams"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DELTA, VEGA, POINT = NAMES.index("delta"), NAMES.index("vega"), 0.01
PARTS = (1.0, 0.5, 0.25, 0.125)
"""What is tried of an order that the margin does not allow whole."""


class OptionDeskParams(OrderParams):
    """Keys that those who hold options share."""

    market: str = Field(description="the coin")
    capital: Positive = Field(description="deposit at the opening, USD")
    measure: Literal["vega", "premium", "number"] = Field(
        "vega", description="what it aims at: USD per point of volatility, USD of premium, or how many of the structure"
    )
    target: Positive = Field(description="how much of that, without sign, when it trades the structure")
    distance: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.05, description="of strikes out of the money, from the index, relative"
    )
    tenor: NonNegative = Field(21600.0, description="least seconds to expiry of what it trades")
    roll: NonNegative = Field(3600.0, description="seconds before expiry at which it closes and trades the next")
    band: Positive = Field(
        0.05,
        description="distance from its target for the perpetual beyond which it trades, coins per option of the structure",
    )

    @model_validator(mode="after")
    def _ordered(self) -> "OptionDeskParams":
        if self.tenor <= self.roll:
            raise ValueError(f"tenor {self.tenor} is not above roll {self.roll}")
        return self


class OptionDesk(Resident):
    """Holds one structure, and a hedge."""

    Params: ClassVar[type[Params]] = OptionDeskParams
    params: OptionDeskParams

    side: ClassVar[int]
    """1: buys the structure; -1: sells it."""

    def settle(self) -> None:
        """Bring capital, and hold the structure and the hedge at the opening."""
        k = self.params
        p = self.target = self.protocol(k.protocol)
        self._market = self.market(p, k.market)
        table = [s.asset for s in p.spec.options]
        if k.market not in table:
            raise ScenarioError(
                f"agents.{self.name}.params.market", f"{p.name} has no options on {k.market}",
                f"add a table [[protocols.options]], or name one of {', '.join(table) or 'another protocol'}",
            )  # fmt: skip
        self._table = table.index(k.market)
        self.endow(p.spec.settlement, p.chain, k.wallet)
        self._account = self.open(p, k.capital)
        self._open()

    def _open(self) -> None:
        """The first structure and its hedge, against the street at today's prices, as far as the margin allows."""
        p, row = self.target, self.target.ledger.row(self._account)
        series, sizes = self._structure()
        for part in PARTS if len(series) else ():
            coins = self.wanted(*self._reckon(series, part * sizes))
            if self._bears(series, part * sizes, coins):
                open_options(p, np.full(len(series), row), series, part * sizes)
                price = p.terms.price[[self._market]]
                stand(p, np.array([row]), np.array([self._market]), np.array([coins]), price)
                return

    def _bears(self, series: Ints, sizes: Floats, coins: float) -> bool:
        """Whether the deposit is the initial margin of a structure and its hedge together."""
        p = self.target
        book, one = p.ledger.copy(np.array([p.ledger.row(self._account)])), np.zeros(1, np.int64)
        premium = quote(board_of(p), p.terms.known.series, series, sizes, part=0.0).premium
        trade_legs(book, np.zeros(len(series), np.int64), series, sizes, premium, self.world.now)
        price = p.terms.price[[self._market]]
        book.trade(one, np.array([self._market]), np.array([coins]), price, p.terms.funding, self.world.now)
        view = p.engine.assess(book, p.terms, one)
        return bool(view.margin_equity[0] >= view.im[0])

    def _reckon(self, series: Ints, sizes: Floats) -> tuple[float, float]:
        """Delta by the index, coins, and number of a structure that it might have."""
        known = self.target.terms.known.series
        delta = sheet(known)[series, DELTA] * board_of(self.target).by_spot(known)[series]
        return float(sizes @ delta), float(np.max(np.abs(sizes), initial=0.0))

    def act(self) -> None:
        """Roll what is about to expire, or else keep the hedge."""
        if self._is_due():
            self._roll()
        else:
            self._hedge()

    # what it holds

    def options(self) -> tuple[Ints, Floats]:
        """Series and signed sizes of its options."""
        _, series, sizes = legs_of(self.target.ledger, np.array([self.target.ledger.row(self._account)]))
        return series, sizes

    def contracts(self) -> float:
        """How many of the structure it holds: the largest of its legs, without sign."""
        return float(np.max(np.abs(self.options()[1]), initial=0.0))

    def off(self) -> float:
        """Coins by which its position in the perpetual is off its target."""
        options, perpetual = net_delta(self.target, self.target.ledger.row(self._account), self._market)
        return perpetual - self.wanted(options, self.contracts())

    # what it wants

    @abstractmethod
    def wanted(self, delta: float, contracts: float) -> float:
        """Position in the perpetual that goes with a delta of options and a number of the structure, signed coins."""

    @abstractmethod
    def legs(self) -> tuple[tuple[str, float], ...]:
        """Its structure: the side of each leg and its strike over the index."""

    def _structure(self) -> tuple[Ints, Floats]:
        """Series and signed sizes of the structure to trade now; nothing where no expiry is far enough.

        Strikes are the nearest that are listed; two legs on one series make one.
        """
        p = self.target
        listing, series = board_of(p).listing, p.terms.known.series
        live = listing.live(self._table, self.world.now)
        live = live[(live < len(series)) & (listing.expiry[live] >= self.world.now + self.params.tenor)]
        if not len(live):
            return np.zeros(0, np.int64), np.zeros(0)
        first = live[listing.expiry[live] == np.min(listing.expiry[live])]
        index = float(board_of(p).index[self._market])
        chosen = [_nearest(listing.call, listing.strike, first, side, at * index) for side, at in self.legs()]
        which, counts = np.unique(np.array(chosen), return_counts=True)
        sizes = counts.astype(np.float64)
        one = float(sizes @ self._measure(which)) / (len(chosen) if self.params.measure == "number" else 1)
        number = self.params.target / one if one > 0.0 else 0.0
        return which, self.side * number * sizes

    def _measure(self, series: Ints) -> Floats:
        """What one option of each series counts towards the target."""
        table = sheet(self.target.terms.known.series)[series]
        if self.params.measure == "number":
            return np.ones(len(series))
        return np.asarray(table[:, VEGA] * POINT if self.params.measure == "vega" else table[:, 0])

    # what it does

    def _is_due(self) -> bool:
        """Whether it should trade its next structure."""
        series, _ = self.options()
        listing, now = board_of(self.target).listing, self.world.now
        if len(series):
            return bool(np.min(listing.expiry[series]) - now <= self.params.roll)
        return bool(len(self._structure()[0]))

    def _roll(self) -> None:
        """Close what it has, trade the next structure, and hedge that, in one transaction."""
        seen = self._last()

        def trade(_: Inclusion) -> None:
            p, row = self.target, self.target.ledger.row(self._account)
            held, sizes = self.options()
            if len(held):
                trade_options(p, np.full(len(held), row), held, -sizes)
            self._take_up(p, row)
            self._trade_hedge(seen)

        self.send(self.target.chain, "options", trade, tip=self.params.tip, latency=self.params.latency)

    def _take_up(self, p: Protocol, row: int) -> None:
        """The structure of today, as much as the margin allows."""
        series, sizes = self._structure()
        for part in PARTS if len(series) else ():
            if trade_options(p, np.full(len(series), row), series, part * sizes).any():
                return

    def _hedge(self) -> None:
        """Trade the perpetual when it is off its target by more than the band."""
        if abs(self.off()) > self.params.band * self.contracts():
            seen = self._last()
            self.send(
                self.target.chain, "order", lambda _: self._trade_hedge(seen),
                tip=self.params.tip, latency=self.params.latency,
            )  # fmt: skip

    def _last(self) -> float:
        return float(self.world.books.last[self.target.books[self._market]])

    def _trade_hedge(self, seen: float) -> None:
        """Bring the perpetual to its target at the prices of this block, within the slippage of the price seen."""
        p, missing = self.target, -self.off()
        size = self._within(int(p.books[self._market]), missing, seen, self.params.slippage) if missing else 0.0
        if size != 0.0:
            p.trade(np.array([p.ledger.row(self._account)]), np.array([self._market]), np.array([size]))


def _nearest(call: NDArray[np.bool_], strike: Floats, among: Ints, side: str, wanted: float) -> int:
    """The series of a side whose strike is nearest, the lower one of two."""
    same = among[call[among] == (side == "call")]
    return int(same[np.argmin(np.abs(strike[same] - wanted))])
