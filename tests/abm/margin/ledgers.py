"""Random ledgers and terms for the tests of margin engines."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from abm.ledger import CROSS, SYSTEM, Ledger
from abm.margin.engine import Assessment, Terms
from abm.margin.families.weighted import Weighted

MARKETS, COINS = 3, 2
ENGINE = Weighted()


def terms(**changes: Any) -> Terms:
    """BTC, ETH and a small coin; ETH and a remote dollar as collateral."""
    plain = Terms(
        price=np.array([50_000.0, 2_000.0, 10.0]),
        funding=np.array([12.0, -3.0, 0.0]),
        imf=np.array([0.05, 0.05, 0.2]),
        mmf=np.array([0.03, 0.03, 0.1]),
        coin_price=np.array([2_000.0, 1.0]),
        haircut=np.array([0.1, 0.0]),
        stale=np.ones(COINS),
    )
    return replace(plain, **changes)


def ledger(accounts: int) -> Ledger:
    """Accounts without anything, in rows 0, 1, ..."""
    made = Ledger(MARKETS, COINS, MARKETS)
    ids = np.arange(1, accounts + 1) * 16 + 1
    made.add(ids, ids - 1, np.arange(accounts), mode=CROSS, cohort=0, now=0.0)
    return made


def filled(quotes: list[float], sizes: list[list[float]], coins: list[list[float]], rates: np.ndarray) -> Ledger:
    """Accounts with deposits, positions (entered at a price of the market's own) and coins."""
    book = ledger(len(quotes))
    book.quote[:] = quotes
    book.coins[:] = coins
    rows, markets = np.nonzero(np.array(sizes))
    entry = np.array([48_000.0, 2_100.0, 9.0])
    book.trade(rows, markets, np.array(sizes)[rows, markets], entry[markets], rates, 0.0)
    return book


def view(book: Ledger, at: Terms, row: int = 0) -> Assessment:
    """One account's assessment."""
    return ENGINE.assess(book, at, np.array([row]))


@st.composite
def ledgers(draw: st.DrawFn, accounts: int = 6) -> tuple[Ledger, Terms]:
    """A ledger with system accounts, empty accounts, debts and coins, and terms with funding and old news."""
    size = st.sampled_from([0.0, 0.0, 1.0, -1.0, 0.3, -2.5])
    scale = np.array([0.5, 10.0, 1_000.0])
    sizes = [[draw(size) * scale[m] for m in range(MARKETS)] for _ in range(accounts)]
    quotes = [draw(st.sampled_from([-500.0, 0.0, 1_000.0, 20_000.0])) for _ in range(accounts)]
    coins = [[draw(st.sampled_from([0.0, 1.5])), draw(st.sampled_from([0.0, 700.0]))] for _ in range(accounts)]
    at = terms(
        price=np.array([draw(st.floats(30_000.0, 70_000.0)), draw(st.floats(500.0, 4_000.0)), 10.0]),
        funding=np.array([draw(st.floats(-50.0, 50.0)), 0.0, draw(st.floats(-0.1, 0.1))]),
        stale=np.array([1.0, draw(st.floats(0.0, 1.0))]),
        mmf=np.array([0.03, draw(st.sampled_from([0.03, 0.06])), 0.1]),
    )
    book = filled(quotes, sizes, coins, at.funding)
    book.mode[draw(st.integers(0, accounts - 1))] = SYSTEM
    return book, at
