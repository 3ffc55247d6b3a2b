"""A derivatives protocol: deposits, withdrawals, trades with an initial-margin check, and one block of its life.

How breaches are found and recorded is in `breaches`, how they are served in `liquidation`, who pays what is
missing in `waterfall` and `adl`, what is known of collateral on other chains in `remote`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from abm.chains.bridge import Bridge
from abm.crossing import Crossing
from abm.ledger import SYSTEM, Ledger
from abm.margin.engine import Engine, Terms
from abm.margin.state import MarketState, Series
from abm.margin.watch import Watch
from abm.oracles.feed import Feed
from abm.protocol.admission import admitted, admitted_by_revaluation
from abm.protocol.balance import errors
from abm.protocol.bookings import Booking, log_bookings
from abm.protocol.counterparty import Counterparty
from abm.protocol.history import History, Prices
from abm.protocol.liquidation import Stakes
from abm.protocol.options.board import Board
from abm.protocol.remote import Remote
from abm.protocol.withdrawals import withdraw, withdrawable
from abm.protocol_spec import ProtocolSpec
from abm.tape import Cause, Tape
from abm.treasury import Treasury
from abm.venues.mark import Marks

__all__ = ["Protocol"]

FEED_CODES = {"last": 1, "index": 3}
"""Source codes of the two feeds that have one source only (a mark has 0 fair, 1 last, 2 peers)."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Protocol:
    """One protocol on one chain.

    Attributes
    ----------
    ledger
        Its accounts, as columns.
    fund, fees, bad_debt
        Insurance fund, fees earned, and losses that nobody has paid yet (not positive), USD.
    queued, struck_off
        Withdrawals that had to wait, and what the margin no longer allowed of them when their turn came, USD.
    liquidatable
        Rows with negative free margin at the end of the last block, worst first by share of maintenance.
    stakes
        What closing those is about then, for keepers, who may bid whatever the protocol's own route.
    locks
        Ids of the accounts that neither trade nor pay out: a margin passport has been issued for them, or is awaited.
    queues
        Winners in order of auto-deleveraging, by market and side, as ranked in a block (`abm.protocol.adl`).
    """

    def __init__(
        self,
        spec: ProtocolSpec,
        *,
        tape: Tape,
        treasury: Treasury,
        engine: Engine,
        marks: Marks,
        feed: Feed,
        books: Sequence[int],
        spot_books: Sequence[int],
        crossing: Crossing,
        finality: Mapping[str, float],
        cohorts: Sequence[str],
        slots: int,
        first_price: int,
    ) -> None:
        self.spec, self.name, self.chain = spec, spec.name, spec.chain
        self.tape, self.treasury, self.engine, self.marks, self.feed = tape, treasury, engine, marks, feed
        self.books = np.asarray(books, np.int64)
        self.spot_books = tuple(spot_books)
        self.cohorts = cohorts
        self.first_price = first_price
        self.markets = tuple(f"{m.asset}-PERP" for m in spec.markets)
        self.assets = tuple(m.asset for m in spec.markets)
        self.collaterals = tuple((c.asset, c.chain or spec.chain) for c in spec.collateral)
        legs = sum(o.most for o in spec.options)
        self.ledger = Ledger(len(self.markets), len(self.collaterals), slots, legs)
        self.options = Board(spec.options, self.assets) if spec.options else None
        self.watch = Watch(engine, self.ledger)
        self.holder = treasury.holder(f"protocol:{self.name}")
        self.cash_token = treasury.token(spec.settlement, spec.chain)
        self.coin_tokens = tuple(treasury.token(a, c) for a, c in self.collaterals)
        self.crossing = crossing
        self.remote = Remote(spec, crossing.bridges, finality)
        self.counterparty = Counterparty(self)
        self.fund = self.fees = self.bad_debt = self.queued = self.struck_off = 0.0
        self.deficits: dict[int, float] = {}
        self.queue: list[tuple[int, float]] = []
        self.locks: set[int] = set()
        self.liquidatable: Ints = np.zeros(0, np.int64)
        self.stakes = Stakes(np.zeros(0), np.zeros(0), np.zeros(0))
        self.queues: dict[tuple[int, float], tuple[float, Ints]] = {}
        self.street_id = self.vault_id = -1
        self._small: tuple[Floats, Floats] = (np.zeros(len(self.markets)), np.zeros(len(self.markets)))
        self._take_rules(spec)
        self._take_prices(feed, marks)

    def _take_rules(self, spec: ProtocolSpec) -> None:
        """The parameters of its markets and of what it takes as collateral, which may change in a run."""
        self.funding: Floats = np.zeros(len(self.markets))
        self.margin_scale: Floats = np.ones(len(self.markets))
        self.haircut: Floats = np.array([c.haircut for c in spec.collateral], dtype=np.float64)

    def _take_prices(self, feed: Feed, marks: Marks) -> None:
        """Where each of its prices comes from (-1: a coin at par), and those of the opening."""
        feeds = {a: i for i, a in enumerate(feed.assets)}
        self.market_feed = np.array([feeds[a] for a in self.assets], np.int64)
        self.coin_feed = np.array([feeds.get(a, -1) for a, _ in self.collaterals], np.int64)
        self._previous_mark: Floats = marks.mark.copy()
        self._this_mark: Floats = marks.mark.copy()
        if not self.engine.linear:
            self._small = self.engine.fractions(self._terms(0.0))
        self.terms = self._terms(0.0)
        self.history = History(len(self.markets), len(self.collaterals), whole=not self.engine.linear)

    # prices and parameters

    def refresh(self, now: float) -> None:
        """Recompute mark and index, and the terms that follow."""
        self.marks.compute()
        self.terms = self._terms(now)

    def _terms(self, now: float) -> Terms:
        price = self.price(self.spec.breach_price)
        coin = np.ones(len(self.collaterals))
        known = self.coin_feed >= 0
        coin[known] = self.feed.price[self.coin_feed[known]]
        terms = self.engine.terms(
            price, coin, funding=self.funding, state=self._state(price, coin, now) if self.engine.stateful else None, scale=self.margin_scale,
            haircut=self.haircut, stale=self.remote.stale(now),
        )  # fmt: skip
        if not self.engine.linear:
            terms.imf, terms.mmf = (fraction * self.margin_scale for fraction in self._small)
        return terms

    def _state(self, price: Floats, coin_price: Floats, now: float) -> MarketState:
        """What the protocol knows of itself: interest and skew of its accounts, and what they hold together."""
        ledger = self.ledger
        held = np.concatenate([[0.0], np.maximum(ledger.coins, 0.0).sum(axis=0)])
        return replace(
            MarketState.quiet(price, coin_price, self._series(now)), skew=ledger.skew.copy(), open_interest=ledger.long_interest.copy(),
            index=self.marks.index.copy(), deposits=held,
        )  # fmt: skip

    def _series(self, now: float) -> Series | None:
        return self.options.series(now, self.marks.index) if self.options is not None else None

    def price(self, kind: str) -> Floats:
        """float64[M]: mark, index, oracle or last of its markets, USD."""
        if kind == "mark":
            return self.marks.mark.copy()
        if kind == "index":
            return self.marks.index.copy()
        if kind == "oracle":
            return np.asarray(self.feed.price[self.market_feed])
        return np.asarray(self.tape.books.last[self.books])

    def current_prices(self) -> Prices:
        """The prices in force, markets then collaterals, each with the source it has now."""
        kind, moves, markets = self.spec.breach_price, self.tape.moves, len(self.markets)
        feed, at = self.feed, np.maximum(np.concatenate([self.market_feed, self.coin_feed]), 0)
        code, seen, seen_moves = feed.code[at], feed.seen[at], feed.moves[at]
        if kind != "oracle":
            code[:markets] = self.marks.code if kind == "mark" else FEED_CODES[kind]
            seen[:markets], seen_moves[:markets] = self.tape.time, moves
        return Prices(np.concatenate([self.terms.price, self.terms.coin_price]), code, seen, seen_moves)

    def snapshot(self, now: float) -> None:
        """Remember this block's prices and parameters, with the source of each price."""
        self._previous_mark, self._this_mark = self._this_mark, self.marks.mark.copy()
        self.history.append(now, self.terms, self.current_prices())

    # money

    def deposit(self, rows: Ints, amounts: Floats, collateral: int = -1) -> Floats:
        """Coins from the owners' wallets: settlement asset (-1), or a collateral by its position in the list.

        A deposit that the wallet does not cover is refused, as a chain reverts it; of several out of one wallet, those
        that do not fit together with all before them.  Returns what was taken of each.  Remote collateral counts once
        its message is final.
        """
        token = self.cash_token if collateral < 0 else self.coin_tokens[collateral]
        accepted = self.treasury.covers(self.ledger.holder[rows], token, amounts) & (amounts > 0.0)
        taken = np.where(accepted, amounts, 0.0)
        if accepted.any():
            self._take(rows[accepted], amounts[accepted], collateral, token)
        return taken

    def _take(self, rows: Ints, amounts: Floats, collateral: int, token: int) -> None:
        """Book deposits that are covered."""
        self.treasury.collect(self.ledger.holder[rows], self.holder, token, amounts)
        value = 1.0 if collateral < 0 else float(self.terms.coin_price[collateral])
        np.add.at(self.ledger.deposited, rows, amounts * value)
        if collateral < 0:
            np.add.at(self.ledger.quote, rows, amounts)
            self.ledger.changed[rows] = self.tape.time
        elif self.remote.bridge[collateral] is None:
            np.add.at(self.ledger.coins[:, collateral], rows, amounts)
            self.ledger.changed[rows] = self.tape.time
        else:
            self.remote.announce(self.ledger.id[rows], amounts, collateral, self.tape.time)
        self.log_rows("deposit", rows, "", self.asset_name(collateral), amounts)

    def endow(self, rows: Ints, amounts: Floats, collateral: int = -1) -> None:
        """What accounts hold at the opening, out of nothing: settlement asset or a collateral, known at once.

        Of the settlement asset the ledger is credited and the cash is the caller's to bring: debts are among it.
        """
        if collateral < 0:
            self.ledger.quote[rows] += amounts
            self.ledger.deposited[rows] += amounts
        else:
            self.treasury.inject(self.holder, self.coin_tokens[collateral], float(amounts.sum()))
            self.ledger.coins[rows, collateral] += amounts
            self.ledger.deposited[rows] += amounts * float(self.terms.coin_price[collateral])
        some, name = amounts != 0.0, self.asset_name(collateral)
        self.log_rows("deposit", rows[some], "", name, amounts[some])
        if collateral >= 0 and self.remote.bridge[collateral] is not None:
            self.log_rows("credit", rows[some], "", name, amounts[some])

    def asset_name(self, collateral: int) -> str:
        """How events name what is booked: the settlement asset (-1), or a collateral as ASSET@CHAIN."""
        return self.spec.settlement if collateral < 0 else "@".join(self.collaterals[collateral])

    def credit_remote(self, now: float) -> None:
        """Count the remote deposits whose message has become final."""
        for ids, amounts, collateral in self.remote.arrived(now):
            rows = self.ledger.rows(ids)
            np.add.at(self.ledger.coins[:, collateral], rows, amounts)
            self.ledger.changed[rows] = now
            self.log_rows("credit", rows, "", self.asset_name(collateral), amounts)

    def withdrawable(self, row: int) -> float:
        """What the initial margin leaves free in the settlement asset, less what waits in the queue already, USD."""
        return withdrawable(self, row)

    def withdraw(self, row: int, amount: float) -> float:
        """Settlement asset to the owner's wallet, as the initial margin and the cash here allow; what was paid now.

        What the cash does not cover waits in the queue.
        """
        return withdraw(self, row, amount)

    def carry_home(self, bridge: Bridge, collateral: int, amount: float) -> bool:
        """Send settlement coins from a remote chain home; false where the bridge refuses."""
        token = self.coin_tokens[collateral]
        if float(self.treasury.balance[self.holder, token]) < amount:
            return False

        def arrived() -> None:
            self.remote.in_transit -= amount

        here = np.array([self.holder])
        refused = self.crossing.send(
            bridge, here, here, np.array([amount]), to_target=bridge.spec.target == self.chain, arrived=arrived
        )  # fmt: skip
        if not refused:
            self.remote.in_transit += amount
        return not refused

    def reward(self, holder: int, amount: float, keeper: str) -> None:
        """Pay a keeper out of the insurance fund, into which the penalty went, as far as there is cash here."""
        paid = min(amount, self.fund, max(float(self.treasury.balance[self.holder, self.cash_token]), 0.0))
        if paid > 0.0:
            self.fund -= paid
            self.treasury.move(self.holder, holder, self.cash_token, paid)
            self.tape.event("reward", self.name, -1, keeper, self.spec.settlement, -paid)

    def deficit(self, breach: int, amount: float) -> None:
        """Note what was missing in the end on a breach's account."""
        self.deficits[breach] = self.deficits.get(breach, 0.0) + amount

    def previous_mark(self, market: int) -> float:
        """Mark of the block before this one, USD."""
        return float(self._previous_mark[market])

    # trading

    def admits(self, rows: Ints, markets: Ints, sizes: Floats) -> NDArray[np.bool_]:
        """Which trades the initial margin allows: those that reduce, and those whose margin is there afterwards,
        at the price that they would get together on the book, fee included."""
        ledger, cost = self.ledger, self._cost(markets, sizes)
        if not self.engine.linear:
            return admitted_by_revaluation(self.engine, ledger, self.terms, (rows, markets, sizes), cost)
        view = self.engine.assess(ledger, self.terms, rows)
        return np.asarray(
            admitted(
                rows, markets, sizes, cost, view.margin_equity, view.im,
                self.terms.price * self.terms.imf, ledger.mode, ledger.slot_market, ledger.slot_size,
            )
        )  # fmt: skip

    def _cost(self, markets: Ints, sizes: Floats) -> Floats:
        """What each trade loses, against the price that decides breaches, if the book takes all of them at once, USD."""
        books, cost = self.tape.books, np.zeros(len(sizes))
        for market in sorted(set(markets.tolist())):
            mine, book = markets == market, int(self.books[market])
            price = books.quote(book, float(np.sum(sizes[mine])), self.tape.time)
            worse = np.maximum(sizes[mine] * (price - self.terms.price[market]), 0.0)
            cost[mine] = worse + np.abs(sizes[mine]) * price * books.fee[book]
        return cost

    def trade(self, rows: Ints, markets: Ints, sizes: Floats, *, cause: Cause = "trades") -> Floats:
        """Trade at one price a market, as the initial margin allows; what each got, signed coins.

        The orders of a market net against each other, the rest meets makers and the street.
        """
        ledger = self.ledger
        filled = np.zeros(len(rows))
        ok = self.admits(rows, markets, sizes)
        if self.locks:
            ok &= ~np.isin(ledger.id[rows], sorted(self.locks))
        order = np.argsort(ledger.id[rows], kind="stable")
        order = order[ok[order]]
        for market in sorted(set(markets[order].tolist())):
            chosen = order[markets[order] == market]
            filled[chosen] = self.fill(rows[chosen], market, sizes[chosen], cause)[0]
        self.tape.round += 1
        return filled

    def fill(self, rows: Ints, market: int, sizes: Floats, cause: Cause) -> tuple[Floats, float, int]:
        """Trade accounts in one market against the book at one price: what each got, the price, the move's id.

        Where the book does not take the whole net volume, the side that is too many is cut in proportion.
        """
        book = int(self.books[market])
        net = float(sizes.sum())
        done = self.tape.execute(book, net, cause)
        got = sizes
        if done.fill.volume != net:
            side = np.sign(sizes) == np.sign(net)
            opposite = float(np.sum(sizes[~side]))
            got = np.where(side, sizes * ((done.fill.volume - opposite) / float(np.sum(sizes[side]))), sizes)
        price = done.fill.price
        others, against, fees = self.counterparty.trade(rows, market, got, price, float(self.tape.books.fee[book]))
        name, asset = self.markets[market], self.assets[market]
        booked = [
            Booking("trade", rows, name, asset, got, price),
            Booking("other_side", others, name, asset, against, price),
        ]
        if self.tape.books.fee[book] > 0.0:
            self.fees += float(fees.sum())
            booked.append(Booking("fee", rows, name, self.spec.settlement, -fees))
        log_bookings(self, *booked)
        return got, price, done.move

    def settle_funding(self, market: int, rate: float) -> None:
        """Longs pay rate * index a coin (negative: shorts pay): one number moves, no account is touched."""
        per_coin = rate * float(self.marks.index[market])
        self.funding[market] += per_coin
        self.terms.funding = self.funding
        self.tape.event("funding", self.name, -1, self.markets[market], self.spec.settlement, per_coin)

    # logs and audit

    def log_rows(
        self,
        kind: str,
        rows: Ints,
        market: str,
        asset: str,
        amounts: Floats,
        ref: int = -1,
        price: float | Floats = 0.0,
    ) -> None:
        """Log one kind of booking of many accounts."""
        time, chain, block = self.tape.place
        self.tape.log.rows(
            "events", len(rows), time=time, chain=chain, block=block, kind=kind, protocol=self.name,
            account=self.ledger.id[rows], market=market, asset=asset, amount=amounts, ref=ref,
            price=price,
        )  # fmt: skip

    def errors(self) -> dict[str, float]:
        """What does not add up, as a fraction of the gross (`abm.protocol.balance`)."""
        return errors(self)

    @property
    def street(self) -> int:
        """Row of the street, the part of the market that is not modelled."""
        return self.ledger.row(self.street_id)

    @property
    def vault(self) -> int:
        """Row of the backstop vault."""
        return self.ledger.row(self.vault_id)

    def ordinary(self) -> NDArray[np.bool_]:
        """Rows that are neither the street nor the vault."""
        return np.asarray(self.ledger.mode != SYSTEM)
