"""The clock: what comes before what, once, and to the end."""

from typing import Any

import mesa
import numpy as np
import polars as pl
import pytest

from abm.model import CrossMarginModel, Progress, Turn
from abm.oracles.feed import Update
from abm.prices import PricePath
from abm.timetable import on_grid
from tests.abm.worlds import LAYERS, Levers, cohort, stressed
from tests.agents.worlds import fall, small_world


class Watcher:
    """Notes what the model does, and when, by wrapping it."""

    def __init__(self, model: CrossMarginModel) -> None:
        self.model, self.seen = model, []
        world = model.world
        for what, target, name in (
            ("price", world.books, "tick"),
            ("oracle", world.feeds["feed"], "sample"),
            *((chain.name, chain, "produce") for chain in world.chains.values()),
        ):
            setattr(target, name, self._note(what, getattr(target, name)))
        model.schedule_recurring(self.act, on_grid(model.start + 1.0, 1.0), priority=Turn.AGENT)

    def _note(self, what: str, real: Any) -> Any:
        def noted(*args: Any, **kwargs: Any) -> Any:
            self.seen.append((float(self.model.time), what))
            return real(*args, **kwargs)

        return noted

    def act(self) -> None:
        self.seen.append((float(self.model.time), "agent"))


class TestOrder:
    def test_prices_come_first_then_oracles_then_blocks_chain_by_chain_then_agents(self) -> None:
        model = small_world(clock={"duration": 4.0})
        watcher = Watcher(model)
        model.run()
        by_time = {t: [what for time, what in watcher.seen if time == t] for t, _ in watcher.seen}
        assert by_time == {
            1.0: ["price", "oracle", "alpha", "bourse", "agent"],
            2.0: ["price", "oracle", "alpha", "beta", "bourse", "agent"],
            3.0: ["price", "oracle", "alpha", "bourse", "agent"],
            4.0: ["price", "oracle", "alpha", "beta", "bourse", "agent"],
        }

    def test_a_start_within_the_path_shifts_everything(self) -> None:
        model = small_world(clock={"start": 100.0, "duration": 2.0})
        watcher = Watcher(model)
        model.run()
        assert [t for t, what in watcher.seen if what == "price"] == [101.0, 102.0]
        times = model.record()["markets"]["time"].unique().sort().to_list()
        assert times == [100.0, 102.0]

    def test_ten_engines_have_a_turn_each(self) -> None:
        chains = [{"name": "alpha"}, {"name": "beta"}, *({"name": f"c{i}"} for i in range(7))]
        model = small_world(chains=chains, clock={"duration": 2.0})
        watcher = Watcher(model)
        model.run()
        assert len([what for t, what in watcher.seen if t == 1.0]) == 13


class TestGrid:
    @pytest.mark.parametrize("interval", [0.1, 0.4, 1.0 / 3.0])
    def test_it_does_not_drift(self, interval: float) -> None:
        class Counter(mesa.Model):
            def __init__(self) -> None:
                super().__init__()
                self.times: list[float] = []
                self.schedule_recurring(self.count, on_grid(5.0, interval), priority=Turn.AGENT)

            def count(self) -> None:
                self.times.append(float(self.time))

        model = Counter()
        model.run_until(405.0)
        expected = [5.0 + k * interval for k in range(len(model.times))]
        assert len(model.times) in (int(400.0 / interval), int(400.0 / interval) + 1)
        assert model.times == pytest.approx(expected, abs=1e-6)


def test_samples_between_ticks_bear_their_own_time() -> None:
    model = small_world(clock={"duration": 3.0, "price_interval": 1.0}, record={"markets": 0.4, "agents": 60.0})
    model.run()
    times = model.record()["markets"].filter(market="BTC-PERP")["time"].to_list()
    assert times == pytest.approx([0.4 * k for k in range(8)] + [3.0])


class TestRun:
    def test_a_model_runs_once(self) -> None:
        model = small_world(clock={"duration": 2.0})
        model.run()
        with pytest.raises(RuntimeError, match="this model has run; build another"):
            model.run()

    def test_progress_is_told_every_minute(self) -> None:
        model = stressed(Levers())
        told: list[Progress] = []
        model.run(told.append)
        assert [(p.done, p.duration) for p in told] == [(60.0, 120.0), (120.0, 120.0)]
        assert told[-1].liquidations == model.world.log.counts["liquidations"] > 0
        assert told[0].at_risk >= 0

    def test_prices_can_be_given(self) -> None:
        made = small_world(clock={"duration": 3.0})
        path = made.world.path
        doubled = PricePath(path.interval, path.series, 2.0 * path.values, path.volatility)
        model = CrossMarginModel(made.description, path=doubled)
        model.run()
        assert model.record()["markets"].filter(market="BTC-PERP")["exogenous"].unique().to_list() == [100_000.0]

    def test_the_folder_of_a_run_knows_its_prices_file(self) -> None:
        assert small_world(clock={"duration": 1.0}).prices_file is None


class Thrower:
    """An inhabitant whose code is broken."""

    def __init__(self, model: CrossMarginModel, how: str) -> None:
        self.model, self.how = model, how
        model.schedule_recurring(self.act, on_grid(3.0, 1.0), priority=Turn.AGENT)

    def act(self) -> None:
        if self.how == "at its turn":
            raise ZeroDivisionError("mine")
        self.model.world.submit("thrower", "alpha", "order", self.fail)

    def fail(self, _: object) -> None:
        raise ZeroDivisionError("mine")


@pytest.mark.parametrize("how", ["at its turn", "in its transaction"])
def test_a_users_exception_comes_out_as_it_is(how: str) -> None:
    model = small_world(clock={"duration": 20.0})
    thrower = Thrower(model, how)
    with pytest.raises(ZeroDivisionError, match="mine"):
        model.run()
    assert 3.0 <= thrower.model.time < 20.0


class TestMinute:
    def test_the_street_meets_its_calls_and_the_vault_trades_down(self) -> None:
        model = stressed(Levers(route="vault", vault=1e6, move=-0.1))
        model.run()
        events = model.record()["events"]
        vault = model.world.protocols["harbor"].vault_id
        assert set(events.filter(kind="street_call")["time"].unique()) <= {0.0, 60.0, 120.0}
        sold = events.filter(kind="trade", account=vault)
        assert set(sold["time"].unique()) <= {60.0, 120.0}
        assert len(sold) > 0

    def test_neither_happens_while_the_chain_is_out(self) -> None:
        levers = Levers(route="vault", vault=1e6, move=-0.1)
        chains = [{"name": "alpha", "outages": [[55.0, 65.0]]}, {"name": "beta", "interval": 2.0}]
        model = stressed(levers, chains=chains)
        model.run()
        events = model.record()["events"]
        vault = model.world.protocols["harbor"].vault_id
        assert events.filter(pl.col("time").is_between(55.0, 64.5), chain="alpha").is_empty()
        assert events.filter(kind="trade", account=vault)["time"].unique().to_list() == [120.0]

    def test_remote_chains_tell_home_at_the_message_interval(self) -> None:
        model = stressed(
            Levers(move=-0.01), bridges=[{"name": "span", "source": "beta", "target": "alpha", "delay": 5.0}]
        )
        model.run()
        sent = model.record()["bridges"].filter(kind="state")
        assert sent["sent"].to_list() == [10.0 * k for k in range(13)]
        assert sent["from_chain"].unique().to_list() == ["beta"]
        known = sum(model.world.protocols["harbor"].ledger.coins[:, 1])
        assert sent["amount"][0] > 0.0
        assert sent["amount"][-1] == pytest.approx(known)

    def test_funding_is_paid_at_its_interval_and_sums_to_nothing(self) -> None:
        model = stressed(Levers(move=-0.01))
        model.run()
        paid = model.record()["events"].filter(kind="funding")
        assert paid["time"].unique().sort().to_list() == [30.0, 60.0, 90.0, 120.0]
        assert paid["amount"].abs().max() > 0.0
        assert max(model.audits.values()) < 1e-9


class TestLosses:
    """What is missing is charged at funding and at the end; a vault that is worth less than nothing is rescued."""

    RULE = "protocols.harbor.liquidation"

    @pytest.mark.parametrize(("interval", "charged"), [(30.0, 30.0), (3600.0, 45.0)], ids=["at funding", "at the end"])
    def test_bad_debt_is_charged_at_the_next_funding_or_else_at_the_end(self, interval: float, charged: float) -> None:
        model = small_world(
            [cohort(coins=[], leverage=0.5)],
            {f"{self.RULE}.waterfall": LAYERS, "venues.harbor-book.funding.interval": interval},
            clock={"duration": 45.0},
        )  # fmt: skip
        harbor = model.world.protocols["harbor"]
        harbor.bad_debt -= 100.0
        harbor.fund += 100.0  # so that money adds up
        model.run()
        losses = model.record()["losses"].filter(layer="socialise")
        assert losses["time"].unique().to_list() == [charged]
        assert losses["amount"].sum() == pytest.approx(100.0)
        assert harbor.bad_debt == pytest.approx(0.0, abs=1e-9)

    def test_a_vault_below_zero_is_rescued_at_the_next_minute(self) -> None:
        """It is long a coin that falls by four tenths; it sells all of it, and the fund pays what it owes then."""
        model = small_world(
            [], {f"{self.RULE}.vault": 1_000.0, f"{self.RULE}.vault_dust": 1e9, f"{self.RULE}.fund": 1e6},
            prices=fall(-0.4, at=10.0), clock={"duration": 100.0},
        )  # fmt: skip
        harbor, none = model.world.protocols["harbor"], np.zeros(2, np.int64)
        both = np.array([harbor.vault, harbor.street])
        price = np.full(2, float(harbor.terms.price[0]))
        harbor.ledger.trade(both, none, np.array([0.2, -0.2]), price, harbor.funding, model.world.now)
        model.run()
        paid = model.record()["losses"]
        assert paid.select("time", "layer", "account").rows() == [(60.0, "fund", harbor.vault_id)]
        assert paid["amount"][0] > 2_000.0
        assert harbor.ledger.quote[harbor.vault] == 0.0


def test_traffic_from_outside_crowds_a_chain_in_a_crash() -> None:
    """The same world, with and without an answer of outside traffic to stress."""
    used: dict[float, float] = {}
    for response in (0.0, 2.0):
        chains = [{"name": "alpha", "background_response": response}, {"name": "beta", "interval": 2.0}]
        model = stressed(Levers(), chains=chains)
        alpha = model.world.chains["alpha"]
        produce, crowded = alpha.produce, []

        def noted(
            now: float, stress: float = 0.0, *, produce: Any = produce, to: Any = crowded, at: Any = alpha
        ) -> Any:
            found = produce(now, stress)
            to.append(at.congestion)
            return found

        alpha.produce = noted  # type: ignore[method-assign]
        model.run()
        used[response] = max(crowded)
    assert used[2.0] > used[0.0] + 0.2


@pytest.mark.parametrize("delay", [0.0, 7.0])
def test_an_oracles_reading_arrives_after_its_delay(delay: float) -> None:
    oracle = {"name": "feed", "chain": "alpha", "sources": ["bourse"], "delay": delay, "jitter": 0.0, "heartbeat": 20.0}
    model = small_world(oracles=[oracle], clock={"duration": 100.0})
    feed, ages = model.world.feeds["feed"], []
    publish = feed.publish

    def noted(update: Update, time: float) -> None:
        ages.append(time - update.seen)
        publish(update, time)

    feed.publish = noted  # type: ignore[method-assign]
    model.run()
    assert len(ages) > 5
    assert min(ages) == delay
    assert max(ages) <= delay + 1.0


def test_an_outage_of_a_chain_stops_its_blocks_and_the_protocol_with_them() -> None:
    model = stressed(Levers(), chains=[{"name": "alpha", "outages": [[25.0, 70.0]]}, {"name": "beta", "interval": 2.0}])
    model.run()
    times = model.record()["breaches"]["time"]
    assert times.is_between(25.0, 69.0).sum() == 0
    assert (times == 70.0).sum() > 0


def readings(out: list[list[float]]) -> list[float]:
    """When the prices were read that the protocol's chain had of BTC at each of its blocks, its oracle out then."""
    model = stressed(Levers(), oracles=[{"name": "feed", "chain": "alpha", "sources": ["bourse"], "outages": out}])
    feed, chain, seen = model.world.feeds["feed"], model.world.chains["alpha"], []
    real = chain.produce

    def produce(now: float, stress: float = 0.0) -> Any:
        seen.append(float(feed.seen[feed.assets.index("BTC")]))
        return real(now, stress)

    chain.produce = produce
    model.run()
    return seen


def test_an_outage_of_an_oracle_leaves_its_chain_with_old_prices_while_it_lasts() -> None:
    assert [t for t in readings([]) if 25.0 <= t < 45.0]
    seen = readings([[25.0, 45.0]])
    assert not [t for t in seen if 25.0 <= t < 45.0]
    assert 45.0 in seen


def crossed(name: str, out: list[list[float]]) -> pl.DataFrame:
    """Messages over the bridge of a stressed world, one of whose chains has these outages."""
    model = stressed(
        Levers(),
        chains=[{"name": n, "finality": 2.0} | ({"outages": out} if n == name else {}) for n in ("alpha", "beta")],
        bridges=[{"name": "span", "source": "beta", "target": "alpha", "delay": 5.0}],
    )
    model.run()
    assert max(model.audits.values()) < 1e-9
    return model.record()["bridges"]


def counts(messages: pl.DataFrame, when: str, begin: float, end: float) -> list[int]:
    """How many state messages and how many transfers lie in [begin, end)."""
    during = messages.filter((pl.col(when) >= begin) & (pl.col(when) < end))["kind"]
    return [int((during == kind).sum()) for kind in ("state", "transfer")]


class TestOutageAndBridge:
    def test_a_chain_that_is_out_tells_and_sends_nothing(self) -> None:
        assert min(counts(crossed("beta", []), "sent", 25.0, 70.0)) > 0
        messages = crossed("beta", [[25.0, 70.0]])
        assert counts(messages, "sent", 25.0, 70.0) == [0, 0]
        assert min(counts(messages, "sent", 70.0, 121.0)) > 0

    def test_nothing_arrives_on_a_chain_that_is_out(self) -> None:
        assert min(counts(crossed("alpha", []), "arrived", 45.0, 70.0)) > 0
        messages = crossed("alpha", [[45.0, 70.0]])
        assert counts(messages, "arrived", 45.0, 70.0) == [0, 0]
        assert counts(messages, "sent", 45.0, 63.0)[0] > 0
        assert min(counts(messages, "arrived", 70.0, 70.5)) > 0


def test_an_empty_world_leaves_a_record_without_breaches() -> None:
    model = small_world([cohort(accounts=1, leverage=0.1, coins=[])], clock={"duration": 5.0})
    model.run()
    record = model.record()
    assert record.summary["breaches"] == 0
    assert record.summary["endogenous_share"] == 0.0
    assert record["cascade_edges"].is_empty()
