"""Portfolio margin over a scenario grid: the engine against the reference, and what must hold of it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.ledger import SYSTEM, Ledger
from abm.margin.engine import Terms, UnknownAsset
from abm.margin.families.scenario_grid import ScenarioGrid
from abm.margin.options.black76 import price_kernel
from abm.margin.portfolio.explain import scenario_table
from abm.margin.portfolio.parameters import ScenarioGridParameters
from abm.margin.preset import load_preset
from abm.margin.state import MarketState
from abm.margin.statement import Leg, Position, Statement, ledger_of
from tests.abm.margin.portfolio.portfolios import (
    BOARD,
    COINS,
    DATED,
    MARKETS,
    QUIET,
    book,
    form,
    forms,
    gross,
    moved,
    needs,
    series,
    statements,
    states,
    terms,
)

ENGINE = ScenarioGrid.build(form(), MARKETS, COINS)
JOINT = ScenarioGrid.build(form(0.8), MARKETS, COINS)
ACCOUNTS = st.lists(statements(), min_size=1, max_size=4)


def joined(*accounts: Statement) -> Statement:
    """One account with all that some have."""
    return Statement(
        sum(a.cash for a in accounts),
        {c: sum(a.collateral.get(c, 0.0) for a in accounts) for a in accounts for c in a.collateral},
        [p for a in accounts for p in a.positions],
        [leg for a in accounts for leg in a.legs],
    )


class TestReference:
    @given(
        accounts=ACCOUNTS, rules=forms(), state=states(), scale=st.sampled_from([1.0, 1.5]),
        stale=st.sampled_from([1.0, 0.7]),
    )  # fmt: skip
    @settings(max_examples=150, deadline=None)
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

    @given(account=statements(), state=states(), stale=st.sampled_from([1.0, 0.7]))
    @settings(max_examples=80, deadline=None)
    def test_equity_is_at_market_and_margin_equity_is_after_haircuts(
        self, account: Statement, state: MarketState, stale: float
    ) -> None:
        at = terms(ENGINE, state, stale=np.array([1.0, stale, 1.0]))
        view = ENGINE.assess(book([account]), at, np.array([0]))
        worth = {c: account.collateral[c] * at.coin_price[h] / state.settlement_price for h, c in enumerate(COINS)}
        equity = account.cash + sum(worth.values())
        for p in account.positions:
            m = MARKETS.index(p.market)
            equity += p.size * (at.price[m] - at.funding[m] - (p.entry - p.funding))
        for leg in account.legs:
            n, s = leg.series, state.series
            years = max(s.seconds[n], 0.0) / (365 * 86_400)
            discount = np.exp(-max(s.rate[n], 0.0) * years)
            equity += leg.size * price_kernel(s.forward[n], s.strike[n], years, s.vol[n], discount, s.call[n])
        old = max(worth["USDT"], 0.0) * (1.0 - stale)
        assert view.equity[0] == pytest.approx(equity, rel=1e-12, abs=1e-12 * gross(account))
        taken = needs(form(), account, at).mm_haircut + old
        assert view.margin_equity[0] == pytest.approx(equity - taken, rel=1e-12, abs=1e-12 * gross(account))

    @given(accounts=ACCOUNTS)
    @settings(max_examples=20, deadline=None)
    def test_an_account_is_valued_alike_alone_and_among_others(self, accounts: list[Statement]) -> None:
        together = ENGINE.assess(book(accounts), terms(ENGINE), np.arange(len(accounts)))
        for row, account in enumerate(accounts):
            alone = ENGINE.assess(book([account]), terms(ENGINE), np.array([0]))
            assert alone.mm[0] == together.mm[row]
            assert alone.im[0] == together.im[row]


class TestUnderlyings:
    ACCOUNT = Statement(0.0, {}, [Position("ETH", 10.0, 2_000.0), Position("BTC", -0.3, 60_000.0)])

    def test_without_an_offset_requirements_add_up(self) -> None:
        eth = replace(self.ACCOUNT, positions=self.ACCOUNT.positions[:1])
        btc = replace(self.ACCOUNT, positions=self.ACCOUNT.positions[1:])
        view = ENGINE.assess(book([self.ACCOUNT, eth, btc]), terms(ENGINE), np.arange(3))
        assert view.mm[0] == pytest.approx(view.mm[1] + view.mm[2], rel=1e-14)

    def test_an_offset_takes_a_part_from_the_joint_scenario(self) -> None:
        # Alone ETH is worst at -18 %, BTC at +4.5 %. Together, ETH with a beta of 1.2: down 15 %.
        loss = 20_010.0 * 0.18 - 18_015.0 * 0.15
        size = 0.015 * (10.0 * 2_000.0 + 0.3 * 60_000.0)
        view = JOINT.assess(book([self.ACCOUNT]), terms(JOINT), np.array([0]))
        alone = 20_010.0 * 0.18 + 18_015.0 * 0.045
        assert view.mm[0] == pytest.approx(0.8 * (0.2 * alone + 0.8 * loss) + size, rel=1e-12)

    def test_a_dated_future_is_shocked_as_the_forward_it_is_and_has_a_basis_contingency(self) -> None:
        hedged = Statement(0.0, {}, [Position("ETH", 1.0, 2_000.0), Position("ETH-DATED", -1.0, 2_020.0)])
        view = ENGINE.assess(book([hedged]), terms(ENGINE), np.array([0]))
        basis = 2_020.0 * 0.045 * (0.5 + 2.0 * 40 / 365)  # more than 0.18 * (2,020 - 2,001)
        assert view.mm[0] == pytest.approx(0.8 * basis + 0.015 * 4_000.0, rel=1e-12)

    def test_options_of_the_same_expiry_net_the_basis_of_a_dated_future(self) -> None:
        board = series([("ETH", 1e-3, True, DATED, 0.6)])  # a call that is the forward, discounted
        at = terms(ENGINE, replace(QUIET, series=board))
        hedged = Statement(0.0, {}, [Position("ETH-DATED", -1.0, 2_020.0)], [Leg(0, 1.0)])
        basis = [
            scenario_table(ENGINE, book([account]), at, 0).filter(vol="basis")["profit"].sum()
            for account in (hedged, replace(hedged, legs=[]))
        ]
        assert basis[0] == pytest.approx(0.0, abs=1.0)
        assert basis[1] == pytest.approx(-2_020.0 * 0.045 * (0.5 + 2.0 * 40 / 365))


class TestSums:
    """What is never more than the sum of its parts, and where it can be."""

    @given(accounts=st.tuples(statements(), statements()), offset=st.sampled_from([0.0, 0.8]))
    @settings(max_examples=100, deadline=None)
    def test_without_skew_scenarios_maintenance_is_sub_additive(
        self, accounts: tuple[Statement, Statement], offset: float
    ) -> None:
        # Static discounts are a concave function of the value as long as a long's is not above a short's.
        plain = form(offset).model_dump()
        for grid in plain["grids"].values():
            grid["scenarios"] = [s for s in grid["scenarios"] if s[1] not in ("linear", "abs")]
        plain["joint"]["scenarios"] = [s for s in plain["joint"]["scenarios"] if s[1] not in ("linear", "abs")]
        engine = ScenarioGrid.build(ScenarioGridParameters.model_validate(plain), MARKETS, COINS)
        one, other = (replace(a, positions=_once(a.positions, i)) for i, a in enumerate(accounts))
        mm = engine.assess(book([one, other, joined(one, other)]), terms(engine), np.arange(3)).mm
        assert mm[2] <= mm[0] + mm[1] + 1e-12 * gross(joined(one, other))

    def test_skew_scenarios_are_not(self) -> None:
        # Each expiry's change counts as a loss there: a gain that two portfolios only make together is a loss for both.
        month = 30 * 86_400.0
        wings = [
            ("ETH", 800.0, False, month, 0.9),
            ("ETH", 4_000.0, False, month, 0.8),
            ("ETH", 5_000.0, True, month, 0.9),
        ]
        known = replace(series(wings, {month: 0.0}), forward=np.full(3, 2_000.0))
        price, none = np.array([2_000.0]), np.zeros(0)
        derive = ScenarioGrid.build(load_preset("derive_pmrm").parameters, ("ETH",), ())
        puts, calls = Statement(legs=[Leg(0, 1_000.0), Leg(1, -0.2)]), Statement(legs=[Leg(2, 1_000.0)])
        ledger = ledger_of([puts, calls, joined(puts, calls)], ("ETH",), ())
        at = derive.terms(price, none, state=MarketState.quiet(price, none, known))
        mm = derive.assess(ledger, at, np.arange(3)).mm
        assert mm == pytest.approx([59.92, 137.06, 206.99], abs=0.01)
        assert mm[2] > 1.05 * (mm[0] + mm[1])

    def test_a_doubtful_feed_makes_initial_margin_more_than_the_sum(self) -> None:
        odd = BOARD.vol_confidence.copy()
        odd[0] = 0.1
        state = replace(QUIET, series=replace(BOARD, vol_confidence=odd))
        one, other = Statement(legs=[Leg(0, 1.0)]), Statement(legs=[Leg(1, 10.0)])
        im = ENGINE.assess(book([one, other, joined(one, other)]), terms(ENGINE, state), np.arange(3)).im
        assert im[2] > im[0] + im[1] + 10_000.0


def _once(positions: Sequence[Position], which: int) -> list[Position]:
    """Positions of one account in ETH, of the other in BTC, so that together they hold each market once."""
    markets = ("BTC",) if which else ("ETH", "ETH-DATED")
    return [p for p in positions if p.market in markets]


class TestMonotone:
    @given(account=statements(), more=st.floats(0.0, 5.0), coin=st.sampled_from(COINS))
    @settings(max_examples=80, deadline=None)
    def test_more_collateral_never_lowers_health(self, account: Statement, more: float, coin: str) -> None:
        held = {**account.collateral, coin: abs(account.collateral[coin])}
        richer = replace(account, collateral={**held, coin: held[coin] + more})
        free = ENGINE.assess(book([replace(account, collateral=held), richer]), terms(ENGINE), np.arange(2)).free_margin
        assert free[1] >= free[0] - 1e-12 * gross(richer)

    def test_a_haircut_of_all_on_moving_collateral_does(self) -> None:
        # Derive's own case "collateral_negative_margin_from_collateral": the loss in scenarios counts, the worth does not.
        rules = form().model_dump()
        rules["coins"]["WETH"]["mm_haircut"] = 1.0
        engine = ScenarioGrid.build(ScenarioGridParameters.model_validate(rules), MARKETS, COINS)
        view = engine.assess(book([Statement(0.0, {"WETH": 1.0})]), terms(engine), np.array([0]))
        assert view.free_margin[0] == pytest.approx(-0.8 * 0.18 * 2_005.0)

    @given(account=statements(), rise=st.floats(1.0, 3.0))
    @settings(max_examples=60, deadline=None)
    def test_a_uniform_rise_of_weights_never_lowers_a_requirement(self, account: Statement, rise: float) -> None:
        rules = form().model_dump()
        for grid in rules["grids"].values():
            grid["margin"]["mm_factor"] *= rise
            grid["margin"]["im_factor"] *= rise
            grid["contingency"] = {key: rate * rise for key, rate in grid["contingency"].items()}
        dearer = ScenarioGrid.build(ScenarioGridParameters.model_validate(rules), MARKETS, COINS)
        before, after = (e.assess(book([account]), terms(e), np.array([0])) for e in (ENGINE, dearer))
        assert after.mm[0] >= before.mm[0]
        assert after.im[0] >= before.im[0]
        assert after.mm[0] == pytest.approx(rise * before.mm[0], abs=1e-12 * gross(account))

    @given(account=statements(), scale=st.floats(1.0, 3.0))
    @settings(max_examples=40, deadline=None)
    def test_requirements_are_homogeneous_in_the_sizes(self, account: Statement, scale: float) -> None:
        large = Statement(
            scale * account.cash,
            {c: scale * a for c, a in account.collateral.items()},
            [replace(p, size=scale * p.size) for p in account.positions],
            [replace(leg, size=scale * leg.size) for leg in account.legs],
        )
        view = ENGINE.assess(book([account, large]), terms(ENGINE), np.arange(2))
        near = 1e-11 * gross(large)
        assert view.mm[1] == pytest.approx(scale * view.mm[0], rel=1e-11, abs=near)
        assert view.free_margin[1] == pytest.approx(scale * view.free_margin[0], rel=1e-11, abs=near)


class TestParts:
    @given(account=statements(), rules=forms(), state=states())
    @settings(max_examples=80, deadline=None)
    def test_the_parts_add_up_to_the_assessment(
        self, account: Statement, rules: ScenarioGridParameters, state: MarketState
    ) -> None:
        engine = ScenarioGrid.build(rules, MARKETS, COINS)
        ledger, at = book([account]), terms(engine, state, scale=np.array([1.3, 1.0, 1.0]))
        view, parts = engine.assess(ledger, at, np.array([0])), engine.explain(ledger, at, 0)
        for name in ("equity", "margin_equity", "im", "mm"):
            total = sum(getattr(part, name) for part in parts)
            assert total == pytest.approx(getattr(view, name)[0], rel=1e-12, abs=1e-12 * gross(account)), name

    @given(account=statements(), rules=forms())
    @settings(max_examples=60, deadline=None)
    def test_positions_parts_of_the_requirement_are_what_explaining_says(
        self, account: Statement, rules: ScenarioGridParameters
    ) -> None:
        engine = ScenarioGrid.build(rules, MARKETS, COINS)
        ledger, at = book([account]), terms(engine)
        part = engine.requirement(ledger, at, np.array([0]))[0]
        told = [p.mm for p in engine.explain(ledger, at, 0) if p.kind == "position"]
        size = 0.015 * np.abs(ledger.slot_size[0]) * np.array([2_000.0, 2_000.0, 60_000.0])[ledger.slot_market[0]]
        live = ledger.slot_market[0] >= 0
        assert part[live] == pytest.approx(np.array(told) + size[live], rel=1e-12, abs=1e-12 * gross(account))

    def test_cash_is_before_unrealised_profit(self) -> None:
        account = Statement(100.0, {}, [Position("ETH", 2.0, 1_990.0, 1.0)])
        cash, position = ENGINE.explain(book([account]), terms(ENGINE), 0)[:2]
        assert (cash.kind, cash.equity) == ("cash", pytest.approx(100.0))
        assert (position.kind, position.equity) == ("position", pytest.approx(2.0 * (2_001.0 - 3.0 - 1_990.0 + 1.0)))

    def test_the_bankruptcy_price_of_a_lone_position_takes_all_equity(self) -> None:
        account = Statement(300.0, {}, [Position("ETH", 2.0, 2_001.0, 3.0)])
        price = ENGINE.bankruptcy_price(book([account]), terms(ENGINE), np.array([0]))
        assert price[0, 0] == pytest.approx(2_001.0 - 150.0)

    def test_a_hedge_has_no_share_of_equity(self) -> None:
        account = Statement(300.0, {}, [Position("ETH", 0.1, 2_001.0, 3.0)], [Leg(0, -1.0)])
        price = ENGINE.bankruptcy_price(book([account]), terms(ENGINE), np.array([0]))
        assert ENGINE.requirement(book([account]), terms(ENGINE), np.array([0]))[0, 0] < 0.0
        assert price[0, 0] == 2_001.0


class TestFree:
    def test_accounts_that_cannot_breach(self) -> None:
        accounts = [Statement(5.0, {"USDT": 1.0}), Statement(-5.0), Statement(0.0, {"WETH": -1.0}),
                    Statement(0.0, {}, [Position("ETH", 1.0, 2_000.0)]), Statement(legs=[Leg(0, 1.0)])]  # fmt: skip
        ledger = book(accounts)
        free = ENGINE.free_margin(ledger, terms(ENGINE), np.arange(5))
        assert np.isinf(free).tolist() == [True, False, False, False, False]
        ledger.mode[:] = SYSTEM
        assert np.all(np.isinf(ENGINE.free_margin(ledger, terms(ENGINE), np.arange(5))))

    @given(
        account=statements(), moves=st.lists(st.floats(-0.02, 0.02), min_size=6, max_size=6),
        funding=st.floats(-0.005, 0.005), offset=st.sampled_from([0.0, 0.5]),
    )  # fmt: skip
    @settings(max_examples=150, deadline=None)
    def test_gross_sensitivity_bounds_the_fall_of_accounts_without_options(
        self, account: Statement, moves: list[float], funding: float, offset: float
    ) -> None:
        engine = JOINT if offset else ENGINE
        account = replace(account, legs=[])
        ledger, at, rows = book([account]), terms(engine), np.array([0])
        scale = 1.0 - abs(funding) / 0.02
        later = moved(at, np.array(moves[:3]) * scale, np.array(moves[3:]))
        later.funding = at.funding + funding * at.price
        fall = engine.assess(ledger, at, rows).free_margin - engine.assess(ledger, later, rows).free_margin
        far = max(*(abs(m) * scale + abs(funding) for m in moves[:3]), *(abs(m) for m in moves[3:]))
        assert fall[0] <= engine.gross_sensitivity(ledger, at, rows)[0] * far * (1.0 + 1e-9) + 1e-9 * gross(account)

    def test_accounts_with_options_are_always_valued(self) -> None:
        assert np.isinf(ENGINE.gross_sensitivity(book([Statement(legs=[Leg(0, 1.0)])]), terms(ENGINE), np.array([0])))[
            0
        ]

    def test_a_preset_without_the_market_says_so(self) -> None:
        with pytest.raises(UnknownAsset, match="market DOGE is unknown"):
            ScenarioGrid.build(form(), ["DOGE"], [])


class TestSlopes:
    """The analytic sensitivities against central differences, where the worst scenario is the same on both sides."""

    @given(account=statements(), market=st.integers(0, 2), offset=st.sampled_from([0.0, 0.5]))
    @settings(max_examples=150, deadline=None)
    def test_a_market_moves_its_forwards_and_the_spot(self, account: Statement, market: int, offset: float) -> None:
        engine = JOINT if offset else ENGINE
        ledger, at, rows, step = book([account]), terms(engine), np.array([0]), 1e-6
        direction = np.eye(3)[market] * step
        up, down = moved(at, direction), moved(at, -direction)
        if not _smooth(engine, ledger, (down, at, up)):
            return
        change = engine.assess(ledger, up, rows).free_margin - engine.assess(ledger, down, rows).free_margin
        slope = engine.slopes(ledger, at, rows)[0, market]
        assert slope == pytest.approx(change[0] / (2.0 * step), rel=2e-5, abs=2e-5 * gross(account))

    @given(account=statements(), coin=st.integers(0, 2))
    @settings(max_examples=60, deadline=None)
    def test_coins(self, account: Statement, coin: int) -> None:
        ledger, at, rows, step = book([account]), terms(ENGINE), np.array([0]), 1e-6
        direction = np.eye(3)[coin] * step
        up, down = moved(at, np.zeros(3), direction), moved(at, np.zeros(3), -direction)
        if not _smooth(ENGINE, ledger, (down, at, up)):
            return
        change = ENGINE.assess(ledger, up, rows).free_margin - ENGINE.assess(ledger, down, rows).free_margin
        slope = ENGINE.sensitivity(ledger, at, rows).coin[0, coin] * at.coin_price[coin]
        assert slope == pytest.approx(change[0] / (2.0 * step), rel=2e-5, abs=1e-6 * gross(account))

    def test_a_slot_has_the_slope_of_its_market_with_its_options(self) -> None:
        account = Statement(0.0, {}, [Position("BTC", 0.1, 60_000.0), Position("ETH", 1.0, 2_000.0)], [Leg(1, -2.0)])
        ledger, at, rows = book([account]), terms(ENGINE), np.array([0])
        slopes = ENGINE.slopes(ledger, at, rows)[0]
        price = ENGINE.sensitivity(ledger, at, rows).price[0]
        assert price == pytest.approx([slopes[2] / at.price[2], slopes[0] / at.price[0]])
        assert slopes[0] < 0.0 < slopes[2]


def _smooth(engine: ScenarioGrid, ledger: Ledger, around: tuple[Terms, ...]) -> bool:
    """Whether the scenarios that count, and what counts in them, are the same at all these terms."""
    told = []
    for at in around:
        table = engine.worst(ledger, at, np.array([0]))
        signs = [np.sign(part.mm) for part in engine.explain(ledger, at, 0)]
        told.append((table[0].tolist(), table[1].tolist(), signs))
    return all(t == told[0] for t in told)
