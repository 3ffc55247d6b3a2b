"""Who pays what is missing: insurance fund, backstop vault, auto-deleveraging, socialised loss, in the stated order.

Vault and auto-deleveraging take positions, in the order in which they stand; fund and vault pay debts in cash, in the
order in which they stand; what is left is bad debt, which all accounts pay at the next funding where `socialise` is a
layer.  It takes whatever is left, so it stands last (`abm.spec`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from abm.ledger import SYSTEM
from abm.protocol.adl import deleverage, triggered
from abm.protocol.liquidation import swap, take_home

if TYPE_CHECKING:
    from abm.protocol.protocol import Protocol

__all__ = ["cover", "rescue_vault", "socialise", "take_over", "unwind_vault"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def cover(protocol: Protocol, row: int) -> None:
    """Pay the debt of an account that has nothing left; what no layer covers is booked as bad debt."""
    ledger = protocol.ledger
    debt = -float(ledger.quote[row])
    if debt <= 0.0:
        return
    left = debt
    for layer in protocol.spec.liquidation.waterfall:
        paid = _pay(protocol, layer, left)
        if paid > 0.0:
            left -= paid
            log_loss(protocol, row, layer, paid)
    if left > 0.0:
        protocol.bad_debt -= left
        log_loss(protocol, row, "bad_debt", left)
    ledger.quote[row] = 0.0
    ledger.changed[row] = protocol.tape.time
    protocol.deficit(int(ledger.breach[row]), debt)


def _pay(protocol: Protocol, layer: str, debt: float) -> float:
    """What a layer pays of a debt in cash."""
    if layer == "fund":
        paid = min(protocol.fund, debt)
        protocol.fund -= paid
        return paid
    if layer == "vault":
        equity = float(protocol.engine.assess(protocol.ledger, protocol.terms, np.array([protocol.vault])).equity[0])
        paid = min(max(equity, 0.0), debt)
        protocol.ledger.quote[protocol.vault] -= paid
        return paid
    return 0.0


def log_loss(protocol: Protocol, row: int, layer: str, amount: float) -> None:
    """A row of `losses` and an event."""
    ledger, tape = protocol.ledger, protocol.tape
    breach, account = int(ledger.breach[row]), int(ledger.id[row])
    tape.log.row("losses", tape.time, protocol.name, breach, layer, account, amount)
    tape.event(f"loss_{layer}", protocol.name, account, "", protocol.spec.settlement, amount, breach)
    if layer == "vault":
        tape.event("loss_vault", protocol.name, protocol.vault_id, "", protocol.spec.settlement, -amount, breach)


def take_over(protocol: Protocol, rows: Ints) -> NDArray[np.bool_]:
    """Give accounts that nobody closes to the vault, or close them against winners; bool[rows]: which still hold
    positions that nobody took."""
    left = np.ones(len(rows), np.bool_)
    for layer in protocol.spec.liquidation.waterfall if len(rows) else ():
        if layer == "vault":
            able, take = _vault_room, _vault_takes
        elif layer == "adl":
            able, take = triggered, _deleverage
        else:
            continue
        waiting = np.flatnonzero(left)
        for i in waiting[able(protocol, rows[waiting])].tolist():
            left[i] = not take(protocol, int(rows[i]))
    return left & protocol.ledger.holds(rows)


def _deleverage(protocol: Protocol, row: int) -> bool:
    return sum(deleverage(protocol, row, slot) for slot in _slots(protocol, row)) > 0.0


def _slots(protocol: Protocol, row: int) -> list[int]:
    """Open slots of an account, the last first: closing one moves the last into its place."""
    return [int(k) for k in np.flatnonzero(protocol.ledger.slot_market[row] >= 0)[::-1]]


def _vault_room(protocol: Protocol, rows: Ints) -> NDArray[np.bool_]:
    """bool[rows]: whether the vault, as it stands, could carry each account within its leverage."""
    view = protocol.engine.assess(protocol.ledger, protocol.terms, np.append(rows, protocol.vault))
    capital = view.equity[-1] + view.equity[:-1]
    fits = view.notional[:-1] + view.notional[-1] <= protocol.spec.liquidation.vault_leverage * capital
    return np.asarray(fits & (view.equity[-1] > 0.0))


def _vault_takes(protocol: Protocol, row: int) -> bool:
    """All positions and the whole margin go to the vault at the price that decides breaches, if it can carry them.

    Nothing is returned to the account (Hyperliquid's backstop; design, section 6).
    """
    ledger, terms, tape = protocol.ledger, protocol.terms, protocol.tape
    if not _vault_room(protocol, np.array([row]))[0]:
        return False
    breach, account = int(ledger.breach[row]), int(ledger.id[row])
    _hand_over(protocol, row)
    left = float(protocol.engine.assess(ledger, terms, np.array([row])).equity[0])
    _give_margin(protocol, row, breach)
    if left < 0.0:
        tape.log.row("losses", tape.time, protocol.name, breach, "vault", account, -left)
        protocol.deficit(breach, -left)
    return True


def _give_margin(protocol: Protocol, row: int, breach: int) -> None:
    """The vault takes over what an account has, and owes, in settlement asset and coins."""
    ledger, both = protocol.ledger, np.array([row, protocol.vault])
    balances = [float(ledger.quote[row]), *ledger.coins[row].tolist()]
    ledger.quote[protocol.vault] += ledger.quote[row]
    ledger.coins[protocol.vault] += ledger.coins[row]
    ledger.quote[row] = 0.0
    ledger.coins[row] = 0.0
    ledger.changed[row] = protocol.tape.time
    for collateral, amount in enumerate(balances, start=-1):
        if amount != 0.0:
            amounts = np.array([-amount, amount])
            protocol.log_rows("vault_takeover", both, "", protocol.asset_name(collateral), amounts, breach)


def _hand_over(protocol: Protocol, row: int) -> None:
    """The vault takes over every position of an account, each an execution."""
    ledger, tape, vault = protocol.ledger, protocol.tape, protocol.vault
    for slot in _slots(protocol, row):
        market, size = int(ledger.slot_market[row, slot]), float(ledger.slot_size[row, slot])
        price = float(protocol.terms.price[market])
        both, sizes = np.array([row, vault]), np.array([-size, size])
        ledger.trade(both, np.array([market, market]), sizes, np.array([price, price]), protocol.funding, tape.time)
        number = tape.log.counts["liquidations"]
        protocol.log_rows("handed_over", both, protocol.markets[market], protocol.assets[market], sizes, number, price)
        tape.log.row(
            "liquidations", number, int(ledger.breach[row]), *tape.place, tape.round, protocol.name,
            int(ledger.id[row]), protocol.markets[market], -size, price, 0.0, "", "vault", -1, 0.0,
        )  # fmt: skip


def rescue_vault(protocol: Protocol) -> None:
    """A vault that is worth less than nothing: its positions are closed against winners where the waterfall allows
    that, and what it owes then is paid by the other layers, or booked as bad debt."""
    vault = np.array([protocol.vault])
    if protocol.engine.assess(protocol.ledger, protocol.terms, vault).equity[0] >= 0.0:
        return
    row = int(vault[0])
    if "adl" in protocol.spec.liquidation.waterfall:
        for slot in _slots(protocol, row):
            deleverage(protocol, row, slot)
    if _slots(protocol, row):
        return
    take_home(protocol, vault)
    _sell_coins(protocol, 1.0)
    if not protocol.ledger.coins[row].any():
        cover(protocol, row)


def unwind_vault(protocol: Protocol) -> None:
    """The vault trades part of each of its positions and coins away (once a minute), ordinary trades of its own."""
    _sell_coins(protocol, protocol.spec.liquidation.vault_pace)
    vault, rule = protocol.vault, protocol.spec.liquidation
    for slot in _slots(protocol, vault):
        market = int(protocol.ledger.slot_market[vault, slot])
        size = float(protocol.ledger.slot_size[vault, slot])
        notional = abs(size) * float(protocol.terms.price[market])
        amount = size if notional < rule.vault_dust else rule.vault_pace * size
        protocol.fill(np.array([vault]), market, np.array([-amount]), "trades")
        protocol.tape.round += 1


def _sell_coins(protocol: Protocol, part: float) -> None:
    """Sell part of each coin that the vault has taken over on its spot market; a small rest at once."""
    ledger, tape, vault = protocol.ledger, protocol.tape, np.array([protocol.vault])
    for h, (asset, _) in enumerate(protocol.collaterals):
        held, book = float(ledger.coins[protocol.vault, h]), protocol.spot_books[h]
        if book < 0 or held <= 0.0:
            continue
        small = held * float(tape.books.last[book]) < protocol.spec.liquidation.vault_dust
        done = tape.execute(book, -held if small else -part * held, "trades")
        tape.round += 1
        sold = np.array([-done.fill.volume])
        if sold[0] > 0.0:
            proceeds = sold * done.fill.price
            swap(protocol, h, vault, sold, proceeds, np.zeros(1))
            protocol.log_rows("seized", vault, asset, protocol.asset_name(h), -sold)
            protocol.log_rows("proceeds", vault, asset, protocol.spec.settlement, proceeds)


def socialise(protocol: Protocol) -> float:
    """Charge the bad debt to all accounts in proportion to their positive equity; what was charged, USD."""
    if protocol.bad_debt >= 0.0 or "socialise" not in protocol.spec.liquidation.waterfall:
        return 0.0
    ledger, tape = protocol.ledger, protocol.tape
    rows = ledger.by_id(np.flatnonzero(ledger.mode != SYSTEM))
    equity = protocol.engine.assess(ledger, protocol.terms, rows).equity
    rows, equity = rows[equity > 0.0], equity[equity > 0.0]
    total = float(equity.sum())
    charged = min(-protocol.bad_debt, total)
    if charged <= 0.0:
        return 0.0
    amounts = equity * (charged / total)
    ledger.quote[rows] -= amounts
    ledger.changed[rows] = tape.time
    protocol.bad_debt += float(amounts.sum())
    protocol.log_rows("socialised", rows, "", protocol.spec.settlement, -amounts)
    tape.log.rows(
        "losses", len(amounts), time=tape.time, protocol=protocol.name, breach=-1, layer="socialise",
        account=ledger.id[rows], amount=amounts,
    )  # fmt: skip
    return charged
