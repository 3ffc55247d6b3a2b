"""Where and when the world is acting now, and the trades that move prices there.

Everything that is booked carries a place: time, chain, block, round.  The tape holds it, executes volume on
the books, and logs each price move with its cause.
"""

from dataclasses import dataclass
from typing import Literal

from abm.events import Log
from abm.venues.books import Books, Fill

__all__ = ["Cause", "Execution", "Tape"]

Cause = Literal["liquidation", "trades", "arbitrage"]


@dataclass(frozen=True, slots=True)
class Execution:
    """A fill and the id of the price move it made (-1: it moved no price)."""

    fill: Fill
    move: int


class Tape:
    """The current place, the log, and the books that are traded on."""

    def __init__(self, log: Log, books: Books) -> None:
        self.log = log
        self.books = books
        self.time = 0.0
        self.chain = ""
        self.block = 0
        self.round = 0

    def enter(self, chain: str, block: int, time: float) -> None:
        """A new block, or an agent's moment between blocks."""
        self.chain, self.block, self.time, self.round = chain, block, time, 0

    @property
    def place(self) -> tuple[float, str, int]:
        """Time, chain and block, as events carry them."""
        return self.time, self.chain, self.block

    @property
    def moves(self) -> int:
        """Price moves so far: the id of the next one."""
        return self.log.counts["price_moves"]

    def execute(self, book: int, volume: float, cause: Cause) -> Execution:
        """Trade net volume (signed coins) on a book in this round."""
        fill = self.books.execute(book, volume, self.time)
        if fill.move == 0.0:
            return Execution(fill, -1)
        move = self.moves
        at = self.books.names[book]
        self.log.row(
            "price_moves", move, self.time, self.chain, self.block, self.round, book, at.venue,
            at.market, cause, fill.move, fill.calm_move, fill.volume, fill.depth,
        )  # fmt: skip
        return Execution(fill, move)

    def event(
        self, kind: str, protocol: str, account: int, market: str, asset: str, amount: float, ref: int = -1
    ) -> None:
        """Log one booking."""
        self.log.row("events", *self.place, kind, protocol, account, market, asset, amount, ref, 0.0)
