"""Money and positions add up, block by block, in crashes in which accounts flee from one protocol to another and back, over a
bridge that halts and loses letters, between offices that go down, while letters come twice and old ones come again."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abm.model import CrossMarginModel, Turn
from abm.protocol.passport.document import Letter
from abm.protocol.passport.office import POINTS, Office
from abm.scenario import Scenario
from abm.timetable import on_grid
from agents.migrant import Migrant
from agents.population import populate
from tests.abm.test_conservation import causes_add_up, events_tell_all, falls_add_up
from tests.abm.worlds import Levers, levers, stressed_scenario


@dataclass(frozen=True)
class Trouble:
    """What goes wrong beside the crash: crashes of offices (protocol, point, seconds), letters that the relayer loses, and
    seconds between the moments at which all letters so far come once more."""

    crashes: tuple[tuple[str, str, float], ...] = ()
    lose: float = 0.0
    again: float = 1e9
    far: bool = True


@st.composite
def troubles(draw: st.DrawFn) -> Trouble:
    crash = st.tuples(st.sampled_from(["harbor", "reef"]), st.sampled_from(POINTS), st.sampled_from([3.0, 20.0, 1e9]))
    return Trouble(
        crashes=tuple(draw(st.lists(crash, max_size=3))), lose=draw(st.sampled_from([0.0, 0.3])),
        again=draw(st.sampled_from([7.0, 1e9])), far=draw(st.booleans()),
    )  # fmt: skip


def migrants(name: str, home: str, other: str, leverage: float) -> dict[str, Any]:
    return {
        "kind": "migrant", "name": name, "count": 4, "cadence": 2.0,
        "params": {
            "protocol": home, "others": [other], "market": "BTC", "capital": 5e3, "leverage": leverage, "cost": 0.0,
            "buffer": 1.0, "rest": 4.0, "long_share": 0.7, "validity": 40.0,
        },
    }  # fmt: skip


def scenario(at: Levers, trouble: Trouble) -> Scenario:
    """A stressed world with another protocol on the bridge's far side, or beside the first."""
    data = stressed_scenario(at).to_dict()
    chain = "beta" if trouble.far else "alpha"
    for each in data["chains"]:
        each["finality"] = 1.0
    data["bridges"][0]["delay"] = 2.0
    data["venues"].append({
        "name": "reef-book", "chain": chain, "fee": 0.0005, "funding": {"interval": 20.0},
        "impact": {"collar": 0.2, "enabled": at.impact},
        "markets": [{"asset": "ETH", "kind": "perp", "depth": 4e5}, {"asset": "BTC", "kind": "perp", "depth": 8e5}],
    })  # fmt: skip
    data["oracles"].append({"name": "far-feed", "chain": chain, "sources": ["bourse"]})
    data["protocols"].append({
        "name": "reef", "chain": chain, "venue": "reef-book", "oracle": "far-feed", "breach_price": "oracle",
        "markets": [{"asset": "ETH", "imf": 0.05, "mmf": 0.03}, {"asset": "BTC", "imf": 0.04, "mmf": 0.02}],
        "liquidation": {"route": "book", "fund": 1e4, "vault": 1e5},
    })  # fmt: skip
    data["agents"] += [
        migrants("inner", "harbor", "reef", 12.0), migrants("outer", "reef", "harbor", 8.0),
        {"kind": "relayer", "name": "ray", "cadence": 1.0, "params": {"bridge": "span", "lose": trouble.lose, "retry": 5.0}},
    ]  # fmt: skip
    return Scenario.from_dict(data)


class Mischief:
    """Moves margins to and fro so that accounts want to move, plans the crashes, and brings letters again."""

    def __init__(self, model: CrossMarginModel, trouble: Trouble) -> None:
        self.model, self.letters = model, list[Letter]()
        self._send = model.world.post.send
        model.world.post.send = self.send  # type: ignore[method-assign]
        for protocol, point, seconds in trouble.crashes:
            self.office(protocol).faults[point] = seconds
        self.events = [
            model.schedule_recurring(self.turn, on_grid(10.0, 25.0), priority=Turn.REST),
            model.schedule_recurring(self.again, on_grid(trouble.again, trouble.again), priority=Turn.REST),
        ]
        self.turns = 0

    def office(self, name: str) -> Office:
        return self.model.world.post.office(name)

    def send(self, letter: Letter) -> str:
        refused = self._send(letter)
        self.letters += [] if refused else [letter]
        return refused

    def turn(self) -> None:
        self.turns += 1
        for name, dear in (("harbor", self.turns % 2 == 1), ("reef", self.turns % 2 == 0)):
            self.model.world.protocols[name].margin_scale[:] = 1.3 if dear else 0.8

    def again(self) -> None:
        """All letters about passports that have come to their end come again, and offers that have been answered."""
        world = self.model.world
        for letter in list(self.letters):
            passport = letter.passport
            if passport is None:
                continue
            ended = passport.number not in self.office(passport.source).source.pending
            shown = (passport.source, passport.number) in self.office(passport.target).target.receipts
            if ended or (shown and letter.kind == "offer"):
                p = world.protocols[letter.to]
                world.tape.enter(p.chain, world.chains[p.chain].height, float(self.model.time))
                self.office(letter.to).receive(letter)


def nobody_is_in_two_places(model: CrossMarginModel) -> None:
    """Each migrant's account holds positions at one protocol at most, and each passport has one end at most."""
    world = model.world
    for agent in (a for a in model.inhabitants if isinstance(a, Migrant)):
        holds = [
            p.name for p in world.protocols.values()
            if agent.account in p.ledger.id and p.ledger.holds(np.array([p.ledger.row(agent.account)]))[0]
        ]  # fmt: skip
        transit = [passport for passport, _ in world.post.in_transit() if passport.account == agent.account]
        assert len(holds) + len(transit) <= 1
    steps = Counter(world.log.frame("passports").select("source", "passport", "step").iter_rows())
    assert max(steps.values(), default=0) <= 1
    for source, number, step in steps:
        if step == "opened":
            assert (source, number, "committed") in steps
        assert step != "committed" or (source, number, "void") not in steps


def ran(at: Levers, trouble: Trouble) -> tuple[CrossMarginModel, Mischief]:
    model = populate(CrossMarginModel(scenario(at, trouble)))
    mischief = Mischief(model, trouble)
    model.run()
    assert max(model.audits.values()) < 1e-9
    nobody_is_in_two_places(model)
    record = model.record()
    for name in ("harbor", "reef"):
        events_tell_all(model, record, name)
    falls_add_up(record)
    causes_add_up(record)
    return model, mischief


@given(at=levers(), trouble=troubles())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_everything_adds_up(at: Levers, trouble: Trouble) -> None:
    ran(at, trouble)


def test_between_them_everything_happens_that_can() -> None:
    steps: Counter[str] = Counter()
    reasons: set[str] = set()
    breached = 0
    crashing = Trouble((("reef", "open", 20.0), ("harbor", "void", 3.0)))
    for seed, trouble in enumerate([Trouble(), Trouble(lose=0.3, again=7.0), Trouble(far=False), crashing]):
        model, _ = ran(Levers(seed=seed + 1, route="book"), trouble)
        frame, breaches = (model.world.log.frame(name) for name in ("passports", "breaches"))
        steps += Counter(frame["step"].to_list())
        reasons |= set(frame["reason"].unique())
        mine = [a.account for a in model.inhabitants if isinstance(a, Migrant)]
        breached += len(breaches.filter(pl.col("account").is_in(mine)))
    assert set(steps) == {"issued", "reserved", "refused", "committed", "opened", "void", "released", "closed"}
    assert steps["opened"] > 10
    assert reasons >= {"", "margin", "changed"}
    assert breached > 0
