"""Nothing that does not matter changes a bit: draws, idle inhabitants, orders, layouts, looking (design, section 3)."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from abm.identity import owner_ids
from abm.model import CrossMarginModel, Turn
from abm.record import Record
from abm.scenario import Scenario
from abm.spec import AgentSpec
from abm.tables import TABLES
from abm.timetable import on_grid
from agents.population import populate
from agents.resident import Params, Resident
from tests.abm.worlds import KEEPERS, Levers, cohort, stressed_scenario

QUAY = {
    "name": "quay", "chain": "alpha", "venue": "quay-book", "oracle": "feed", "markets": [{"asset": "BTC"}],
}  # fmt: skip
MAKER = {
    "kind": "market_maker", "name": "mia", "cadence": 2.0,
    "params": {"protocol": "harbor", "capital": 1e6, "depth": {"BTC": 3e5, "ETH": 1e5}},
}  # fmt: skip
TRADER = {
    "kind": "trader", "name": "ann", "cadence": 10.0,
    "params": {"protocol": "harbor", "capital": 3e4, "leverage": 5.0, "long_share": 1.0, "view": 60.0},
}  # fmt: skip
AGENTS = [cohort(), cohort("whales", accounts=10, equity=5e4), KEEPERS, MAKER, TRADER]


def scenario(agents: Sequence[dict[str, Any]] = AGENTS, **replace: Any) -> Scenario:
    """The stressed world with a second protocol, on which nobody lives unless a test moves in."""
    base = stressed_scenario(Levers(seed=replace.pop("seed", 11))).to_dict()
    base["venues"].append(
        {"name": "quay-book", "chain": "alpha", "markets": [{"asset": "BTC", "kind": "perp", "depth": 1e7}]}
    )
    base["protocols"].append(QUAY)
    base["agents"] = list(agents)
    return Scenario.from_dict(base | replace)


def run(prepare: Callable[[CrossMarginModel], None] = lambda _: None, **changes: Any) -> Record:
    model = populate(CrossMarginModel(scenario(**changes)))
    prepare(model)
    model.run()
    return model.record()


@cache
def plain() -> Record:
    record = run()
    assert len(record["breaches"]) > 50
    assert len(record["liquidations"]) > 50
    return record


def same(one: Record, other: Record, but: Callable[[pl.DataFrame], pl.DataFrame] = lambda f: f, skip: str = "") -> None:
    """All tables equal, bit for bit, but for some rows or tables."""
    differ = [name for name in TABLES if name not in skip.split() and not but(one[name]).equals(but(other[name]))]
    for name in differ:
        assert_frame_equal(but(one[name]), but(other[name]), check_exact=True)
    assert differ == []


class TestSeed:
    def test_the_same_seed_gives_the_same_tables(self) -> None:
        same(plain(), run())

    def test_another_seed_gives_others(self) -> None:
        other = run(seed=12)
        for name in ("breaches", "liquidations", "price_moves", "accounts", "markets"):
            assert not plain()[name].equals(other[name]), name


class Gambler:
    """Draws at every turn, by keys of its own and out of NumPy's global bag."""

    def __init__(self, model: CrossMarginModel) -> None:
        self.draws, self.count = model.world.draws, 0
        model.schedule_recurring(self.gamble, on_grid(model.start + 0.5, 0.5), priority=Turn.AGENT)
        model.gambler = self

    def gamble(self) -> None:
        self.count += 1
        self.draws.uniform("gamble", "gambler", self.count)
        self.draws.normal("candidate", owner_ids("gambler", 3), self.count)
        np.random.random()  # noqa: NPY002


class Idle(Resident):
    """Has money and an empty account, and does nothing."""

    kind: ClassVar[str] = "idle"
    Params: ClassVar[type[Params]] = Params

    def settle(self) -> None:
        self.open(self.protocol("harbor"), 0.0)
        self.endow("USDC", "alpha", 1000.0)

    def act(self) -> None:
        """Nothing."""


class TestWhoDoesNotMatter:
    def test_a_draw_anywhere(self) -> None:
        gamblers: list[Gambler] = []
        same(plain(), run(lambda model: gamblers.append(Gambler(model))))
        assert gamblers[0].count == 240

    def test_an_idle_resident(self) -> None:
        record = run(lambda model: Idle(model, AgentSpec(kind="idle", name="idle"), "idle"))
        account = int(owner_ids("idle")[0]) + 1
        assert record["accounts"].filter(account=account)["equity"].to_list() == [0.0, 0.0]
        assert record["agents"].filter(name="idle")["wealth"].to_list() == [1000.0] * 3
        same(plain(), record, _without([account], "idle"))

    @pytest.mark.parametrize("place", [0, len(AGENTS)])
    def test_an_idle_cohort_on_another_protocol(self, place: int) -> None:
        quiet = {"trades": 0.0, "deleverage": 0.0, "stop_rate": 0.0, "top_ups": 0.0, "coins": []}
        idle = cohort("idle", protocol="quay", accounts=20, leverage=0.1, **quiet)
        record = run(agents=[*AGENTS[:place], idle, *AGENTS[place:]])
        assert len(record["accounts"].filter(cohort="idle")) == 40
        same(plain(), record, _without_protocol("quay", "idle"))


def _without(accounts: list[int], name: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    def but(frame: pl.DataFrame) -> pl.DataFrame:
        if "account" in frame.columns:
            frame = frame.filter(~pl.col("account").is_in(accounts))
        return frame.filter(pl.col("name") != name) if "name" in frame.columns else frame

    return but


def _without_protocol(protocol: str, name: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    def but(frame: pl.DataFrame) -> pl.DataFrame:
        if "protocol" in frame.columns:
            frame = frame.filter(pl.col("protocol") != protocol)
        return frame.filter(pl.col("name") != name) if "name" in frame.columns else frame

    return but


class TestOrder:
    def test_another_order_of_agents(self) -> None:
        same(plain(), run(agents=AGENTS[::-1]))

    @pytest.mark.parametrize("seed", [1, 2])
    def test_another_layout_of_the_columns(self, seed: int) -> None:
        def shuffle(model: CrossMarginModel) -> None:
            for protocol in model.world.protocols.values():
                protocol.ledger.permute(np.random.default_rng(seed).permutation(len(protocol.ledger)))

        same(plain(), run(shuffle))


class TestLooking:
    @pytest.mark.parametrize("every", [7.0, 1.0])
    def test_how_often_markets_are_sampled(self, every: float) -> None:
        other = run(record={"markets": every, "agents": 60.0})
        same(plain(), other, skip="markets protocols")
        ends = pl.col("time").is_in([0.0, 120.0])
        assert_frame_equal(plain()["markets"].filter(ends), other["markets"].filter(ends), check_exact=True)

    def test_how_often_accounts_and_agents_are(self) -> None:
        other = run(record={"accounts": 3.3, "agents": 1.7})
        same(plain(), other, skip="accounts agents")

    def test_audits_and_progress(self) -> None:
        model = populate(CrossMarginModel(scenario(audit={"interval": 50.0})))
        seen: list[float] = []
        model.run(lambda progress: seen.append(progress.done))
        assert seen == [60.0, 120.0]
        same(plain(), model.record())
