"""Index and mark of a protocol's perpetuals, as fixed weights of books' last prices.

    index = mean of spot markets' last prices
    fair  = index + EMA(last) - EMA(index)        (the exponential mean of the basis)
    mark  = median(fair, last, peers)             peers: mean of other venues' perpetuals, else the index

This is the form of Hyperliquid's robust mark, the mid being the last price here.  Whichever of the three is the median,
the mark is a sum of weight * (last or its exponential mean) over books: `terms` names them, and attribution rests on it.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.errors import ScenarioError
from abm.protocol_spec import ProtocolSpec
from abm.scenario import Scenario
from abm.venues.books import Books

__all__ = ["CODES", "FAIR", "LAST", "PEERS", "Basket", "Marks", "Term", "build_marks", "marks", "marks_python"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FAIR, LAST, PEERS = 0, 1, 2
CODES = ("fair", "last", "peers")
"""Name of the source that a code stands for."""


class Term(NamedTuple):
    """weight * last price of `book`, or of its exponential mean over ticks with time constant `ema` > 0 s."""

    book: int
    weight: float
    ema: float


class Basket(NamedTuple):
    """Equal means of books, one a market: those of market m are books[starts[m]:starts[m + 1]]."""

    starts: Ints
    books: Ints

    def of(self, market: int) -> list[int]:
        """The books of one market."""
        return [int(b) for b in self.books[self.starts[market] : self.starts[market + 1]]]


def marks_python(
    last: Floats,
    ema: Floats,
    theta: int,
    perps: Ints,
    spot_starts: Ints,
    spots: Ints,
    peer_starts: Ints,
    peers: Ints,
    index: Floats,
    mark: Floats,
    code: Ints,
) -> None:
    """Fill index, mark (f8[M]) and code (i8[M]) from last f8[B] and ema f8[B, E], `theta` the place in E."""
    for m in range(len(perps)):
        spot = basis = other = 0.0
        for k in range(spot_starts[m], spot_starts[m + 1]):
            spot += last[spots[k]]
            basis -= ema[spots[k], theta]
        count = spot_starts[m + 1] - spot_starts[m]
        spot, basis = spot / count, basis / count + ema[perps[m], theta]
        for k in range(peer_starts[m], peer_starts[m + 1]):
            other += last[peers[k]]
        count = peer_starts[m + 1] - peer_starts[m]
        a, b, c = spot + basis, last[perps[m]], other / count if count else spot
        index[m] = spot
        if b <= a <= c or c <= a <= b:
            mark[m], code[m] = a, FAIR
        elif a <= b <= c or c <= b <= a:
            mark[m], code[m] = b, LAST
        else:
            mark[m], code[m] = c, PEERS


marks = njit(cache=True)(marks_python)


class Marks:
    """Index and mark of M perpetuals.

    Parameters
    ----------
    books
        Where they trade.
    perps
        i8[M], their ids.
    spots, peers
        The books of each index (at least one), and of each mean of other venues' perpetuals (may be none).
    ema
        Seconds; one of `books.thetas`.
    """

    def __init__(self, books: Books, perps: Ints, spots: Basket, peers: Basket, ema: float) -> None:
        self.books, self.perps, self.spots, self.peers, self.ema = books, perps, spots, peers, ema
        self._theta = books.theta(ema)
        self.index = np.zeros(len(perps))
        """f8[M], USD."""
        self.mark = np.zeros(len(perps))
        """f8[M], USD."""
        self.code = np.zeros(len(perps), dtype=np.int64)
        """i8[M], which source is the median; of equal ones the first."""

    def compute(self) -> None:
        """Bring index, mark and code to the books' last prices; call after every tick and round of trading."""
        marks(
            self.books.last,
            self.books.ema,
            self._theta,
            self.perps,
            self.spots.starts,
            self.spots.books,
            self.peers.starts,
            self.peers.books,
            self.index,
            self.mark,
            self.code,
        )

    def terms(self, market: int, code: int) -> list[Term]:
        """The mark of a market when its source is `code`, as a sum over books."""
        own = int(self.perps[market])
        if code == LAST:
            return self.last_terms(market)
        if code == PEERS:
            return _mean(self.peers.of(market)) or self.index_terms(market)
        lagged = _mean(self.spots.of(market), -1.0, self.ema)
        return [*self.index_terms(market), Term(own, 1.0, self.ema), *lagged]

    def index_terms(self, market: int) -> list[Term]:
        """The index of a market as a sum over books."""
        return _mean(self.spots.of(market))

    def last_terms(self, market: int) -> list[Term]:
        """The last price of a market as a sum over books."""
        return [Term(int(self.perps[market]), 1.0, 0.0)]


def _mean(books: list[int], sign: float = 1.0, ema: float = 0.0) -> list[Term]:
    return [Term(book, sign / len(books), ema) for book in books]


def build_marks(scenario: Scenario, protocol: ProtocolSpec, books: Books) -> Marks:
    """The marks of a protocol's markets, in their order.

    Raises
    ------
    ScenarioError
        A market has no spot book for its index, or `mark.index` or `mark.peers` names an unknown venue.
    """
    where = f"protocols.{protocol.name}.mark"
    venues = {v.name: v.kind for v in scenario.venues}
    for name in (*protocol.mark.index, *protocol.mark.peers):
        if name not in venues:
            raise ScenarioError(where, f"unknown venue '{name}'", "allowed: " + ", ".join(venues))
    perps, spots, peers = [], [], []
    for market in protocol.markets:
        perps.append(books.find(protocol.venue, f"{market.asset}-PERP"))
        index = protocol.mark.index or tuple(name for name, kind in venues.items() if kind == "book")
        others = protocol.mark.peers or tuple(name for name in venues if name != protocol.venue)
        spots.append(_matching(books, market.asset, ("spot", "amm"), index))
        peers.append(_matching(books, market.asset, ("perp",), others))
        if not spots[-1]:
            raise ScenarioError(where, f"no spot market of {market.asset} for its index", "add one, or name a venue")
    return Marks(books, np.array(perps, dtype=np.int64), _basket(spots), _basket(peers), protocol.mark.ema)


def _matching(books: Books, asset: str, kinds: tuple[str, ...], venues: tuple[str, ...]) -> list[int]:
    names = enumerate(books.names)
    return [i for i, book in names if book.asset == asset and book.kind in kinds and book.venue in venues]


def _basket(members: list[list[int]]) -> Basket:
    starts = np.concatenate([[0], np.cumsum([len(m) for m in members])]).astype(np.int64)
    return Basket(starts, np.array([b for m in members for b in m], dtype=np.int64))
