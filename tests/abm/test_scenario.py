"""Scenarios: what is read, what is refused and how that is told."""

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from abm.errors import ScenarioError
from abm.scenario import Scenario, shipped_scenarios
from tests.agents.worlds import description, small_scenario

SHIPPED = sorted(shipped_scenarios())


def changed(path: str, value: Any) -> dict[str, Any]:
    """The small world with one key set or, where the value is `del`, taken away."""
    data = description()
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    node: Any = data
    for part in parents:
        node = node.setdefault(part, {}) if isinstance(node, dict) else node[part]
    if value is del_:
        del node[last]
    elif last == "+":
        node.append(value)
    else:
        node[last] = value
    return data


del_ = object()
POOL = {"name": "pool", "kind": "amm", "markets": [{"asset": "ETH", "depth": 1e5}]}

MISTAKES = [
    # names
    ("assets.+", {"name": "BTC", "price": 1.0}, "scenario: assets: the name 'BTC' is used twice; give each its own"),
    ("chains.+", {"name": "beta"}, "chains: the name 'beta' is used twice; give each its own"),
    ("oracles.+", {"name": "feed", "chain": "beta", "sources": ["bourse"]}, "oracles: the name 'feed' is used twice"),
    ("venues.1.name", "beta", "venues: the exchange 'beta' has the name of a chain; give each its own"),
    ("chains", [{"name": f"c{i}"} for i in range(10)], "chains: more than 10 with the exchanges of their own; remove"),
    ("prices.shocks", [{"name": "s", "at": 1, "move": -0.1, "assets": ["BTX"]}],
     r"prices.shocks.0.assets: unknown name 'BTX'; did you mean 'BTC'\?"),
    ("bridges.0.source", "bet", r"bridges.0.source: unknown name 'bet'; did you mean 'beta'\?"),
    ("bridges.0.target", "gamma", "bridges.0.target: unknown name 'gamma'"),
    ("bridges.0.asset", "DAI", "bridges.0.asset: unknown name 'DAI'; allowed: BTC, ETH, USDC"),
    ("bridges.0.target", "beta", "bridges.0.target: 'span' joins beta with itself; name another chain"),
    ("venues.0.chain", "gamma", "venues.0.chain: unknown name 'gamma'"),
    ("venues.0.markets.1.asset", "DAI", "venues.0.markets.1.asset: unknown name 'DAI'"),
    ("venues.1.markets.+", {"asset": "ETH", "depth": 1.0}, "venues.1.markets.2: ETH spot is there twice; remove one"),
    ("oracles.0.chain", "gamma", "oracles.0.chain: unknown name 'gamma'"),
    ("oracles.0.sources", ["bourse", "burse"], r"oracles.0.sources: unknown name 'burse'; did you mean 'bourse'\?"),
    ("oracles.0.assets", ["DAI"], "oracles.0.assets: unknown name 'DAI'"),
    ("protocols.0.chain", "gamma", "protocols.0.chain: unknown name 'gamma'"),
    ("protocols.0.venue", "harbour-book", r"protocols.0.venue: unknown name 'harbour-book'; did you mean 'harbor-book'\?"),
    ("protocols.0.oracle", "fed", r"protocols.0.oracle: unknown name 'fed'; did you mean 'feed'\?"),
    ("protocols.0.settlement", "DAI", "protocols.0.settlement: unknown name 'DAI'"),
    ("protocols.0.markets.0.asset", "DAI", "protocols.0.markets.0.asset: unknown name 'DAI'; allowed: BTC, ETH"),
    ("protocols.0.venue", "bourse", "protocols.0.markets.0.asset: unknown name 'BTC'; nothing is allowed here"),
    ("protocols.0.collateral.0.asset", "DAI", "protocols.0.collateral.0.asset: unknown name 'DAI'"),
    ("protocols.0.collateral.1.chain", "", "protocols.0.collateral.1: USDC at home is the settlement asset itself; rem"),
    ("protocols.0.collateral.1.chain", "alpha", "protocols.0.collateral.1: USDC at home is the settlement asset itself"),
    ("protocols.0.collateral.1.chain", "gamma", "protocols.0.collateral.1.chain: unknown name 'gamma'"),
    ("protocols.0.collateral.1.bridge", "spam", r"protocols.0.collateral.1.bridge: unknown name 'spam'; did you mean"),
    ("protocols.0.collateral.0.chain", "beta", "protocols.0.collateral.0.bridge: unknown name ''; allowed: span"),
    ("protocols.0.collateral.0", {"asset": "ETH", "chain": "beta", "bridge": "span"},
     "protocols.0.collateral.0.bridge: 'span' carries USDC, not ETH; name another"),
    ("oracles.0.chain", "beta", "protocols.0.oracle: 'feed' reports to chain 'beta', not to 'alpha'; name a feed on"),
    ("prices.shocks", [{"name": "s", "at": 1, "move": -0.1}] * 2, "prices.shocks: the name 's' is used twice; give each"),
    ("prices.shocks", [{"name": "s", "at": 1, "move": -0.1, "assets": ["BTC", "BTC"]}],
     "prices.shocks.0.assets: 'BTC' is there twice; remove one"),
    ("agents", [{"kind": "keeper", "name": "k", "count": 2}, {"kind": "keeper", "name": "k-1"}],
     "agents: the name 'k-1' is used twice; give each its own"),
    ("oracles.0.sources", ["bourse", "bourse"], "oracles.0.sources: 'bourse' is there twice; remove one"),
    ("oracles.0.assets", ["BTC", "ETH", "BTC"], "oracles.0.assets: 'BTC' is there twice; remove one"),
    ("protocols.0.mark", {"index": ["bourse", "bourse"]}, "protocols.0.mark.index: 'bourse' is there twice; remove one"),
    ("protocols.0.mark", {"peers": ["bourse", "bourse"]}, "protocols.0.mark.peers: 'bourse' is there twice; remove one"),
    ("protocols.0.markets.1", {"asset": "BTC"}, "protocols.0.markets.1: BTC is there twice; remove one"),
    ("protocols.0.collateral.+", {"asset": "ETH", "chain": "alpha"},
     "protocols.0.collateral.2: ETH on alpha is there twice; remove one"),
    ("protocols.0.liquidation.waterfall", ["fund", "adl", "fund"], "liquidation.waterfall: 'fund' is there twice; remove"),
    ("protocols", [], "scenario: protocols: is empty; give at least one"),
    ("protocols.0.markets", [], "scenario: protocols.0.markets: is empty; give at least one"),
    ("venues.1.markets", [], "scenario: venues.1.markets: is empty; give at least one"),
    ("oracles.0.sources", [], "scenario: oracles.0.sources: is empty; give at least one"),
    # values
    ("clock.price_interval", 500.0, "clock.price_interval: 500.0 s is longer than the run; shorten it"),
    ("protocols.0.markets.0.oi_lower", 1e6, "markets.0: oi_lower 1000000.0 is not below oi_upper 0.0; order them, or set"),
    ("protocols.0.markets.0", {"asset": "BTC", "oi_lower": 2e6, "oi_upper": 1e6},
     "protocols.0.markets.0: oi_lower 2000000.0 is not below oi_upper 1000000.0; order them, or set both to 0"),
    ("protocols.0.markets.0", {"asset": "BTC", "oi_lower": 1e6, "oi_upper": 1e6}, "is not below oi_upper 1000000.0"),
    ("protocols.0.liquidation.penalty", 1.0, "liquidation.penalty: input should be less than 1, got 1.0"),
    ("venues.0.fee", 1.0, "venues.0.fee: input should be less than 1, got 1.0"),
    ("venues.0.markets.0.spread", 1.0, "venues.0.markets.0.spread: input should be less than 1, got 1.0"),
    ("venues.+", POOL | {"amm": {"fee": 1.0}}, "venues.2.amm.fee: input should be less than 1, got 1.0"),
    ("oracles.0.delay", -1.0, "oracles.0.delay: input should be greater than or equal to 0, got -1.0"),
    ("clock.start", 0.5, "clock.start: 0.5 is not a multiple of the price interval; choose one"),
    ("clock.duration", 0.0, r"scenario: clock.duration: input should be greater than 0, got 0.0; change the value"),
    ("seed", -1, "scenario: seed: input should be greater than or equal to 0, got -1"),
    ("seed", 2**63, "seed: input should be less than"),
    ("schema", 2, "schema: input should be less than or equal to 1, got 2"),
    ("name", "two words", "name: string should match pattern .*, got 'two words'"),
    ("assets.1.price", -1.0, "assets.1.price: input should be greater than 0, got -1.0"),
    ("assets.1.price", float("nan"), "assets.1.price: .*got nan"),
    ("assets.1.volatility", float("inf"), "assets.1.volatility: input should be a finite number, got inf"),
    ("assets.1.loading", 1.5, "assets.1.loading: input should be less than or equal to 1, got 1.5"),
    ("prices.kind", "random", "prices.kind: input should be 'jump_diffusion', 'bootstrap' or 'replay', got 'random'"),
    ("prices.shocks", [{"name": "s", "at": 1, "move": -1.0}], "prices.shocks.0.move: input should be greater than -1"),
    ("chains.0.outages", [[5.0, 5.0]], "chains.0.outages.0: from 5.0 is not before to 5.0; change the value"),
    ("bridges.0.threshold", 6, "bridges.0: threshold 6 exceeds the 5 verifiers; change the value"),
    ("venues.0.impact", {"exponent": 0.5, "t0": 2.0},
     "venues.0.impact.t0: 2.0 s is longer than the block of 1.0 s; concave impact could be pumped"),
    ("venues.1.impact", {"exponent": 0.5, "t0": 2.0}, "venues.1.impact.t0: 2.0 s is longer than the block of 1.0 s"),
    ("venues.0.impact", {"exponent": 0.4, "gamma": 0.6},
     "venues.0.impact.gamma: 0.6 decays too slowly for exponent 0.4; their sum must exceed 1"),
    ("venues.0.impact", {"exponent": 0.8, "gamma": 0.4},
     "venues.0.impact.gamma: 0.4 allows manipulation where depth moves and the exponent exceeds 0.5; use at least 0.55"),
    ("protocols.0.markets.0.mmf", 0.06, "protocols.0.markets.0: mmf 0.06 exceeds imf 0.05; change the value"),
    ("protocols.0.mode", "crossed", "protocols.0.mode: input should be 'cross' or 'isolated', got 'crossed'"),
    ("protocols.0.liquidation.waterfall", ["fund", "adl", "fund"],
     "protocols.0.liquidation.waterfall: 'fund' is there twice; remove one"),
    ("protocols.0.liquidation.waterfall", ["socialise", "fund"],
     "protocols.0.liquidation.waterfall: 'socialise' takes whatever is left, so it stands last"),
    ("protocols.0.liquidation.waterfall", ["fnd"], "protocols.0.liquidation.waterfall.0: input should be 'fund', 'vault'"),
    ("protocols.0.liquidation.rounds", 0, "protocols.0.liquidation.rounds: input should be greater than or equal to 1"),
    ("agents", [{"kind": "keeper", "name": "k", "count": 0}], "agents.0.count: input should be greater than or equal to 1"),
    # keys
    ("clock.durations", 5.0, r"clock.durations: unknown key 'durations'; did you mean 'duration'\?"),
    ("clocks", {}, r"scenario: clocks: unknown key 'clocks'; did you mean 'clock'\?"),
    ("protocols.0.liquidation.penalt", 0.1, r"liquidation.penalt: unknown key 'penalt'; did you mean 'penalty'\?"),
    ("venues.0.markets.0.sprd", 0.1, r"venues.0.markets.0.sprd: unknown key 'sprd'; did you mean 'spread'\?"),
    ("protocols.0.liquidation.adl", {"xyz": 1}, "adl.xyz: unknown key 'xyz'; allowed: price, rank, trigger"),
    ("name", del_, "scenario: name: missing; add this key"),
    ("protocols.0.venue", del_, "scenario: protocols.0.venue: missing; add this key"),
    ("assets", del_, "scenario: assets: missing; add this key"),
]  # fmt: skip


class TestMistakes:
    @pytest.mark.parametrize(("path", "value", "message"), MISTAKES)
    def test_a_mistake_is_told_with_its_key_and_what_is_allowed(self, path: str, value: Any, message: str) -> None:
        with pytest.raises(ScenarioError, match=message) as caught:
            Scenario.from_dict(changed(path, value))
        assert "\n" not in str(caught.value)

    def test_what_is_free_of_mistakes_is_taken(self) -> None:
        assert Scenario.from_dict(description()).name == "small"

    def test_an_initial_fraction_may_rise_from_no_open_notional_on_or_never(self) -> None:
        for upper in (0.0, 1e6):
            market = {"asset": "BTC", "oi_lower": 0.0, "oi_upper": upper}
            assert (
                Scenario.from_dict(changed("protocols.0.markets.0", market)).protocols[0].markets[0].oi_upper == upper
            )

    @pytest.mark.parametrize(
        ("key", "impact", "depth"),
        [
            ("off", {"enabled": False, "t0": 5.0}, {}),
            ("linear", {"exponent": 1.0, "t0": 5.0}, {"consumed": 0.0, "volatility_response": 0.0}),
            ("still depth", {"exponent": 0.8, "gamma": 0.4}, {"consumed": 0.0, "volatility_response": 0.0}),
        ],
    )
    def test_impact_that_cannot_be_pumped_is_taken(
        self, key: str, impact: dict[str, Any], depth: dict[str, Any]
    ) -> None:
        data = changed("venues.0.impact", impact)
        data["venues"][0]["depth"] = depth
        assert Scenario.from_dict(data).venues[0].impact.gamma == impact.get("gamma", 0.6), key

    def test_a_pool_has_no_kernel_to_be_pumped(self) -> None:
        data = changed("venues.+", POOL | {"impact": {"exponent": 0.3, "gamma": 0.2}})
        assert Scenario.from_dict(data).venues[-1].kind == "amm"

    def test_a_bridge_must_join_the_two_chains(self) -> None:
        data = changed("chains.+", {"name": "gamma"})
        data["bridges"].append({"name": "arch", "source": "gamma", "target": "beta"})
        data["protocols"][0]["collateral"][1]["bridge"] = "arch"
        with pytest.raises(ScenarioError, match="'arch' joins gamma and beta, not beta and alpha; name another"):
            Scenario.from_dict(data)

    @pytest.mark.parametrize(
        ("bridge", "message"),
        [
            (
                {"name": "arch", "source": "gamma", "target": "alpha"},
                r"bridges.1.target: 'arch' mints USDC on alpha as 'span' does; remove one, or name another asset",
            ),
            (
                {"name": "back", "source": "alpha", "target": "beta"},
                r"bridges.0: bridges mint the USDC of alpha out of itself in a circle; remove one",
            ),
        ],
    )
    def test_what_is_minted_has_one_lock_behind_it(self, bridge: dict[str, Any], message: str) -> None:
        data = changed("chains.+", {"name": "gamma"})
        data["bridges"].append(bridge)
        with pytest.raises(ScenarioError, match=message):
            Scenario.from_dict(data)
        data["bridges"][1]["asset"] = "ETH"
        assert len(Scenario.from_dict(data).bridges) == 2


class TestFiles:
    def test_an_unknown_name_is_told_the_nearest_shipped(self) -> None:
        with pytest.raises(ScenarioError, match=r"^crsh: no such scenario; did you mean 'crash'\? \(or give a path"):
            Scenario.load("crsh")

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(ScenarioError, match=r"gone.toml: cannot be read \(No such file or directory\); check the"):
            Scenario.load(tmp_path / "gone.toml")

    def test_a_file_that_is_no_text(self, tmp_path: Path) -> None:
        (tmp_path / "a.toml").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(ScenarioError, match=r"a.toml: cannot be read \(not UTF-8 text\)"):
            Scenario.load(tmp_path / "a.toml")

    def test_a_file_that_is_no_toml_names_the_line(self, tmp_path: Path) -> None:
        (tmp_path / "a.toml").write_text("name = 'a'\nseed = = 2\n")
        with pytest.raises(ScenarioError, match=r"a.toml: not valid TOML: .*line 2.*; mend the line it names"):
            Scenario.load(tmp_path / "a.toml")

    def test_a_bad_key_names_the_file(self, tmp_path: Path) -> None:
        (tmp_path / "a.toml").write_text("name = 'a'\nsed = 2\n")
        with pytest.raises(ScenarioError, match=r"a.toml: \w+"):
            Scenario.load(tmp_path / "a.toml")

    @pytest.mark.parametrize("name", SHIPPED)
    def test_a_scenario_read_back_from_its_toml_is_equal(self, name: str, tmp_path: Path) -> None:
        scenario = Scenario.load(name)
        (tmp_path / "again.toml").write_text(scenario.to_toml())
        assert Scenario.load(tmp_path / "again.toml") == scenario

    @pytest.mark.parametrize("name", SHIPPED)
    def test_the_json_schema_accepts_it_as_written_and_as_resolved(self, name: str) -> None:
        schema = Scenario.model_json_schema(by_alias=True)
        jsonschema.Draft202012Validator.check_schema(schema)
        written = tomllib.loads(shipped_scenarios()[name].read_text())
        for data in (written, Scenario.load(name).to_dict()):
            jsonschema.validate(json.loads(json.dumps(data)), schema)

    def test_the_json_schema_refuses_a_misspelt_key(self) -> None:
        with pytest.raises(jsonschema.ValidationError, match="durations"):
            jsonschema.validate(changed("clock.durations", 5.0), Scenario.model_json_schema(by_alias=True))


AGENTS = [
    {"kind": "keeper", "name": "kim", "params": {"protocol": "harbor", "capital": 1e5}},
    {"kind": "keeper", "name": "lee", "params": {"protocol": "harbor", "capital": 1e5}},
]


class TestOverride:
    def scenario(self) -> Scenario:
        return small_scenario(AGENTS)

    def test_a_dotted_key_changes_one_value_and_the_original_stays(self) -> None:
        scenario = self.scenario()
        assert scenario.override({"clock.duration": 7.0}).clock.duration == 7.0
        assert scenario.clock.duration == 300.0

    def test_members_of_lists_go_by_name_by_asset_or_by_position(self) -> None:
        new = self.scenario().override(
            {
                "protocols.harbor.mode": "isolated",
                "protocols.0.breach_price": "oracle",
                "venues.harbor-book.markets.ETH.depth": 5.0,
                "agents.lee.params.capital": 3.0,
                "protocols.harbor.collateral.1.haircut": 0.3,
            }
        )
        assert (new.protocols[0].mode, new.protocols[0].breach_price) == ("isolated", "oracle")
        assert [m.depth for m in new.venues[0].markets] == [2e7, 5.0]
        assert [a.params["capital"] for a in new.agents] == [1e5, 3.0]
        assert new.protocols[0].collateral[1].haircut == 0.3

    def test_a_list_that_is_set_is_not_changed_by_what_is_set_in_it(self) -> None:
        """A design's common `set` is used for every case."""
        agents = [a.model_dump(mode="json") for a in self.scenario().agents]
        before = self.scenario().override({"agents": agents, "agents.lee.cadence": 3.0})
        assert next(a for a in before.agents if a.name == "lee").cadence == 3.0
        assert all(a["cadence"] != 3.0 for a in agents)

    def test_a_star_changes_all_members(self) -> None:
        new = self.scenario().override({"agents.*.cadence": 3.0, "venues.*.markets.*.spread": 0.0})
        assert [a.cadence for a in new.agents] == [3.0, 3.0]
        assert {m.spread for v in new.venues for m in v.markets} == {0.0}

    def test_all_members_of_one_asset_change(self) -> None:
        data = description()
        data["venues"][0]["markets"].append({"asset": "BTC", "kind": "spot", "depth": 1.0})
        new = Scenario.from_dict(data).override({"venues.harbor-book.markets.BTC.spread": 0.5})
        assert [m.spread for m in new.venues[0].markets] == [0.5, 0.0002, 0.5]

    def test_a_whole_member_can_be_replaced(self) -> None:
        new = self.scenario().override({"protocols.harbor.markets.0": {"asset": "BTC", "imf": 0.5}})
        assert (new.protocols[0].markets[0].imf, new.protocols[0].markets[0].mmf) == (0.5, 0.03)

    def test_a_kinds_own_key_that_was_left_out_can_be_set(self) -> None:
        assert self.scenario().override({"agents.kim.params.bundle": 3}).agents[0].params["bundle"] == 3

    @pytest.mark.parametrize(
        ("key", "value", "message"),
        [
            ("clok.duration", 1.0, r"--set clok.duration: unknown key 'clok'; did you mean 'clock'\?"),
            ("clock.duratio", 1.0, r"--set: clock.duratio: unknown key 'duratio'; did you mean 'duration'\?"),
            ("protocols.harbr.mode", "cross", r"no member 'harbr'; did you mean 'harbor'\?"),
            ("venues.harbor-book.markets.SOL.depth", 1.0, r"no member 'SOL'; allowed: \*, BTC, ETH"),
            ("protocols.7.mode", "cross", r"no member '7'; allowed: \*, harbor"),
            ("clock.duration.x", 1.0, "'x' lies below a plain value; shorten the key"),
            ("chains.alpha.outages.0", [1.0, 2.0], "the list has no member, so no '0'; write one into the file"),
            ("clock", 5, "--set: clock: is a table of keys, and 5 is none; set one of its keys, clock.KEY"),
            ("clock.duration", "long", "--set: clock.duration: input should be a valid number, .*got 'long'"),
            ("protocols.harbor.venue", "nowhere", "protocols.0.venue: unknown name 'nowhere'"),
        ],
    )
    def test_a_key_that_is_not_there_is_told_its_neighbours(self, key: str, value: Any, message: str) -> None:
        with pytest.raises(ScenarioError, match=message):
            self.scenario().override({key: value})


@pytest.mark.parametrize(
    ("impact", "depth", "message"),
    [
        ({"exponent": 1.0, "t0": 5.0}, {}, r"venues.0.impact.t0: 5.0 s allows manipulation where depth moves"),
        ({}, {"refill": 5.0}, r"venues.0.depth.refill: 5.0 s lets makers return before impact has faded"),
    ],
)
def test_moving_depth_that_could_be_pumped_is_refused(
    impact: dict[str, Any], depth: dict[str, Any], message: str
) -> None:
    data = changed("venues.0.impact", impact)
    data["venues"][0]["depth"] = depth
    with pytest.raises(ScenarioError, match=message):
        Scenario.from_dict(data)
