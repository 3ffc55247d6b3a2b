"""The base of strategic agents: means, sight, and what they do."""

from typing import Any, ClassVar

import numpy as np
import pytest
from pydantic import Field

from abm.chains.chain import Inclusion
from abm.errors import ScenarioError
from abm.ledger import CROSS, ISOLATED
from abm.model import CrossMarginModel
from abm.spec import AgentSpec
from agents.resident import Params, Resident, read_params
from tests.agents.worlds import small_world


class DollParams(Params):
    """A doll's keys."""

    cash: float = Field(1000.0, gt=0)
    name_of_chain: str = "alpha"


class Doll(Resident):
    """Does at its turns what a test tells it to."""

    kind: ClassVar[str] = "doll"
    Params: ClassVar[type[Params]] = DollParams

    def settle(self) -> None:
        """Take up some cash."""
        self.turns: list[float] = []
        self.endow("USDC", "alpha", self.params.cash)

    def act(self) -> None:
        """Note the time."""
        self.turns.append(float(self.model.time))


def spec(**params: Any) -> AgentSpec:
    return AgentSpec(kind="doll", name="dora", cadence=10.0, params=params)


def doll(model: CrossMarginModel | None = None, **params: Any) -> Doll:
    return Doll(model or small_world(), spec(**params), "dora")


def include(agent: Doll, chain: str = "alpha", now: float = 5.0) -> list[Inclusion]:
    """Run a block of a chain by hand."""
    agent.world.tape.enter(chain, 1, now)
    included = agent.world.chains[chain].produce(now)
    for inclusion in included:
        inclusion.transaction.run(inclusion)
    return included


class TestParams:
    def test_keys_are_read_and_frozen(self) -> None:
        found = read_params(DollParams, spec(cash=5.0))
        assert (found.cash, found.name_of_chain) == (5.0, "alpha")
        with pytest.raises(ValueError, match="frozen"):
            found.cash = 3.0  # type: ignore[misc]

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"csh": 1.0}, r"agents.dora.params.csh: unknown key 'csh'; did you mean 'cash'\?"),
            ({"cash": 0.0}, "agents.dora.params.cash: input should be greater than 0, got 0.0; change the value"),
            ({"cash": "much"}, "agents.dora.params.cash: input should be a valid number, .*got 'much'"),
        ],
    )
    def test_a_mistake_names_the_agent_and_the_key(self, params: dict[str, Any], message: str) -> None:
        with pytest.raises(ScenarioError, match=message):
            read_params(DollParams, spec(**params))


class TestTurns:
    def test_each_cadence_has_one_turn_at_a_moment_of_its_own(self) -> None:
        model = small_world(clock={"duration": 60.0})
        agent = doll(model)
        model.run()
        assert [int(turn // 10.0) for turn in agent.turns] == list(range(6))
        assert len({round(turn % 10.0, 3) for turn in agent.turns}) == 6
        moments = [10.0 * (k + float(model.world.draws.uniform("turn", "dora", k))) for k in range(6)]
        assert agent.turns == pytest.approx(moments, abs=1e-6)

    def test_its_now_is_its_own_turn_and_not_the_last_tick(self) -> None:
        model = small_world(clock={"duration": 30.0})
        agent = doll(model)
        agent.endow("USDC", "alpha", 100.0)
        seen: list[tuple[float, float]] = []
        arrivals: list[float] = []

        def act() -> None:
            seen.append((model.world.now, float(model.time)))
            agent.send("alpha", "order", lambda i: arrivals.append(i.transaction.arrival - seen[-1][1]), latency=0.3)

        agent.act = act  # type: ignore[method-assign]
        model.run()
        assert len(arrivals) == len(seen) == 3
        assert all(now == time and time % 1.0 > 0.0 for now, time in seen)
        assert min(arrivals) >= 0.3

    def test_who_has_left_acts_no_more(self) -> None:
        model = small_world(clock={"duration": 60.0})
        agent = doll(model)
        agent.remove()
        model.run()
        assert agent.turns == []

    def test_its_jitter_makes_its_transactions_late(self) -> None:
        arrivals = {}
        for jitter in (0.0, 0.2, 4.0):
            world = small_world()
            agent = Doll(world, spec().model_copy(update={"jitter": jitter}), "dora")
            agent.endow("USDC", "alpha", 100.0)
            agent.send("alpha", "order", lambda _: None, latency=1.0)
            (included,) = include(agent, now=100.0)
            arrivals[jitter] = included.transaction.arrival
        draw = float(world.world.draws.exponential("latency", "dora", 0))
        assert arrivals == {jitter: pytest.approx(1.0 + jitter * draw) for jitter in (0.0, 0.2, 4.0)}
        assert AgentSpec(kind="doll", name="dora").jitter == 0.2


class TestMeans:
    def test_an_account_is_opened_with_capital_of_its_own(self) -> None:
        agent = doll()
        harbor = agent.protocol("harbor")
        first, second = agent.open(harbor, 500.0), agent.open(harbor, 0.0, mode=ISOLATED)
        assert (agent.equity(harbor, first), agent.equity(harbor, second)) == (500.0, 0.0)
        assert agent.accounts == [(harbor, first), (harbor, second)]
        assert agent.holds("USDC", "alpha") == 1000.0
        modes = harbor.ledger.mode[harbor.ledger.rows(np.array([first, second]))]
        assert modes.tolist() == [CROSS, ISOLATED]

    @pytest.mark.parametrize(("mode", "kind"), [("cross", CROSS), ("isolated", ISOLATED)])
    def test_an_ordinary_account_is_as_the_protocols_are(self, mode: str, kind: int) -> None:
        agent = doll(small_world([], {"protocols.harbor.mode": mode}))
        harbor = agent.protocol("harbor")
        row = harbor.ledger.row(agent.open_ordinary(harbor, 1.0))
        assert harbor.ledger.mode[row] == kind

    def test_a_position_is_held_from_the_opening_against_the_street(self) -> None:
        agent = doll()
        harbor = agent.protocol("harbor")
        account = agent.open(harbor, 1000.0)
        agent.hold(harbor, account, agent.market(harbor, "BTC"), -0.2)
        assert agent.size(harbor, account, 0) == -0.2
        assert harbor.ledger.size(np.array([harbor.street]), 0)[0] == 0.2
        with pytest.raises(
            ScenarioError, match="50000 USD of BTC-PERP need more initial margin than the deposit; lower"
        ):
            agent.hold(harbor, account, 0, -1.0)

    @pytest.mark.parametrize(
        ("ask", "message"),
        [
            (
                lambda a: a.protocol("habor"),
                r"agents.dora.params.protocol: unknown protocol 'habor'; did you mean 'harbor'\?",
            ),
            (
                lambda a: a.market(a.protocol("harbor"), "SOL"),
                "agents.dora.params: harbor has no market of 'SOL'; allowed",
            ),
            (
                lambda a: a.spot_book("bourse", "SOL"),
                "agents.dora.params.venue: no spot market 'bourse SOL'; did you mean",
            ),
            (lambda a: a.spot_book("harbor-book", "BTC"), "no spot market 'harbor-book BTC'"),
        ],
    )
    def test_what_is_not_there_is_told(self, ask: Any, message: str) -> None:
        with pytest.raises(ScenarioError, match=message):
            ask(doll())


class TestSending:
    def test_a_transaction_pays_its_fee_when_it_is_included(self) -> None:
        agent, done = doll(), []
        agent.send("alpha", "note", done.append, gas=1e6, tip=1e-6)
        (inclusion,) = include(agent)
        assert done == [inclusion]
        assert inclusion.fee > 1.0
        assert agent.holds("USDC", "alpha") == pytest.approx(1000.0 - inclusion.fee)
        assert agent.actions == 1

    def test_without_the_fee_it_fails(self) -> None:
        agent, done = doll(cash=0.5), []
        agent.send("alpha", "note", done.append, gas=1e6, tip=1e-6)
        include(agent)
        assert (done, agent.actions, agent.holds("USDC", "alpha")) == ([], 0, 0.5)

    def test_an_exchange_takes_no_gas(self) -> None:
        agent, done = doll(cash=0.5), []
        agent.send("bourse", "note", done.append, gas=1e6, tip=1e-6)
        include(agent, "bourse")
        assert (len(done), agent.holds("USDC", "alpha")) == (1, 0.5)

    def test_a_top_up_is_at_most_the_wallet(self) -> None:
        agent = doll()
        harbor = agent.protocol("harbor")
        account = agent.open(harbor, 0.0)
        agent.top_up(harbor, account, 1e9)
        include(agent)
        assert agent.equity(harbor, account) == pytest.approx(1000.0, rel=1e-3)
        assert agent.holds("USDC", "alpha") == 0.0

    def test_a_withdrawal_takes_what_the_initial_margin_leaves_free(self) -> None:
        agent = doll(cash=1000.0)
        harbor = agent.protocol("harbor")
        account = agent.open(harbor, 10_000.0)
        agent.hold(harbor, account, 0, 0.5)
        free = harbor.withdrawable(harbor.ledger.row(account))
        assert 0.0 < free < 10_000.0
        before = agent.holds("USDC", "alpha")
        agent.withdraw(harbor, account, 1e9)
        (done,) = include(agent)
        assert agent.holds("USDC", "alpha") == pytest.approx(before + free - done.fee)
        assert harbor.withdrawable(harbor.ledger.row(account)) == pytest.approx(0.0, abs=1e-6)


class TestOrders:
    def ready(self, **change: Any) -> tuple[Doll, Any, int]:
        agent = doll(small_world([], {"venues.*.markets.*.spread": 0.0} | change))
        harbor = agent.protocol("harbor")
        return agent, harbor, agent.open(harbor, 1e6)

    def test_an_order_is_filled_in_its_block_if_the_margin_allows(self) -> None:
        agent, harbor, account = self.ready()
        agent.order(harbor, account, 0, 2.0)
        assert agent.size(harbor, account, 0) == 0.0
        include(agent)
        assert agent.size(harbor, account, 0) == 2.0
        agent.order(harbor, account, 0, 1e6)
        include(agent, now=9.0)
        assert agent.size(harbor, account, 0) == 2.0

    def test_an_aim_orders_what_is_missing_when_it_arrives(self) -> None:
        agent, harbor, account = self.ready()
        agent.aim(harbor, account, 0, 3.0)
        agent.order(harbor, account, 0, 1.0, tip=1e-6)  # comes first in the block
        include(agent)
        assert agent.size(harbor, account, 0) == 3.0
        agent.aim(harbor, account, 0, 3.0)
        include(agent, now=9.0)
        assert len(agent.world.log.frame("events").filter(kind="trade")) == 2

    @pytest.mark.parametrize(
        ("slippage", "part"), [(0.02, 1.0), (0.0045, 0.5), (0.0035, 0.25), (0.0024, 0.125), (0.0001, 0.0)]
    )
    def test_it_takes_what_is_within_its_slippage(self, slippage: float, part: float) -> None:
        """32 BTC are 0.32 of the depth: they move it by 1 % sqrt(0.32) = 0.57 %, half of them by 0.40 %, and so on."""
        agent, harbor, account = self.ready(**{"venues.harbor-book.markets.BTC.depth": 5e6})
        agent.aim(harbor, account, 0, 32.0, slippage=slippage)
        include(agent)
        assert agent.size(harbor, account, 0) == pytest.approx(part * 32.0)

    def test_a_sale_is_held_to_its_slippage_too(self) -> None:
        agent, harbor, account = self.ready(**{"venues.harbor-book.markets.BTC.depth": 5e6})
        agent.aim(harbor, account, 0, -32.0, slippage=0.0045)
        include(agent)
        assert agent.size(harbor, account, 0) == pytest.approx(-16.0)


class TestWealth:
    def test_it_is_wallets_coins_under_way_and_accounts(self) -> None:
        agent = doll()
        harbor = agent.protocol("harbor")
        account = agent.open(harbor, 500.0)
        agent.endow("ETH", "bourse", 2.0)
        assert agent.wealth() == pytest.approx(1000.0 + 500.0 + 4000.0)
        agent.world.transfer(agent.holder, "ETH", "bourse", "alpha", 1.0)
        assert agent.wealth() == pytest.approx(5500.0)
        agent.hold(harbor, account, 0, 0.1)
        harbor.terms.price = harbor.terms.price * 0.8
        assert agent.equity(harbor, account) == pytest.approx(-500.0)
        assert agent.wealth() == pytest.approx(5000.0)  # the debt is the protocol's loss
        assert agent.received() == 0.0
