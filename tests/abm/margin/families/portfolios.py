"""Random accounts, as a person writes them, for the tests of families with tiers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from abm.ledger import SYSTEM, Ledger
from abm.margin.engine import Engine, Terms
from abm.margin.statement import Position, Statement, ledger_of

PRICES = {"BTC": 60_000.0, "ETH": 2_500.0, "SOL": 150.0}
COIN_PRICES = {"BTC": 60_000.0, "USDC": 1.0}


@st.composite
def statements(draw: st.DrawFn, *, debts: bool = False) -> Any:
    """Accounts of up to three positions across many tiers, on both sides, with and without profit, and collateral."""
    made = []
    for _ in range(draw(st.integers(1, 5))):
        positions = []
        for market in draw(st.lists(st.sampled_from(sorted(PRICES)), unique=True, max_size=3)):
            notional = 10.0 ** draw(st.floats(1.0, 9.0)) * draw(st.sampled_from([1.0, -1.0]))
            entry = PRICES[market] * draw(st.floats(0.7, 1.4))
            positions.append(Position(market, notional / PRICES[market], entry, draw(st.sampled_from([0.0, 3.0]))))
        gross = sum(abs(p.size) * PRICES[p.market] for p in positions) + 1_000.0
        cash = gross * draw(st.floats(-0.1, 0.8))
        held = {"BTC": draw(st.sampled_from([0.0, 0.5, -0.1] if debts else [0.0, 0.5]))}
        held["USDC"] = draw(st.sampled_from([0.0, 2_000.0, -300.0] if debts else [0.0, 2_000.0]))
        made.append(Statement(cash, held, tuple(positions)))
    return made


def placed(
    engine: Engine, accounts: Sequence[Statement], prices: Mapping[str, float], coins: Mapping[str, float] | None = None
) -> tuple[Ledger, Terms]:
    """A ledger of accounts, and terms with some funding, moved thresholds and old news."""
    book = ledger_of(accounts, tuple(prices), tuple(coins or {}), engine.carried)
    price, coin_price = np.array(list(prices.values())), np.array(list((coins or {}).values()))
    terms = engine.terms(price, coin_price, funding=np.linspace(0.0, 2.0, len(price)))
    terms.scale = np.linspace(1.0, 1.5, len(price))
    terms.factor = np.linspace(1.0, 0.9, len(coin_price)) if len(coin_price) else np.zeros(0)
    return book, terms


def moved(engine: Engine, terms: Terms, *, price: Any = None, coin: Any = None, funding: Any = None) -> Terms:
    """The same terms with other prices or funding."""
    made = engine.terms(
        terms.price if price is None else price, terms.coin_price if coin is None else coin,
        funding=terms.funding if funding is None else funding,
    )  # fmt: skip
    made.scale, made.factor = terms.scale, terms.factor
    return made


def close(engine: Engine, book: Ledger, terms: Terms, row: int, slot: int, quantity: float, penalty: float) -> None:
    """Close part of a position at the terms' price, less a penalty on its value there."""
    market, size = int(book.slot_market[row, slot]), float(book.slot_size[row, slot])
    price = engine.carried(terms.price)[market]
    book.trade(
        np.array([row]), np.array([market]), np.array([-np.sign(size) * quantity]), np.array([price]), terms.funding, 0.0
    )  # fmt: skip
    book.quote[row] -= penalty * quantity * abs(price)


def silent(book: Ledger) -> np.ndarray:
    """bool[rows]: accounts that cannot breach."""
    safe = (book.slot_market[:, 0] < 0) & (book.quote >= 0.0) & np.all(book.coins >= 0.0, axis=1)
    return np.asarray(safe | (book.mode == SYSTEM))
