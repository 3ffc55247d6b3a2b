"""A crowd of ordinary accounts: who acts when, and what it does."""

from typing import Any

import numpy as np
import pytest

from abm.draws import Draws
from abm.errors import ScenarioError
from abm.model import CrossMarginModel
from agents.cohort import Cohort, Crowd
from tests.agents.worlds import fall, small_world

QUIET = {"trades": 0.0, "deleverage": 0.0, "stop_rate": 0.0, "top_ups": 0.0}
DAY = 86400.0


def cohort(name: str = "retail", cadence: float = 10.0, **params: Any) -> dict[str, Any]:
    keys: dict[str, Any] = {
        "protocol": "harbor", "accounts": 200, "leverage": 8.0, "leverage_sigma": 0.2, "long_share": 1.0, "age": 0.0
    }  # fmt: skip
    return {"kind": "cohort", "name": name, "cadence": cadence, "params": keys | QUIET | params}


def the_cohort(model: CrossMarginModel) -> Cohort:
    (crowd,) = model.inhabitants
    assert isinstance(crowd, Cohort)
    return crowd


def rows(crowd: Cohort) -> np.ndarray:
    return crowd.target.ledger.rows(crowd.ids)


class TestWhen:
    def test_candidates_come_at_the_largest_total_rate(self) -> None:
        """200 accounts at 864 a day for 300 seconds: 600 of them."""
        model = small_world([cohort(trades=864.0, cadence=1.0)])
        model.run()
        count = the_cohort(model)._count.sum()
        assert count == pytest.approx(600.0, abs=4.0 * np.sqrt(600.0))

    def test_a_cohort_without_rates_never_acts(self) -> None:
        model = small_world([cohort()])
        model.run()
        crowd = the_cohort(model)
        assert (crowd.actions, crowd._count.sum()) == (0, 0)

    def test_draws_are_made_for_those_that_are_due_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        model = small_world([cohort(trades=200.0, deleverage=100.0)])
        crowd, drawn = the_cohort(model), {}
        for law in ("uniform", "normal", "exponential"):
            monkeypatch.setattr(Draws, law, self._spy(getattr(Draws, law), drawn))
        for now in (20.0, 40.0, 60.0):
            model.world.tape.enter("", 0, now)
            due = set(crowd.ids[crowd._due <= now].tolist())
            drawn.clear()
            crowd.act()
            assert 0 < len(due) < len(crowd.ids)
            assert drawn.pop("which") == due
            assert drawn.pop("candidate") == due
            assert all(who <= due for what, who in drawn.items() if what in ("which position", "resize"))

    def _spy(self, real: Any, drawn: dict[str, set[int]]) -> Any:
        def spy(self: Draws, purpose: str, entity: Any, event: Any) -> Any:
            if isinstance(entity, np.ndarray):
                drawn.setdefault(purpose, set()).update(entity.tolist())
            return real(self, purpose, entity, event)

        return spy

    def test_accounts_act_by_keys_of_their_own(self) -> None:
        """The first hundred accounts do the same whether or not there are a hundred more."""
        counts, dues = [], []
        for accounts in (100, 200):
            model = small_world([cohort(trades=500.0, accounts=accounts)], {"venues.*.impact.enabled": False})
            model.run()
            crowd = the_cohort(model)
            counts.append(crowd._count[:100])
            dues.append(crowd._due[:100])
        np.testing.assert_array_equal(*counts)
        np.testing.assert_array_equal(*dues)


class TestHazards:
    def crowd(self, price: float = 1.0, **params: Any) -> tuple[Cohort, np.ndarray]:
        """A cohort at four-fold leverage whose coins have gone to `price` of what they were, and its hazards."""
        keys = {"trades": 3.0, "deleverage": 20.0, "stop": 0.3, "stop_rate": 50.0, "stop_share": 0.5, "top_ups": 70.0}
        model = small_world([cohort(leverage=4.0, leverage_sigma=0.0, **(keys | params))])
        crowd = the_cohort(model)
        crowd.target.terms.price = crowd.target.terms.price * price
        return crowd, crowd._hazards(rows(crowd))

    def test_all_trade_at_the_same_rate(self) -> None:
        assert set(self.crowd()[1][:, 0]) == {3.0}

    def test_deleveraging_grows_with_the_drawdown(self) -> None:
        for price, drawdown in ((1.0, 0.0), (0.95, 0.2), (0.9, 0.4), (0.7, 1.0), (1.2, 0.0)):
            np.testing.assert_allclose(self.crowd(price)[1][:, 1], 20.0 * drawdown, atol=1e-9)

    def test_stops_strike_beyond_their_level_for_those_who_keep_them(self) -> None:
        crowd, before = self.crowd(0.93)
        _, after = self.crowd(0.92)
        assert set(before[:, 2]) == {0.0}
        assert set(after[:, 2]) == {0.0, 50.0}
        keeps = crowd.world.draws.uniform("keeps stop", crowd.target.ledger.owner[rows(crowd)], 0) < 0.5
        np.testing.assert_array_equal(after[:, 2] > 0.0, keeps)
        assert 0.35 < np.mean(keeps) < 0.65

    def test_who_is_near_its_maintenance_tops_up(self) -> None:
        """Maintenance is 3 % of a four-fold notional: health 1/0.12 at first, 1.6 near a fall of a fifth."""
        for price, worried in ((1.0, False), (0.8, False), (0.79, False), (0.787, True)):
            found = self.crowd(price, top_up_below=1.6)[1][:, 3]
            assert set(found) == ({70.0} if worried else {0.0}), price

    def test_they_never_exceed_the_rate_of_candidates(self) -> None:
        crowd, found = self.crowd(0.5, stop_share=1.0)
        assert np.all(found.sum(axis=1) <= crowd._most)


class TestActs:
    def test_trades_change_positions_both_ways_within_the_initial_margin(self) -> None:
        model = small_world([cohort(trades=2000.0, leverage=3.0)])
        crowd = the_cohort(model)
        before = np.abs(crowd.target.ledger.slot_size[rows(crowd)]).sum(axis=1)
        model.run()
        change = np.abs(crowd.target.ledger.slot_size[rows(crowd)]).sum(axis=1) - before
        assert np.sum(change > 0.0) > 50
        assert np.sum(change < 0.0) > 50
        assert crowd.actions > 300
        view = crowd.target.engine.assess(crowd.target.ledger, crowd.target.terms, rows(crowd))
        assert np.all(view.margin_equity >= 0.95 * view.im)
        assert crowd.world.voluntary == {}

    def test_a_fall_makes_accounts_deleverage_which_is_counted(self) -> None:
        model = small_world([cohort(deleverage=5000.0, leverage=4.0)], prices=fall(-0.05))
        crowd = the_cohort(model)
        held = np.abs(crowd.target.ledger.slot_size[rows(crowd)]).sum(axis=1)
        model.run()
        left = np.abs(crowd.target.ledger.slot_size[rows(crowd)]).sum(axis=1)
        assert np.all(left <= held * (1.0 + 1e-9))
        assert np.sum(left < 0.9 * held) > 50
        assert crowd.world.voluntary["retail"] > 1e5

    def test_a_stop_closes_a_position_whole(self) -> None:
        keys = {"stop_rate": 20_000.0, "stop_share": 1.0, "stop": 0.15, "positions": 0.5, "leverage": 4.0}
        model = small_world([cohort(**keys, leverage_sigma=0.0)], prices=fall(-0.06))
        model.run()
        ledger = the_cohort(model).target.ledger
        empty = (ledger.slot_market[rows(the_cohort(model))] < 0).all(axis=1)
        assert np.mean(empty) > 0.9

    @pytest.mark.parametrize("chain", ["alpha", "beta"])
    def test_top_ups_come_out_of_the_wallet_where_it_lies(self, chain: str) -> None:
        keys = {"top_ups": 20_000.0, "wallet": 1.0, "wallet_chain": chain, "top_up_part": 0.5}
        model = small_world([cohort(**keys)], prices=fall(-0.08))
        crowd, treasury = the_cohort(model), model.world.treasury
        holders, token = crowd.target.ledger.holder[rows(crowd)], treasury.token("USDC", chain)
        before = treasury.balance[holders, token].copy()
        model.run()
        spent = before - treasury.balance[holders, token]
        assert np.all(spent >= 0.0)
        assert np.sum(spent > 0.0) > 20
        deposits = model.world.log.frame("events").filter(kind="deposit")
        late = deposits.filter(deposits["time"] > 0.0)
        assert late["amount"].sum() == pytest.approx(spent.sum())
        assert set(late["chain"].unique()) == {chain}
        credits = model.world.log.frame("events").filter(kind="credit")
        assert (len(credits) > 0) is (chain == "beta")
        assert max(model.audits.values()) < 1e-9

    def test_an_owner_of_several_accounts_pays_out_of_one_wallet_once(self) -> None:
        keys = {"top_ups": 50_000.0, "wallet": 0.1, "top_up_part": 1.0, "positions": 3.0, "accounts": 60}
        model = small_world([cohort(**keys)], {"protocols.harbor.mode": "isolated"}, prices=fall(-0.08))
        model.run()
        crowd, treasury = the_cohort(model), model.world.treasury
        holders = np.unique(crowd.target.ledger.holder[rows(crowd)])
        assert np.all(treasury.balance[holders, treasury.token("USDC", "alpha")] >= -1e-9)
        assert max(model.audits.values()) < 1e-9

    @pytest.mark.parametrize("chain", ["alpha", "beta"])
    def test_gas_is_paid_out_of_the_idle_wallet_where_it_lies(self, chain: str) -> None:
        keys = {"trades": 3000.0, "leverage": 3.0, "wallet_chain": chain, "gas": 1e6, "accounts": 50}
        model = small_world([cohort(**keys)], {"protocols.harbor.mode": "isolated"})
        crowd, treasury = the_cohort(model), model.world.treasury
        holders, token = np.unique(crowd.target.ledger.holder[rows(crowd)]), treasury.token("USDC", chain)
        before = treasury.balance[holders, token].copy()
        model.run()
        paid = before - treasury.balance[holders, token]
        assert np.all(paid >= 0.0)
        assert paid.sum() > 0.1
        assert treasury.balance[treasury.holder("fees:alpha"), token] == pytest.approx(paid.sum())

    def test_gas_is_paid_as_far_as_the_wallet_goes(self) -> None:
        model = small_world([cohort(trades=3000.0, leverage=3.0, wallet=1e-9, gas=1e6)])
        model.run()
        crowd, treasury = the_cohort(model), model.world.treasury
        left = treasury.balance[crowd.target.ledger.holder[rows(crowd)], treasury.token("USDC", "alpha")]
        assert np.min(left) == 0.0
        assert crowd.actions > 100
        assert max(model.audits.values()) < 1e-12

    def test_its_wealth_is_equity_and_wallets(self) -> None:
        model = small_world([cohort(wallet=0.5)])
        crowd = the_cohort(model)
        view = crowd.target.engine.assess(crowd.target.ledger, crowd.target.terms, rows(crowd))
        token = model.world.treasury.token("USDC", "alpha")
        wallets = model.world.treasury.balance[crowd.target.ledger.holder[rows(crowd)], token].sum()
        assert crowd.wealth() == pytest.approx(view.equity.sum() + wallets)
        assert crowd.received() == 0.0


class TestMistakes:
    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"protocol": "harbour"}, r"agents.retail.params.protocol: unknown protocol 'harbour'; did you mean 'harbor'\?"),
            ({"coins": [{"asset": "BTC", "accounts": 1.0, "part": 0.5}]},
             "agents.retail.params.coins: harbor takes no BTC@alpha; allowed: ETH@alpha, USDC@beta"),
            ({"leverag": 3.0}, r"agents.retail.params.leverag: unknown key 'leverag'; did you mean 'leverage'\?"),
            ({"markets": {"BTC": 1.0, "DOGE": 1.0}}, "agents.retail.params.markets: unknown name 'DOGE'; allowed: BTC, ETH"),
            ({"markets": {"BTC": 0.0}}, "agents.retail.params.markets.BTC: input should be greater than 0, got 0.0"),
            ({"twin": "nobody"}, "agents.retail.params.twin: unknown name 'nobody'; nothing is allowed here"),
            ({"wallet_chain": "gamma"}, "agents.retail.params.wallet_chain: harbor takes no USDC on 'gamma'; allowed: alpha"),
            ({"equity": float("inf")}, "agents.retail.params.equity: input should be a finite number, got inf"),
            ({"accounts": 0}, "agents.retail.params.accounts: input should be greater than or equal to 1, got 0; change"),
            ({"long_share": 1.2}, "agents.retail.params.long_share: input should be less than or equal to 1, got 1.2"),
        ],
    )  # fmt: skip
    def test_a_bad_key_is_told(self, params: dict[str, Any], message: str) -> None:
        with pytest.raises(ScenarioError, match=message):
            small_world([cohort(**params)])

    def test_a_crowd_alone_has_no_accounts(self) -> None:
        with pytest.raises(TypeError, match="a crowd has accounts: use a Cohort or a Snapshot"):
            Crowd.open_accounts(Crowd.__new__(Crowd), small_world())
