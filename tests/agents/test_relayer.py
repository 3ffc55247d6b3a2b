"""A relayer of the bridge of a small world."""

from typing import Any

import pytest

from abm.errors import ScenarioError
from abm.model import CrossMarginModel
from agents.relayer import Relayer
from tests.agents.worlds import small_world

REMOTE = {
    "kind": "cohort", "name": "retail", "cadence": 30.0,
    "params": {
        "protocol": "harbor", "accounts": 100, "leverage": 5.0,
        "coins": [{"asset": "USDC", "chain": "beta", "accounts": 1.0, "part": 0.7}],
    },
}  # fmt: skip
"""Accounts whose collateral lies on beta: the bridge tells of it every 30 s, and the news takes about 30 s."""


def relayer(name: str = "ray", **params: Any) -> dict[str, Any]:
    return {"kind": "relayer", "name": name, "cadence": 1.0, "params": {"bridge": "span"} | params}


def the_relayer(model: CrossMarginModel) -> Relayer:
    (agent,) = (a for a in model.inhabitants if isinstance(a, Relayer))
    return agent


def delays(model: CrossMarginModel) -> list[float | None]:
    """Seconds from sending to delivery of each message; None: not delivered."""
    messages = model.world.bridges["span"].messages
    return [None if m.delivered is None else m.delivered - m.sent for m in messages]


def did(model: CrossMarginModel, what: str) -> list[tuple[float, float]]:
    """Times and amounts of what the diary says."""
    return [(time, amount) for time, entry, amount in the_relayer(model).diary if entry == what]


def run(*agents: dict[str, Any], **change: Any) -> CrossMarginModel:
    model = small_world([*agents, REMOTE], change)
    model.run()
    return model


class TestHonest:
    def test_by_default_it_changes_nothing(self) -> None:
        with_it, without = run(relayer()), run()
        assert delays(with_it) == delays(without)
        assert the_relayer(with_it).diary == []
        assert the_relayer(with_it).wealth() == 0.0


class TestStalls:
    def test_nothing_is_delivered_in_a_window(self) -> None:
        model = run(relayer(stalls=[[60.0, 200.0]]))
        delivered = [m.delivered for m in model.world.bridges["span"].messages if m.delivered is not None]
        assert not [d for d in delivered if 62.0 <= d < 200.0]
        assert [d for d in delivered if d < 62.0]
        assert sum(200.0 <= d <= 202.0 for d in delivered) >= 4
        assert did(model, "stall") == [(pytest.approx(60.0, abs=1.0), pytest.approx(140.0, abs=1.0))]

    def test_a_stall_makes_remote_collateral_stale(self) -> None:
        model = run(relayer(stalls=[[30.0, 299.0]]), **{"protocols.harbor.staleness_rate": 0.01})
        assert (model.world.log.frame("breaches")["staleness_fall"] > 0.0).any()

    def test_random_outages_are_the_relayers_own(self) -> None:
        keys = {"outages": 1440.0, "outage_length": 20.0}
        one, again = run(relayer(**keys)), run(relayer(**keys), **{"agents.retail.params.accounts": 50})
        assert the_relayer(one).outages == the_relayer(again).outages
        assert len(the_relayer(one).outages) >= 2
        assert the_relayer(run(relayer(name="roy", **keys))).outages != the_relayer(one).outages

    def test_random_outages_have_their_rate_and_mean_length(self) -> None:
        model = small_world([relayer(outages=24.0, outage_length=600.0)], {"clock.duration": 86400.0 * 20})
        lengths = [end - begin for begin, end in the_relayer(model).outages]
        assert len(lengths) == pytest.approx(480, rel=0.15)
        assert sum(lengths) / len(lengths) == pytest.approx(600.0, rel=0.15)


class TestLosses:
    def test_a_lost_message_arrives_after_its_retry(self) -> None:
        model = run(relayer(lose=0.5, retry=60.0))
        lost = model.world.log.frame("events").filter(kind="relayer_lose")["ref"].to_list()
        late = [i for i, d in enumerate(delays(model)) if d is not None and d > 60.0]
        assert late
        assert set(late) <= set(lost)
        assert all(d is None or d < 35.0 for i, d in enumerate(delays(model)) if i not in lost)

    def test_the_same_messages_are_lost_whatever_else_lives_there(self) -> None:
        lost = [
            run(relayer(lose=0.5), **change).world.log.frame("events").filter(kind="relayer_lose")["ref"].to_list()
            for change in ({}, {"agents.retail.params.accounts": 50})
        ]
        assert lost[0] == lost[1]
        assert lost[0]

    def test_what_is_lost_is_still_in_flight_and_conserved(self) -> None:
        model = run(relayer(lose=0.9, retry=1000.0))
        assert len(did(model, "lose")) > 5
        assert max(model.audits.values()) < 1e-9


class TestCensoring:
    def test_too_few_verifiers_hold_messages_up_until_they_attest_again(self) -> None:
        model = run(relayer(censors=3, censoring=[[60.0, 200.0]]))
        delivered = [m.delivered for m in model.world.bridges["span"].messages if m.delivered is not None]
        assert not [d for d in delivered if 62.0 <= d < 200.0]
        assert [d for d in delivered if d >= 200.0]
        assert [amount for _, amount in did(model, "censor")] == [3.0, 0.0]

    def test_fewer_than_blocks_the_threshold_change_nothing(self) -> None:
        assert delays(run(relayer(censors=2, censoring=[[60.0, 200.0]]))) == delays(run())


class TestForging:
    def test_enough_keys_release_what_nothing_backs(self) -> None:
        model = run(relayer(forgeries=[{"at": 100.0, "amount": 4e5, "verifiers": 3, "to": "target"}]))
        agent, bridge = the_relayer(model), model.world.bridges["span"]
        assert agent.wealth() == pytest.approx(4e5)
        assert model.record()["agents"].filter(name="ray")["profit"][-1] == pytest.approx(4e5)
        assert bridge.locked < bridge.minted + bridge.in_flight["target"] + bridge.in_flight["source"]
        forged = model.world.log.frame("events").filter(kind="forged")
        assert forged["amount"].to_list() == [4e5]
        assert forged["time"][0] == pytest.approx(101.0, abs=2.0)
        assert max(model.audits.values()) < 1e-9

    def test_too_few_keys_release_nothing(self) -> None:
        model = run(relayer(forgeries=[{"at": 100.0, "amount": 4e5, "verifiers": 2, "to": "target"}]))
        assert the_relayer(model).wealth() == 0.0
        assert did(model, "refused: attestations") == [(pytest.approx(100.0, abs=1.0), 4e5)]
        assert len(model.world.log.frame("events").filter(kind="relayer_refused")) == 1

    def test_the_hourly_flow_bounds_the_loot(self) -> None:
        forgeries = [{"at": t, "amount": 4e5, "verifiers": 5, "to": "target"} for t in (200.0, 100.0)]
        model = run(relayer(forgeries=forgeries), **{"bridges.span.flow_cap": 5e5})
        assert the_relayer(model).wealth() == pytest.approx(4e5)
        assert [entry for _, entry, _ in the_relayer(model).diary] == ["forge", "refused: flow cap"]


class TestErrors:
    def test_an_unknown_bridge_is_named(self) -> None:
        with pytest.raises(
            ScenarioError, match=r"agents.ray.params.bridge: unknown bridge 'spam'; did you mean 'span'"
        ):
            small_world([relayer(bridge="spam")])

    def test_a_bridge_has_one_relayer(self) -> None:
        with pytest.raises(ScenarioError, match=r"agents.roy.params.bridge: 'span' has the relayer 'ray' already"):
            small_world([relayer(), relayer("roy")])

    @pytest.mark.parametrize("keys", [{"censors": 6}, {"forgeries": [{"at": 1.0, "amount": 1.0, "verifiers": 6}]}])
    def test_there_are_no_more_verifiers_than_the_bridge_has(self, keys: dict[str, Any]) -> None:
        with pytest.raises(ScenarioError, match=r"agents.ray.params: 6 verifiers, but 'span' has 5; name fewer"):
            small_world([relayer(**keys)])

    def test_a_window_ends_after_its_beginning(self) -> None:
        with pytest.raises(ScenarioError, match=r"from 9.0 is not before to 5.0"):
            small_world([relayer(stalls=[[9.0, 5.0]])])

    def test_a_forgery_has_no_other_keys(self) -> None:
        with pytest.raises(ScenarioError, match=r"agents.ray.params.forgeries.0.amonut: unknown key"):
            small_world([relayer(forgeries=[{"at": 1.0, "amount": 1.0, "verifiers": 1, "amonut": 2.0}])])
