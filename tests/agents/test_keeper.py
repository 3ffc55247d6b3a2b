"""Keepers: they see breaches, bid within their capital, race, and wait for bridges to bring their money back."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from abm.errors import ScenarioError
from abm.model import CrossMarginModel
from abm.protocol.liquidation import stakes
from agents.keeper import Keeper
from tests.agents.worlds import fall, small_world

NO_BACKSTOP = {"protocols.harbor.liquidation.backstop_after": 1e9, "protocols.harbor.liquidation.backstop_below": -1e9}


def keeper(name: str = "kim", **params: Any) -> dict[str, Any]:
    return {"kind": "keeper", "name": name, "cadence": 1.0, "params": {"protocol": "harbor", "capital": 1e6} | params}


def crowd(**params: Any) -> dict[str, Any]:
    """A hundred longs with about 5,000 USD each at ten-fold leverage."""
    keys: dict[str, Any] = {
        "protocol": "harbor", "accounts": 100, "equity_sigma": 0.3, "leverage": 10.0, "leverage_sigma": 0.3,
        "long_share": 1.0, "age": 0.0, "trades": 0.0, "deleverage": 0.0, "stop_rate": 0.0, "top_ups": 0.0,
    }  # fmt: skip
    return {"kind": "cohort", "name": "retail", "cadence": 1e6, "params": keys | params}


def ran(*agents: dict[str, Any], change: dict[str, Any] | None = None, move: float = -0.08) -> CrossMarginModel:
    model = small_world([crowd(), *agents], NO_BACKSTOP | (change or {}), prices=fall(move))
    model.run()
    assert max(model.audits.values()) < 1e-9
    return model


def keepers(model: CrossMarginModel) -> list[Keeper]:
    return [a for a in model.inhabitants if isinstance(a, Keeper)]


def served(model: CrossMarginModel, name: str = "kim") -> pl.DataFrame:
    return model.world.log.frame("liquidations").filter(keeper=name)


class TestServing:
    def test_it_serves_all_that_pays_and_earns_its_share(self) -> None:
        model = ran(keeper())
        (kim,) = keepers(model)
        done = served(model)
        assert len(done) > 30
        p = kim.target
        left = np.flatnonzero(p.ledger.breach >= 0)
        assert len(left) < 0.5 * len(done)
        assert np.all(p.engine.assess(p.ledger, p.terms, left).equity < 10.0)
        assert kim.actions > 0
        earned = 0.5 * done["penalty"].sum()
        treasury = model.world.treasury
        gas = float(treasury.balance[treasury.holder("fees:alpha"), treasury.token("USDC", "alpha")])
        assert kim.wealth() == pytest.approx(1e6 + earned - gas)
        assert 0.0 < gas < 0.5 * earned

    def test_it_acts_after_it_has_seen_a_block_and_its_latency(self) -> None:
        model = ran(keeper(latency=3.0))
        breaches = model.world.log.frame("breaches").select("breach", seen="time")
        first = (
            served(model).join(breaches, on="breach").group_by("breach").agg(pl.col("time").min(), pl.col("seen").min())
        )
        assert (first["time"] - first["seen"]).min() >= 3.0

    def test_with_little_capital_it_serves_fewer(self) -> None:
        count = [len(served(ran(keeper(capital=c, settle=1e6)))) for c in (2_000.0, 20_000.0, 1e6)]
        assert 0 < count[0] < count[1] < count[2]

    def test_a_whale_beyond_its_capital_does_not_keep_it_from_the_small_ones(self) -> None:
        whale = {
            "kind": "trader", "name": "whale", "cadence": 1e6,
            "params": {"protocol": "harbor", "markets": ["BTC"], "capital": 1e6, "leverage": 15.0, "long_share": 1.0},
        }  # fmt: skip
        model = small_world([crowd(), keeper(capital=20_000.0), whale], NO_BACKSTOP, prices=fall(-0.08))
        model.run()
        (account,) = (a.accounts[0][1] for a in model.inhabitants if a.name == "whale")  # type: ignore[attr-defined]
        assert model.world.log.frame("breaches").filter(account=account).height == 1
        assert served(model).filter(account=account).is_empty()
        assert len(served(model)) > 0

    def test_it_leaves_what_does_not_pay(self) -> None:
        model = ran(keeper(minimum=1e6))
        assert len(model.world.log.frame("breaches")) > 30
        assert keepers(model)[0].actions == 0

    def test_a_bundle_has_so_many_at_most(self) -> None:
        single, many = ran(keeper(bundle=1)), ran(keeper(bundle=10))
        assert keepers(single)[0].actions >= len(served(single))
        assert keepers(many)[0].actions < len(served(many))

    def test_the_tip_grows_with_the_reward_at_stake(self) -> None:
        tips = {}
        for aggression in (0.0, 0.5):
            model = small_world([crowd(), keeper(aggression=aggression)], NO_BACKSTOP, prices=fall(-0.08))
            sent = tips.setdefault(aggression, [])
            chain = model.world.chains["alpha"]
            submit = chain.submit
            chain.submit = lambda t, sent=sent, submit=submit: (  # type: ignore[method-assign]
                sent.append(t.tip) if t.kind == "liquidate" else None, submit(t)
            )[1]  # fmt: skip
            model.run()
        assert set(tips[0.0]) == {2e-9}
        assert max(tips[0.5]) > 1e-5


class TestRace:
    def test_the_later_one_finds_nothing_and_has_paid_its_gas(self) -> None:
        """Both see the same fall at once; Kim is faster by a block and more."""
        whole = {"protocols.harbor.liquidation.policy": "whole"}
        model = small_world(
            [crowd(), keeper(latency=0.2), keeper("lee", latency=1.8)], NO_BACKSTOP | whole,
            prices=fall(-0.06, over=1.0),
        )  # fmt: skip
        model.run()
        _, lee = keepers(model)
        assert len(served(model)) > 10
        assert len(served(model, "lee")) < 0.5 * len(served(model))
        assert lee.actions > served(model, "lee")["block"].n_unique()
        assert lee.wealth() < 1e6 + 0.5 * served(model, "lee")["penalty"].sum()

    def test_the_higher_tip_goes_first_in_a_block(self) -> None:
        model = ran(keeper(aggression=0.0), keeper("lee", aggression=0.5))
        assert len(served(model, "lee")) > len(served(model))


class TestCapital:
    def locked(self, delay: float, coins: list[dict[str, Any]]) -> list[tuple[float, float]]:
        """Seconds until release and amounts, of the locks of one liquidation of an account with such collateral."""
        model = small_world([crowd(accounts=40, coins=coins), keeper()], {"bridges.span.delay": delay})
        (kim,) = keepers(model)
        harbor = model.world.protocols["harbor"]
        ids = harbor.ledger.id[harbor.ordinary()][:1]
        harbor.ledger.breach[harbor.ledger.rows(ids)] = 0
        harbor.terms.mmf = harbor.terms.mmf * 1e3
        harbor.margin_scale[:] = 1e3
        kim._liquidate(ids)
        return kim.locks

    def test_it_waits_longer_for_a_longer_bridge(self) -> None:
        remote = [{"asset": "USDC", "chain": "beta", "accounts": 1.0, "part": 0.75}]
        short, long = self.locked(20.0, remote), self.locked(500.0, remote)
        (home, cash), (away, bridged) = short
        assert (home, away) == (30.0, 30.0 + 10.0 + 20.0)
        assert bridged == pytest.approx(3.0 * cash)
        assert long[1][0] == 30.0 + 10.0 + 500.0
        assert [amount for _, amount in long] == [amount for _, amount in short]

    def test_collateral_at_home_is_back_after_settlement(self) -> None:
        (_, cash), (_, bridged) = self.locked(20.0, [])
        assert cash > 0.0
        assert bridged == 0.0

    def test_locked_capital_is_not_available_until_then(self) -> None:
        model = small_world([keeper(capital=1_000.0)])
        (kim,) = keepers(model)
        kim.locks = [(10.0, 400.0), (20.0, 500.0)]
        left = []
        for now in (5.0, 10.0, 20.0):
            model.world.tape.enter("alpha", 1, now)
            left.append(kim.available())
        assert left == [100.0, 500.0, 1_000.0]

    def test_with_a_slower_bridge_a_small_keeper_serves_less(self) -> None:
        remote = crowd(coins=[{"asset": "USDC", "chain": "beta", "accounts": 1.0, "part": 0.9}])
        count = []
        for delay in (1.0, 600.0):
            model = small_world(
                [remote, keeper(capital=4_000.0, settle=5.0)],
                NO_BACKSTOP | {"bridges.span.delay": delay, "protocols.harbor.staleness": "none"}, prices=fall(-0.08),
            )  # fmt: skip
            model.run()
            count.append(len(served(model)))
        assert 0 < count[1] < count[0]


class TestPatience:
    @pytest.mark.parametrize("patience", [3.0, 12.0])
    def test_it_bids_again_when_its_patience_is_over_and_the_account_is_still_in_breach(self, patience: float) -> None:
        """Its bundles get lost, so that nobody serves."""
        model = small_world([crowd(), keeper(patience=patience)], NO_BACKSTOP, prices=fall(-0.08))
        (kim,) = keepers(model)
        bids: dict[int, list[float]] = {}

        bid = kim._bid

        def noted(ids: np.ndarray, reward: np.ndarray) -> None:
            for account in ids.tolist():
                bids.setdefault(account, []).append(model.world.now)
            bid(ids, reward)

        kim._bid = noted  # type: ignore[method-assign]
        kim.send = lambda *_, **__: None  # type: ignore[method-assign]
        model.run()
        waits = np.concatenate([np.diff(times) for times in bids.values()])
        assert len(waits) > 30
        assert waits.min() >= patience
        assert np.median(waits) < patience + 2.0  # a turn comes once in a cadence of a second, at any moment of it


class TestExecution:
    """What a bundle needs is held against the capital again when it is executed."""

    def executed(self, free: float) -> tuple[int, np.ndarray]:
        """Liquidations by a bundle of two accounts, when so many times what the first needs is still free; the fronts."""
        model = small_world([crowd(accounts=40), keeper()])
        (kim,) = keepers(model)
        harbor = model.world.protocols["harbor"]
        rows = np.flatnonzero(harbor.ordinary() & (harbor.ledger.slot_market >= 0).any(axis=1))[:2]
        harbor.ledger.breach[rows] = 0
        harbor.margin_scale[:] = 1e3
        ids = harbor.ledger.id[rows]
        harbor.refresh(model.world.now)
        front = stakes(harbor, rows, harbor.engine.assess(harbor.ledger, harbor.terms, rows)).margin
        kim.locks = [(1e9, 1e6 - free * float(front[0]))]
        kim._liquidate(ids)
        return model.world.log.counts["liquidations"], front

    def test_capital_that_was_locked_since_the_bid_serves_nobody(self) -> None:
        assert self.executed(0.0)[0] == 0

    def test_what_is_left_serves_as_many_as_it_fronts(self) -> None:
        done, front = self.executed(1.0 + 1e-9)
        assert done == 1
        assert self.executed(1.0 + 1e-9 + float(front[1] / front[0]))[0] == 2


class TestMistakes:
    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"protocol": "habor"}, r"agents.kim.params.protocol: unknown protocol 'habor'; did you mean 'harbor'\?"),
            ({"capital": 0.0}, "agents.kim.params.capital: input should be greater than 0, got 0.0; change the value"),
            ({"aggression": 2.0}, "agents.kim.params.aggression: input should be less than or equal to 1, got 2.0"),
            ({"bundle": 0}, "agents.kim.params.bundle: input should be greater than or equal to 1"),
            ({"tipp": 1.0}, r"agents.kim.params.tipp: unknown key 'tipp'; did you mean 'tip'\?"),
        ],
    )
    def test_a_bad_key_is_told(self, params: dict[str, Any], message: str) -> None:
        with pytest.raises(ScenarioError, match=message):
            small_world([keeper(**params)])
