"""Partial liquidation of the weighted family on random accounts, and the preset of dYdX v4."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.margin.engine import quantity_to_restore
from abm.margin.families.weighted import Weighted
from abm.margin.preset import load_preset
from abm.margin.rules.bankruptcy_value import bankruptcy_value
from abm.margin.statement import Position, Statement
from abm.margin.valuation import value
from tests.abm.margin.families.portfolios import PRICES, close, placed, statements

DYDX = load_preset("dydx_v4")
MADE = Weighted.build(DYDX.parameters, tuple(PRICES), ())


def bare(accounts: list[Statement]) -> list[Statement]:
    """The same accounts without collateral other than cash: on dYdX there is none."""
    return [Statement(a.cash, {}, a.positions) for a in accounts]


class TestPartial:
    @given(
        accounts=statements(), target=st.floats(0.0, 1.0), penalty=st.sampled_from([0.0, 0.001, 0.005]),
        part=st.floats(0.1, 0.999), missing=st.floats(0.01, 0.9),
    )  # fmt: skip
    @settings(max_examples=150, deadline=None)
    def test_the_target_is_restored_and_less_would_not_do(
        self, accounts: list[Statement], target: float, penalty: float, part: float, missing: float
    ) -> None:
        for account in (a for a in bare(accounts) if a.positions):
            book, terms = placed(MADE, [account], PRICES)
            terms.mmf, terms.imf = terms.mmf * terms.scale, terms.imf * terms.scale
            view, needs = MADE.assess(book, terms, np.array([0])), MADE.requirement(book, terms, np.array([0]))[0]
            book.quote[0] -= view.margin_equity[0] - (1.0 - missing) * view.mm[0]
            view = MADE.assess(book, terms, np.array([0]))
            size = abs(float(book.slot_size[0, 0]))
            notional = size * float(terms.price[book.slot_market[0, 0]])
            account_of = (float(view.equity[0]), float(view.margin_equity[0]), float(view.mm[0]))
            wanted = quantity_to_restore(size, notional, float(needs[0]), *account_of, target, penalty)
            assert 0.0 < wanted <= size
            less = book.copy(np.array([0]))
            close(MADE, book, terms, 0, 0, wanted, penalty)
            close(MADE, less, terms, 0, 0, part * wanted, penalty)
            after, short = (MADE.assess(b, terms, np.array([0])) for b in (book, less))
            scale = 1.0 + view.notional[0] + abs(account.cash)
            if wanted < size:
                assert after.free_margin[0] == pytest.approx(target * after.mm[0], abs=1e-9 * scale)
            assert short.free_margin[0] < target * short.mm[0] + 1e-9 * scale

    @given(accounts=statements(), missing=st.floats(0.01, 0.99), part=st.floats(0.05, 1.0))
    @settings(max_examples=80, deadline=None)
    def test_closing_at_the_bankruptcy_value_leaves_the_rest_as_healthy_as_before(
        self, accounts: list[Statement], missing: float, part: float
    ) -> None:
        """Collateral over requirement stays what it was."""
        for account in (a for a in bare(accounts) if a.positions):
            book, terms = placed(MADE, [account], PRICES)
            view = MADE.assess(book, terms, np.array([0]))
            book.quote[0] -= view.margin_equity[0] - (1.0 - missing) * view.mm[0]
            net, mm = (1.0 - missing) * float(view.mm[0]), float(view.mm[0])
            market, size = int(book.slot_market[0, 0]), float(book.slot_size[0, 0])
            price, fraction, delta = float(terms.price[market]), float(terms.mmf[market]), -part * size
            received = float(bankruptcy_value(net, mm, size, delta, price, fraction))
            book.trade(
                np.array([0]), np.array([market]), np.array([delta]), np.array([received / -delta]), terms.funding, 0.0
            )  # fmt: skip
            after = MADE.assess(book, terms, np.array([0]))
            scale = 1.0 + view.notional[0] + abs(account.cash)
            assert after.margin_equity[0] == pytest.approx((1.0 - missing) * after.mm[0], abs=1e-9 * scale)


class TestPreset:
    def test_fractions_are_those_of_the_tiers(self) -> None:
        found = {name: (m.imf, m.mmf) for name, m in DYDX.parameters.markets.items()}  # type: ignore[attr-defined]
        assert found["BTC"] == found["ETH"] == (0.02, 0.012)
        assert found["SOL"] == (0.05, 0.03)
        assert found["LINK"] == (0.1, 0.05)
        assert found["SEI"] == (0.2, 0.1)

    def test_an_account(self) -> None:
        account = Statement(1_000.0, positions=(Position("BTC", 0.5, 60_000.0), Position("SOL", -100.0, 150.0)))
        view = value(DYDX, [account], {"BTC": 60_000.0, "SOL": 150.0}).view
        assert (view.im[0], view.mm[0]) == pytest.approx(
            (0.02 * 30_000 + 0.05 * 15_000, 0.012 * 30_000 + 0.03 * 15_000)
        )
