"""Portfolios of ordinary accounts: drawn by owner, within the initial margin, the same in cross and isolated margin."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.identity import owner_ids
from abm.ledger import CROSS, ISOLATED
from abm.protocol.protocol import Protocol
from agents.cohort import CohortParams
from agents.portfolios import MOST_POSITIONS, Portfolio, draw_portfolios
from tests.agents.worlds import description, small_world

COINS = [
    {"asset": "ETH", "accounts": 0.4, "part": 0.5},
    {"asset": "USDC", "chain": "beta", "accounts": 0.4, "part": 0.7},
]


def cohort(**params: Any) -> dict[str, Any]:
    keys: dict[str, Any] = {"protocol": "harbor", "accounts": 200, "trades": 0.0, "leverage": 8.0, "age": 0.0}
    return {"kind": "cohort", "name": "retail", "params": keys | params}


def opened(mode: str = "cross", **params: Any) -> Protocol:
    """The protocol with a cohort on it, at the opening."""
    return small_world([cohort(**params)], {"protocols.harbor.mode": mode}).world.protocols["harbor"]


def drawn(count: int = 300, **params: Any) -> tuple[Portfolio, CohortParams]:
    model = small_world([])
    harbor = model.world.protocols["harbor"]
    form = CohortParams.model_validate({"protocol": "harbor", "accounts": count} | params)
    return draw_portfolios(form, harbor, owner_ids("retail", count), model.world.draws, np.full(2, 1e-3)), form


def by_owner(harbor: Protocol) -> dict[int, np.ndarray]:
    """Cash, coins and signed sizes of every owner, all its accounts together."""
    ledger, found = harbor.ledger, {}
    for row in np.flatnonzero(harbor.ordinary()):
        size = [harbor.ledger.size(np.array([row]), m)[0] for m in range(len(harbor.markets))]
        equity = harbor.engine.assess(ledger, harbor.terms, np.array([row])).equity
        owner = int(ledger.owner[row])
        found[owner] = found.get(owner, 0.0) + np.array([*equity, *ledger.coins[row], *size])
    return found


class TestDrawn:
    def test_the_same_owner_has_the_same_portfolio_whoever_else_there_is(self) -> None:
        few, many = drawn(50)[0], drawn(300)[0]
        for column in Portfolio.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(few, column), getattr(many, column)[:50])

    @given(leverage=st.floats(0.5, 30.0), positions=st.floats(1.0, 3.0))
    @settings(max_examples=10, deadline=None)
    def test_notional_is_leverage_times_equity_split_over_distinct_markets(
        self, leverage: float, positions: float
    ) -> None:
        made, form = drawn(leverage=leverage, leverage_sigma=0.0, positions=positions)
        expected = made.equity * min(leverage, form.leverage_max)
        np.testing.assert_allclose(np.abs(made.notional).sum(axis=1), expected)
        live = made.market >= 0
        assert live[:, 0].all()
        assert np.all(made.notional[~live] == 0.0)
        assert np.all(made.notional[live] != 0.0)
        both = live.all(axis=1)
        assert np.all(made.market[both, 0] != made.market[both, 1])

    def test_medians_and_limits_are_those_asked_for(self) -> None:
        made, _ = drawn(4000, equity=3000.0, equity_sigma=1.0, equity_max=20_000.0, leverage=5.0, leverage_max=8.0)
        assert np.median(made.equity) == pytest.approx(3000.0, rel=0.1)
        assert made.equity.max() == 20_000.0
        leverage = np.abs(made.notional).sum(axis=1) / made.equity
        assert np.median(leverage) == pytest.approx(5.0, rel=0.05)
        assert leverage.max() == pytest.approx(8.0)
        assert np.median(made.wallet / made.equity) == pytest.approx(0.3, rel=0.1)

    def test_sides(self) -> None:
        long = drawn(2000, long_share=1.0)[0]
        assert np.all(long.notional >= 0.0)
        made = drawn(4000, long_share=0.7, one_sided=0.0, positions=2.0)[0]
        live = made.market >= 0
        assert np.mean(made.notional[live] > 0.0) == pytest.approx(0.7, abs=0.03)
        sided = drawn(2000, long_share=0.5, one_sided=1.0)[0]
        signs = np.sign(sided.notional)
        assert np.all((signs.max(axis=1) <= 0.0) | (signs.min(axis=1) >= 0.0))

    def test_weights_of_markets_are_frequencies_and_zero_is_never(self) -> None:
        made = drawn(4000, positions=0.5, markets={"BTC": 3.0, "ETH": 1.0})[0]
        assert np.mean(made.market[:, 0] == 0) == pytest.approx(0.75, abs=0.03)
        only = drawn(300, positions=5.0, markets={"ETH": 1.0})[0]
        assert set(np.unique(only.market)) <= {-1, 1}

    def test_coins_are_part_of_the_equity_of_some(self) -> None:
        coins = [{"asset": "ETH", "accounts": 0.25, "part": 0.6}, {"asset": "USDC", "accounts": 0.5, "part": 0.8}]
        made = drawn(4000, coins=coins)[0]
        assert np.mean(made.coin_part[:, 0] > 0) == pytest.approx(0.25, abs=0.03)
        assert np.all(made.coin_part.sum(axis=1) <= 1.0 + 1e-12)
        both = (made.coin_part > 0).all(axis=1)
        np.testing.assert_allclose(made.coin_part[both], [[0.6 / 1.4, 0.8 / 1.4]] * both.sum())


class TestOpened:
    @pytest.mark.parametrize("mode", ["cross", "isolated"])
    @pytest.mark.parametrize("coins", [[], COINS])
    def test_the_initial_margin_is_met_at_the_opening(self, mode: str, coins: list[dict[str, Any]]) -> None:
        harbor = opened(mode, leverage=40.0, coins=coins)
        rows = np.flatnonzero(harbor.ordinary())
        view = harbor.engine.assess(harbor.ledger, harbor.terms, rows)
        assert np.all(view.im <= 0.9 * view.margin_equity * (1.0 + 1e-9))
        assert np.any(view.im > 0.89 * view.margin_equity)

    @pytest.mark.parametrize("coins", [[], COINS])
    def test_an_owner_has_the_same_in_cross_and_in_isolated_margin(self, coins: list[dict[str, Any]]) -> None:
        cross, isolated = by_owner(opened(coins=coins)), by_owner(opened("isolated", coins=coins))
        assert cross.keys() == isolated.keys()
        for owner, columns in cross.items():
            np.testing.assert_allclose(columns, isolated[owner], rtol=1e-9, atol=1e-9)

    def test_isolated_positions_have_an_account_each_with_their_share_of_the_margin(self) -> None:
        harbor = opened("isolated", positions=3.0)
        ledger, rows = harbor.ledger, np.flatnonzero(harbor.ordinary())
        assert np.all(ledger.mode[rows] == ISOLATED)
        assert np.all((ledger.slot_market[rows] >= 0).sum(axis=1) == 1)
        view = harbor.engine.assess(ledger, harbor.terms, rows)
        for owner in np.unique(ledger.owner[rows]):
            mine = ledger.owner[rows] == owner
            np.testing.assert_allclose(view.equity[mine] / view.equity[mine].sum(), view.im[mine] / view.im[mine].sum())

    def test_cross_owners_have_one_account(self) -> None:
        harbor = opened()
        rows = np.flatnonzero(harbor.ordinary())
        assert np.all(harbor.ledger.mode[rows] == CROSS)
        assert len(np.unique(harbor.ledger.owner[rows])) == len(rows) == 200

    def test_the_street_takes_the_other_side_and_money_adds_up(self) -> None:
        model = small_world([cohort(coins=COINS)])
        harbor = model.world.protocols["harbor"]
        assert np.all(np.abs(harbor.ledger.errors()) < 1e-12)
        assert all(abs(e) < 1e-9 for e in harbor.errors().values())
        assert harbor.ledger.skew.tolist() == pytest.approx([0.0, 0.0], abs=1e-6)

    def test_entries_have_drifted_with_age_and_deposits_are_what_was_put_in(self) -> None:
        fresh = opened(age=0.0)
        rows = np.flatnonzero(fresh.ordinary())
        live = fresh.ledger.slot_market[rows] >= 0
        assert set(np.unique(fresh.ledger.slot_entry[rows][live])) <= {50_000.0, 2_000.0}
        model = small_world([cohort(age=9.0)], {"assets.*.volatility": 0.5})
        old = model.world.protocols["harbor"]
        ledger, rows = old.ledger, np.flatnonzero(old.ordinary())
        market = ledger.slot_market[rows]
        price = np.append(old.terms.price, np.nan)[market]
        drift = (price / ledger.slot_entry[rows] - 1.0)[market >= 0]
        assert np.std(drift) == pytest.approx(0.5 * np.sqrt(9.0 / 365.0), rel=0.15)
        profit = np.nansum(ledger.slot_size[rows] * (price - ledger.slot_entry[rows]), axis=1)
        equity = old.engine.assess(ledger, old.terms, rows).equity
        np.testing.assert_allclose(ledger.deposited[rows] + profit, equity, rtol=1e-9)

    def test_idle_wallets_lie_where_they_should(self) -> None:
        for chain in ("alpha", "beta"):
            model = small_world([cohort(wallet_chain=chain)])
            treasury, ledger = model.world.treasury, model.world.protocols["harbor"].ledger
            holders = np.unique(ledger.holder[model.world.protocols["harbor"].ordinary()])
            assert np.all(treasury.balance[holders, treasury.token("USDC", chain)] > 0.0)

    @pytest.mark.parametrize("mode", ["cross", "isolated"])
    def test_a_protocol_may_have_many_markets(self, mode: str) -> None:
        """An owner's accounts have sixteen ids, so that many positions of one owner must not reach into the next's."""
        data, coins = description(), [f"C{i}" for i in range(24)]
        data["assets"] += [{"name": c, "price": 10.0} for c in coins]
        for venue, kind in zip(data["venues"], ("perp", "spot"), strict=True):
            venue["markets"] += [{"asset": c, "kind": kind, "depth": 1e7} for c in coins]
        data["protocols"][0] |= {"mode": mode}
        data["protocols"][0]["markets"] += [{"asset": c} for c in coins]
        del data["name"]
        model = small_world([cohort(positions=30.0)], **data)
        ledger = model.world.protocols["harbor"].ledger
        rows = np.flatnonzero(model.world.protocols["harbor"].ordinary())
        held = np.bincount(np.searchsorted(np.unique(ledger.owner[rows]), ledger.owner[rows]), (ledger.slot_market[rows] >= 0).sum(axis=1))  # fmt: skip
        assert held.max() == MOST_POSITIONS


class TestTwins:
    def test_a_twin_on_another_protocol_has_the_same_owners_and_portfolios(self) -> None:
        data = description()
        quay = data["protocols"][0] | {"name": "quay", "mode": "isolated"}
        twin = cohort(protocol="quay", twin="retail") | {"name": "mirror"}
        model = small_world([cohort(), twin], protocols=[data["protocols"][0], quay])
        harbor, quayside = (by_owner(model.world.protocols[name]) for name in ("harbor", "quay"))
        assert harbor.keys() == quayside.keys()
        for owner, columns in harbor.items():
            np.testing.assert_allclose(columns, quayside[owner], rtol=1e-9, atol=1e-9)
        model.run()
        assert max(model.audits.values()) < 1e-9
