"""Portfolio margin over a scenario grid: the engine against the reference, and what must hold of it."""


import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.margin.families.scenario_grid import ScenarioGrid
from abm.margin.portfolio.parameters import ScenarioGridParameters
from abm.margin.state import MarketState
from abm.margin.statement import Statement
from tests.abm.margin.portfolio.portfolios import (
    COINS,
    MARKETS,
    book,
    form,
    forms,
    gross,
    needs,
    statements,
    states,
    terms,
)

ENGINE = ScenarioGrid.build(form(), MARKETS, COINS)
ACCOUNTS = st.lists(statements(), min_size=1, max_size=4)


class TestReference:
    @given(accounts=ACCOUNTS, rules=forms(), state=states(), scale=st.sampled_from([1.0, 1.5]), stale=st.sampled_from([1.0, 0.7]))
    @settings(max_examples=300, deadline=None)
    def test_the_engine_equals_the_plain_reference(
        self, accounts: list[Statement], rules: ScenarioGridParameters, state: MarketState, scale: float, stale: float
    ) -> None:
        engine = ScenarioGrid.build(rules, MARKETS, COINS)
        at = terms(engine, state, scale=np.array([1.0, scale, 1.0]), stale=np.array([1.0, stale, 1.0]))
        view = engine.assess(book(accounts), at, np.arange(len(accounts)))
        for row, account in enumerate(accounts):
            expected, near = needs(rules, account, at), 1e-12 * gross(account)
            assert view.mm[row] == pytest.approx(expected.mm, rel=1e-12, abs=near)
            assert view.im[row] == pytest.approx(expected.im + expected.im_haircut, rel=1e-12, abs=near)
