"""The ledger of one protocol: every sub-account's balances and positions, as columns.

An account's *quote number* is c = cash - sum of size * (entry price - cumulative funding at entry), so its
equity in the settlement asset is c + sum of size * (price - cumulative funding), whatever was paid meanwhile:
a funding payment moves one number a market and touches no account.
"""

from typing import ClassVar, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "CROSS",
    "ISOLATED",
    "MODES",
    "NAMED",
    "SYSTEM",
    "Ledger",
    "book_trades",
    "book_trades_python",
    "free_slot",
    "free_slot_python",
    "sizes_in",
    "sizes_in_python",
    "slot_of",
    "slot_of_python",
]

CROSS: Final = 0
ISOLATED: Final = 1
NAMED: Final = 2
SYSTEM: Final = 3
MODES = ("cross", "isolated", "named", "system")
"""How an account holds its positions; `system` accounts (street, vault) are the protocol's own and never breach."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Ledger:
    """Columns over sub-accounts; a row is a place in them, an id is the account's identity.

    Attributes
    ----------
    id, owner, holder : int64[n]
        Identity, owner's id, owner's row in the treasury.
    mode, cohort : int8[n], int16[n]
        Index into `MODES`; index into the world's list of cohorts and agents.
    slot_market, slot_size : int16[n, K], float64[n, K]
        Open positions: market (-1: free slot), signed size in coins.  The open ones come first, so that a scan ends at
        the first free slot.
    slot_entry, slot_funding : float64[n, K] twice
        Mean entry price of each, USD, and mean of the market's cumulative funding when it was entered.
    leg_series, leg_size, leg_entry : int32[n, L], float64[n, L] twice
        Options: series (-1: free; the open ones come first), signed number of options on one coin, mean premium paid, USD.
    quote : float64[n]
        The quote number, in the settlement asset.
    coins : float64[n, H]
        Other collateral, by the protocol's list of collateral, in coins; below zero what is owed, where a family lends.
    category : int8[n]
        A lender's category of the account (Aave's e-mode); 0 without.
    changed : float64[n]
        When its positions or collateral last changed by an action.
    breach : int64[n]
        Id of its open breach, -1 without.
    since : float64[n]
        When that breach began, seconds.
    deposited : float64[n]
        Net deposits at the value when they were made, USD.
    layout : int
        Counts the times that rows have come to stand for other accounts, or new ones.
    long_interest, skew, gross : float64[M]
        Sum of positive sizes, of all sizes, and of all absolute traded sizes, in coins.
    """

    def __init__(self, markets: int, collaterals: int, slots: int, legs: int = 0) -> None:
        self.slots = slots
        self.id: Ints = np.zeros(0, np.int64)
        self.owner: Ints = np.zeros(0, np.int64)
        self.holder: Ints = np.zeros(0, np.int64)
        self.mode: NDArray[np.int8] = np.zeros(0, np.int8)
        self.cohort: NDArray[np.int16] = np.zeros(0, np.int16)
        self.slot_market: NDArray[np.int16] = np.zeros((0, slots), np.int16)
        self.slot_size: Floats = np.zeros((0, slots))
        self.slot_entry: Floats = np.zeros((0, slots))
        self.slot_funding: Floats = np.zeros((0, slots))
        self.leg_series: NDArray[np.int32] = np.zeros((0, legs), np.int32)
        self.leg_size: Floats = np.zeros((0, legs))
        self.leg_entry: Floats = np.zeros((0, legs))
        self.category: NDArray[np.int8] = np.zeros(0, np.int8)
        self.quote: Floats = np.zeros(0)
        self.coins: Floats = np.zeros((0, collaterals))
        self.changed: Floats = np.zeros(0)
        self.breach: Ints = np.zeros(0, np.int64)
        self.since: Floats = np.zeros(0)
        self.deposited: Floats = np.zeros(0)
        self.long_interest: Floats = np.zeros(markets)
        self.skew: Floats = np.zeros(markets)
        self.gross: Floats = np.zeros(markets)
        self._order: Ints = np.zeros(0, np.int64)
        self._row: dict[int, int] = {}
        self.layout = 0

    _COLUMNS = (
        "id", "owner", "holder", "mode", "cohort", "slot_market", "slot_size", "slot_entry", "slot_funding",
        "leg_series", "leg_size", "leg_entry", "category", "quote", "coins", "changed", "breach", "since", "deposited",
    )  # fmt: skip

    _EMPTY: ClassVar[dict[str, float]] = {"slot_market": -1, "leg_series": -1, "breach": -1, "since": np.nan}
    """What a column of a new account holds, where that is not 0."""

    def __len__(self) -> int:
        return len(self.id)

    def add(
        self, ids: Ints, owners: Ints, holders: Ints, *, mode: int | NDArray[np.int8], cohort: int, now: float
    ) -> Ints:
        """Open empty accounts; their rows.

        Raises
        ------
        ValueError
            An id is there already.
        """
        n, first = len(ids), len(self)
        at = np.searchsorted(self.id, ids, sorter=self._order)
        if np.any(self.id[self._order[at[at < first]]] == ids[at < first]) or len(set(ids.tolist())) < n:
            raise ValueError("an account of that id exists already")
        given = {"id": ids, "owner": owners, "holder": holders, "mode": mode, "cohort": cohort, "changed": now}
        for name in self._COLUMNS:
            column = getattr(self, name)
            new = np.empty((n, *column.shape[1:]), column.dtype)
            new[:] = given.get(name, self._EMPTY.get(name, 0))
            setattr(self, name, np.concatenate([column, new]))
        self._order = np.argsort(self.id, kind="stable")
        self._row.clear()
        self.layout += 1
        return np.arange(first, first + n)

    def rows(self, ids: Ints) -> Ints:
        """Rows of accounts by id.

        Raises
        ------
        KeyError
            An id is not there.
        """
        at = np.searchsorted(self.id, ids, sorter=self._order)
        rows = self._order[np.minimum(at, len(self) - 1)]
        if len(rows) and not np.array_equal(self.id[rows], ids):
            raise KeyError("no account of that id")
        return rows

    def row(self, account: int) -> int:
        """Row of one account by id."""
        row = self._row.get(account)
        if row is None:
            row = self._row[account] = int(self.rows(np.array([account], np.int64))[0])
        return row

    def by_id(self, rows: Ints) -> Ints:
        """The rows in order of account id: the order in which anything is decided."""
        return rows[np.argsort(self.id[rows], kind="stable")]

    def permute(self, order: Ints) -> None:
        """Another layout of the same accounts; nothing that a run leaves may depend on it."""
        for name in self._COLUMNS:
            setattr(self, name, np.ascontiguousarray(getattr(self, name)[order]))
        self._order = np.argsort(self.id, kind="stable")
        self._row.clear()
        self.layout += 1

    def copy(self, rows: Ints) -> "Ledger":
        """Some of the accounts with all their columns, to be changed without changing these; an account once at most."""
        made = Ledger(len(self.skew), self.coins.shape[1], self.slots, self.leg_series.shape[1])
        for name in self._COLUMNS:
            setattr(made, name, np.ascontiguousarray(getattr(self, name)[rows]))
        made._order = np.argsort(made.id, kind="stable")
        made.long_interest, made.skew, made.gross = self.long_interest.copy(), self.skew.copy(), self.gross.copy()
        return made

    def size(self, rows: Ints, market: int | Ints) -> Floats:
        """float64[rows]: signed size of each row in one market, or in its own of as many, coins."""
        rows = np.asarray(rows, np.int64)
        markets = np.full(len(rows), market, np.int64)
        return np.asarray(sizes_in(rows, markets, self.slot_market, self.slot_size))

    def holds(self, rows: Ints) -> NDArray[np.bool_]:
        """bool[rows]: whether each has a position in any market."""
        return np.asarray(self.slot_market[rows, 0] >= 0)

    def entry_values(self, rows: Ints) -> Floats:
        """float64[rows, K]: size * (entry price - cumulative funding at entry) by slot; cash is the quote number and these."""
        return np.asarray(self.slot_size[rows] * (self.slot_entry[rows] - self.slot_funding[rows]))

    def cash(self, rows: Ints) -> Floats:
        """float64[rows]: balance in the settlement asset before unrealised profit."""
        return np.asarray(self.quote[rows] + self.entry_values(rows).sum(axis=1))

    def held(self, row: int, market: int) -> float:
        """Signed size of one row in one market, coins."""
        for k, other in enumerate(self.slot_market[row].tolist()):
            if other == market:
                return float(self.slot_size[row, k])
        return 0.0

    def trade(self, rows: Ints, markets: Ints, sizes: Floats, prices: Floats, funding: Floats, now: float) -> None:
        """Book trades one after the other: size and quote number move, opposite sides are separate entries.

        Raises
        ------
        OverflowError
            An account has no free slot left for a new market.
        """
        full = book_trades(
            rows, markets, sizes, prices, funding, self.slot_market, self.slot_size, self.slot_entry,
            self.slot_funding, self.quote, self.long_interest, self.skew, self.gross,
        )  # fmt: skip
        self._check_full(full)
        self.changed[rows] = now

    def fill(
        self, rows: Ints, sizes: Floats, market: int, price: float, fee: float, funding: float, now: float, *,
        makers: Ints, quoted: Floats, depth: float, street: int,
    ) -> tuple[Ints, Floats, Floats]:  # fmt: skip
        """Book some accounts' trades in one market at a price, and the other side of them: makers by what they quote
        (USD), the street for the rest; rows and sizes of the other side, the street last, and the fees, USD.

        Raises
        ------
        OverflowError
            An account has no free slot left for a new market.
        """
        full, others, against, fees = book_fill(
            rows, sizes, market, price, fee, makers, quoted, depth, street, funding, self.slot_market, self.slot_size,
            self.slot_entry, self.slot_funding, self.quote, self.breach, self.long_interest, self.skew, self.gross,
        )  # fmt: skip
        self._check_full(full)
        self.changed[rows] = now
        self.changed[others] = now
        return others, against, fees

    def _check_full(self, row: int) -> None:
        if row >= 0:
            raise OverflowError(f"account {self.id[row]} holds {self.slots} positions already")

    def errors(self) -> Floats:
        """float64[M]: sum of all signed sizes of a market as a fraction of all that was traded."""
        live = self.slot_market >= 0
        sums = np.bincount(
            self.slot_market[live].astype(np.int64), weights=self.slot_size[live], minlength=len(self.skew)
        )
        return np.asarray(sums / np.maximum(self.gross, 1e-300))


def sizes_in_python(rows: Ints, markets: Ints, slot_market: NDArray[np.int16], slot_size: Floats) -> Floats:
    """float64[rows]: signed size of each row in its market."""
    sizes = np.zeros(len(rows))
    for i in range(len(rows)):
        for k in range(slot_market.shape[1]):
            if slot_market[rows[i], k] < 0:
                break
            if slot_market[rows[i], k] == markets[i]:
                sizes[i] = slot_size[rows[i], k]
    return sizes


sizes_in = njit(cache=True)(sizes_in_python)


def slot_of_python(slot_market: NDArray[np.int16], row: int, market: int) -> int:
    """The slot of a row that holds a market, or else its first free one; the number of slots where there is none."""
    slot = 0
    while slot < slot_market.shape[1] and slot_market[row, slot] >= 0 and slot_market[row, slot] != market:
        slot += 1
    return slot


slot_of = njit(cache=True)(slot_of_python)


def free_slot_python(
    slot_market: NDArray[np.int16], slot_size: Floats, slot_entry: Floats, slot_funding: Floats, row: int, slot: int
) -> None:  # fmt: skip
    """Empty a slot: the last open one of the row takes its place."""
    last = slot
    while last + 1 < slot_market.shape[1] and slot_market[row, last + 1] >= 0:
        last += 1
    slot_market[row, slot], slot_size[row, slot] = slot_market[row, last], slot_size[row, last]
    slot_entry[row, slot], slot_funding[row, slot] = slot_entry[row, last], slot_funding[row, last]
    slot_market[row, last], slot_size[row, last] = -1, 0.0
    slot_entry[row, last], slot_funding[row, last] = 0.0, 0.0


free_slot = njit(cache=True)(free_slot_python)


def book_trade_python(
    row: int, market: int, size: float, price: float, funding: float, slot_market: NDArray[np.int16], slot_size: Floats,
    slot_entry: Floats, slot_funding: Floats, quote: Floats, long_interest: Floats, skew: Floats, gross: Floats,
) -> bool:  # fmt: skip
    """Book one trade; false where the row has no free slot.  `funding` is the market's cumulative funding.

    Entry price: the mean over what was added on the same side; a flip starts anew.
    """
    if size == 0.0:
        return True
    slot = slot_of(slot_market, row, market)
    if slot == slot_market.shape[1]:
        return False
    old = slot_size[row, slot] if slot_market[row, slot] == market else 0.0
    new = old + size
    if abs(new) <= 1e-13 * max(abs(old), abs(size)):
        new = 0.0
    if old == 0.0 or old * new < 0.0:
        slot_entry[row, slot], slot_funding[row, slot] = price, funding
    elif abs(new) > abs(old):
        slot_entry[row, slot] = (slot_entry[row, slot] * old + price * size) / new
        slot_funding[row, slot] = (slot_funding[row, slot] * old + funding * size) / new
    slot_market[row, slot] = market
    slot_size[row, slot] = new
    if new == 0.0:
        free_slot(slot_market, slot_size, slot_entry, slot_funding, row, slot)
    quote[row] -= size * (price - funding)
    long_interest[market] += max(new, 0.0) - max(old, 0.0)
    skew[market] += size
    gross[market] += abs(size)
    return True


book_trade = njit(cache=True)(book_trade_python)


def book_trades_python(
    rows: Ints, markets: Ints, sizes: Floats, prices: Floats, funding: Floats, slot_market: NDArray[np.int16],
    slot_size: Floats, slot_entry: Floats, slot_funding: Floats, quote: Floats, long_interest: Floats, skew: Floats,
    gross: Floats,
) -> int:  # fmt: skip
    """Book trades in order, `rows, markets, sizes, prices` one each; the row that had no free slot, or -1."""
    for i in range(len(rows)):
        if not book_trade(
            rows[i], markets[i], sizes[i], prices[i], funding[markets[i]], slot_market, slot_size, slot_entry,
            slot_funding, quote, long_interest, skew, gross,
        ):  # fmt: skip
            return int(rows[i])
    return -1


book_trades = njit(cache=True)(book_trades_python)


def book_fill_python(
    rows: Ints, sizes: Floats, market: int, price: float, fee: float, makers: Ints, quoted: Floats, depth: float,
    street: int, funding: float, slot_market: NDArray[np.int16], slot_size: Floats, slot_entry: Floats,
    slot_funding: Floats, quote: Floats, breach: Ints, long_interest: Floats, skew: Floats, gross: Floats,
) -> tuple[int, Ints, Floats, Floats]:  # fmt: skip
    """Book the trades of some rows in one market, their fees, and the other side: makers by what they quote over the
    depth (all together no more than all of it, none in breach, and none that trades here itself), the street for the rest.

    Returns the row that had no free slot or -1, rows and sizes of the other side, the street last, and the fees, USD.
    """
    net, total = 0.0, 0.0
    for i in range(len(rows)):
        net += sizes[i]
    stands = np.empty(len(makers), np.bool_)
    for i in range(len(makers)):
        stands[i] = breach[makers[i]] < 0
        for j in range(len(rows)):
            stands[i] = stands[i] and rows[j] != makers[i]
        total += quoted[i] if stands[i] else 0.0
    others, against, count = np.empty(len(makers) + 1, np.int64), np.empty(len(makers) + 1), 0
    left = -net
    for i in range(len(makers)):
        part = -net * quoted[i] / max(depth, total, 1e-300)
        if stands[i] and part != 0.0:
            others[count], against[count] = makers[i], part
            left -= part
            count += 1
    others[count], against[count] = street, left
    others, against = others[: count + 1].copy(), against[: count + 1].copy()
    fees = np.zeros(len(rows))
    for i in range(len(rows)):
        fees[i] = fee * abs(sizes[i]) * price
        if not book_trade(
            rows[i], market, sizes[i], price, funding, slot_market, slot_size, slot_entry, slot_funding, quote,
            long_interest, skew, gross,
        ):  # fmt: skip
            return int(rows[i]), others, against, fees
        quote[rows[i]] -= fees[i]
    for i in range(len(others)):
        if not book_trade(
            others[i], market, against[i], price, funding, slot_market, slot_size, slot_entry, slot_funding, quote,
            long_interest, skew, gross,
        ):  # fmt: skip
            return int(others[i]), others, against, fees
    return -1, others, against, fees


book_fill = njit(cache=True)(book_fill_python)
