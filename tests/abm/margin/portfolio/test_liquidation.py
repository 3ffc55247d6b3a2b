"""Liquidation pro rata: margin is restored, and no more than needed was handed over."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.margin.families.scenario_grid import ScenarioGrid
from abm.margin.portfolio.liquidation import hand_over, share_to_hand_over
from abm.margin.state import MarketState
from abm.margin.statement import Leg, Statement
from tests.abm.margin.portfolio.portfolios import COINS, MARKETS, book, form, gross, statements, states, terms

ENGINE = ScenarioGrid.build(form(), MARKETS, COINS)
JOINT = ScenarioGrid.build(form(0.6), MARKETS, COINS)


class TestShare:
    @given(
        accounts=st.lists(statements(), min_size=1, max_size=4), state=states(), price=st.sampled_from([1.0, 0.98, 0.5]),
        buffer=st.sampled_from([0.0, 0.15]), engine=st.sampled_from([ENGINE, JOINT]),
    )  # fmt: skip
    @settings(max_examples=60, deadline=None)
    def test_margin_is_restored_and_no_more_than_needed_was_handed_over(
        self, accounts: list[Statement], state: MarketState, price: float, buffer: float, engine: ScenarioGrid
    ) -> None:
        ledger, at, rows = book(accounts), terms(engine, state), np.arange(len(accounts))
        share = share_to_hand_over(engine, ledger, at, rows, price=price, buffer=buffer)
        before = engine.assess(ledger, at, rows)
        for row, account in enumerate(accounts):
            near, equity = 1e-11 * gross(account), before.equity[row]
            missing = before.free_margin[row] - buffer * (equity - before.free_margin[row])
            if missing >= near:
                assert share[row] == 0.0
            elif equity <= 0.0:
                assert share[row] == (0.0 if missing >= 0.0 else 1.0)
            elif missing < -near:  # as Derive has it, _getMaxProportion: B / (B - d MtM)
                assert share[row] == pytest.approx(missing / (missing - price * equity), rel=1e-9, abs=1e-11)
                for less, well in ((0.0, True), (1e-6, False)):
                    part = np.array([share[row] - less])
                    after = engine.assess(
                        hand_over(ledger, rows[row : row + 1], part, part * price * equity), at, np.array([0])
                    )
                    short = after.free_margin[0] - buffer * (after.equity[0] - after.free_margin[0])
                    assert (short >= -near) if well else (short <= 0.5e-6 * missing + near)

    def test_a_well_kept_account_hands_nothing_over(self) -> None:
        account = Statement(1e6, legs=[Leg(1, -1.0)])
        assert share_to_hand_over(ENGINE, book([account]), terms(ENGINE), np.array([0]))[0] == 0.0

    def test_an_account_without_equity_is_handed_over_whole(self) -> None:
        account = Statement(-1e6, legs=[Leg(1, -1.0)])
        assert share_to_hand_over(ENGINE, book([account]), terms(ENGINE), np.array([0]))[0] == 1.0

    def test_the_worse_the_price_the_larger_the_share(self) -> None:
        ledger, at = book([Statement(1_500.0, legs=[Leg(1, -5.0)])]), terms(ENGINE)
        shares = [share_to_hand_over(ENGINE, ledger, at, np.array([0]), price=p)[0] for p in (1.0, 0.9, 0.5)]
        assert 0.0 < shares[0] < shares[1] < shares[2] < 1.0

    @pytest.mark.parametrize(
        ("price", "buffer", "message"),
        [
            (0.0, 0.0, r"price must be above 0 and at most 1, got 0\.0"),
            (1.1, 0.0, r"price must be above 0 and at most 1, got 1\.1"),
            (1.0, -0.1, r"buffer must be >= 0, got -0\.1"),
        ],
    )
    def test_out_of_range(self, price: float, buffer: float, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            share_to_hand_over(ENGINE, book([Statement()]), terms(ENGINE), np.array([0]), price=price, buffer=buffer)


def test_handing_over_leaves_the_rest_and_the_payment() -> None:
    ledger = book([Statement(100.0, {"WETH": 2.0}, legs=[Leg(1, -4.0)])])
    after = hand_over(ledger, np.array([0]), np.array([0.25]), np.array([7.0]))
    assert (after.quote[0], after.leg_size[0, 0], after.coins[0, 0]) == (82.0, -3.0, 1.5)
    assert (ledger.quote[0], ledger.leg_size[0, 0]) == (100.0, -4.0)
