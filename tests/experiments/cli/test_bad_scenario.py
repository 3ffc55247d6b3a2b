"""Scenarios, keys and values that are wrong: each is one line that says what, where, and what to do."""

from pathlib import Path

import pytest

from abm.scenario import shipped_scenarios
from tests.experiments.cli.command_line import crossfire, refused

pytestmark = pytest.mark.xdist_group("cli")


def test_an_unknown_scenario_is_told_the_near_one() -> None:
    refused(crossfire("run", "calmm"), "calmm", "no such scenario", "did you mean 'calm'?")
    refused(crossfire("validate", "calmm"), "did you mean 'calm'?")
    refused(crossfire("run", "zzz"), *shipped_scenarios())
    refused(crossfire("run", "missing.toml"), "missing.toml", "No such file", "check the path")
    refused(crossfire("run", "."), "no such scenario")


def test_a_file_without_the_suffix_is_told_how_to_be_called(world: Path) -> None:
    Path("bay").write_text(world.read_text())
    refused(crossfire("validate", "bay"), "bay: this file's name does not end in .toml", "rename it to bay.toml")


def test_a_seed_that_is_no_seed_is_told_by_its_option(world: Path) -> None:
    for seed in ("-1", str(2**63)):
        refused(crossfire("run", world, "--seed", seed, "--out", "out"), "--seed", seed)
    assert list(Path().iterdir()) == []


EDITS = {
    "misspelt key": (
        "haircut = 0.1",
        "haircutt = 0.1",
        ["protocols.0.collateral.0.haircutt", "did you mean 'haircut'"],
    ),
    "misspelt section": ("[clock]", "[clok]", ["clok", "did you mean 'clock'?"]),
    "misspelt optional key of a kind": (
        "leverage = 6.0",
        "levrage = 6.0",
        ["bad.toml: agents.retail", "did you mean 'leverage'"],
    ),
    "misspelt kind": (
        'kind = "keeper"',
        'kind = "kepeer"',
        ["bad.toml: agents.keepers.kind", "did you mean 'keeper'?"],
    ),
    "misspelt name": ('oracle = "feed"', 'oracle = "fed"', ["protocols.0.oracle", "did you mean 'feed'?"]),
    "misspelt choice": ('mode = "cross"', 'mode = "crss"', ["protocols.0.mode", "'cross' or 'isolated'", "'crss'"]),
    "a kind's name of a protocol": ('protocol = "harbor"', 'protocol = "harbour"', ["did you mean 'harbor'?"]),
    "a kind's coin": ('asset = "ETH", accounts', 'asset = "EHT", accounts', ["takes no EHT@alpha", "ETH@alpha"]),
    "out of range": ("duration = 1800.0", "duration = -3", ["clock.duration", "greater than 0", "-3"]),
    "out of a kind's range": ("leverage = 6.0", "leverage = -6.0", ["retail.params.leverage", "greater than 0"]),
    "not a number": ("price = 60000.0", "price = nan", ["assets.1.price", "finite"]),
    "text for a number": ("depth = 2.0e6", 'depth = "much"', ["venues.0.markets.0.depth", "'much'"]),
    "margins out of order": ("imf = 0.04, mmf = 0.02", "imf = 0.02, mmf = 0.04", ["mmf 0.04 exceeds imf 0.02"]),
    "a key missing": ('oracle = "feed"\n', "\n", ["protocols.0.oracle", "missing", "add this key"]),
    "a name twice": ('name = "exchange"', 'name = "book"', ["the name 'book' is used twice"]),
    "a span backwards": ("finality = 5.0", "outages = [[9, 3]]", ["chains.0.outages", "9.0 is not before to 3.0"]),
    "a shock of minus all": ("move = -0.12", "move = -1.0", ["prices.shocks.0.move", "greater than -1"]),
    "a table for a list of tables": ("[[oracles]]", "[oracles]", ["bad.toml: oracles", "write [[oracles]]"]),
    "a list of tables for a table": ("[clock]", "[[clock]]", ["bad.toml: clock", "write [clock]"]),
    "a word for a list": (
        'sources = ["exchange"]',
        'sources = "exchange"',
        ["oracles.0.sources", "write sources = [...]"],
    ),
    "no TOML": ("seed = 1 ", "seed = = 1 ", ["not valid TOML", "line"]),
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("command", [("validate",), ("run", "--out", "out")], ids=["validate", "run"])
def test_a_mistake_in_a_file_is_told(edit: str, command: tuple[str, ...], world: Path) -> None:
    old, new, told = EDITS[edit]
    text = world.read_text()
    assert old in text
    Path("bad.toml").write_text(text.replace(old, new))
    refused(crossfire(*command, "bad.toml"), *told)
    assert [p.name for p in Path().iterdir()] == ["bad.toml"]


def test_a_file_that_is_no_text_is_told() -> None:
    Path("bad.toml").write_bytes(b"\xff\xfe\x00")
    refused(crossfire("validate", "bad.toml"), "bad.toml", "not UTF-8 text")


SETS = {
    "clock.durration=600": ["clock.durration", "did you mean 'duration'?"],
    "clok.duration=600": ["clok", "did you mean 'clock'?"],
    "protocols.harber.mode=isolated": ["no member 'harber'", "did you mean 'harbor'?"],
    "agents.keepers.params.captial=1e6": ["agents.keepers", "did you mean 'capital'?"],
    "prices.shocks.7.move=-0.1": ["no member '7'", "news"],
    "clock.duration.long=1": ["'long' lies below a plain value"],
    "clock=3": ["clock", "3 is none", "clock.KEY"],
    "clock.duration=-3": ["clock.duration", "greater than 0", "got -3"],
    "clock.duration=nan": ["clock.duration", "finite"],
    "clock.duration=soon": ["clock.duration", "'soon'"],
    "protocols.*.mode=crss": ["protocols.0.mode", "'crss'"],
    "protocols.harbor.markets.BTC.mmf=0.5": ["mmf 0.5 exceeds imf 0.04"],
    "agents.keepers.kind=nowhere:Keeper": ["agents.keepers.kind", "nowhere"],
    "seed=-1": ["seed", "-1"],
    "clock.duration": ["not of the form key=value"],
    "=600": ["not of the form key=value"],
}


@pytest.mark.parametrize("change", SETS)
def test_a_mistake_in_set_is_told(change: str, world: Path) -> None:
    refused(crossfire("run", world, "--set", change, "--out", "out"), *SETS[change])
    assert list(Path().iterdir()) == []


def test_validate_answers_in_json_too(world: Path) -> None:
    import json

    Path("bad.toml").write_text(world.read_text().replace("[clock]", "[clok]"))
    answer = crossfire("validate", "bad.toml", "--json")
    assert (answer.code, answer.err) == (2, "")
    told = json.loads(answer.out)
    assert (told["valid"], told["name"]) == (False, None)
    assert "did you mean 'clock'?" in told["error"]


def test_a_world_that_memory_cannot_hold_is_told(world: Path) -> None:
    refused(crossfire("run", world, "--set", "clock.duration=1e15", "--out", "out"), "not enough memory", "duration")
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["9lives"], ["9lives", "not a name", "beginning with a letter"]),
        (["a world"], ["a world", "not a name"]),
        (["bay", "--out", "bay.txt"], ["bay.txt", "not a .toml file", "name it bay.txt.toml"]),
        (["bay", "--out", "nowhere/bay.toml"], ["nowhere/bay.toml", "cannot be written", "No such file"]),
        (["there"], ["there.toml", "exists", "choose another name"]),
    ],
)
def test_new_refuses_what_it_cannot_write(words: list[str], told: list[str]) -> None:
    Path("there.toml").write_text("mine")
    refused(crossfire("new", *words), *told)
    assert [(p.name, p.read_text()) for p in Path().iterdir()] == [("there.toml", "mine")]


@pytest.mark.parametrize(
    ("old", "new", "near"),
    [
        ('oracle = "feed"', 'orcale = "feed"', "did you mean 'oracle'?"),
        ("accounts = 400", "acounts = 400", "did you mean 'accounts'?"),
    ],
)
def test_a_misspelt_key_that_is_needed_is_told_the_near_one(old: str, new: str, near: str, world: Path) -> None:
    Path("bad.toml").write_text(world.read_text().replace(old, new))
    refused(crossfire("validate", "bad.toml"), near)


def test_a_mistake_of_an_inhabitant_given_by_set_is_not_laid_to_the_file(world: Path) -> None:
    answer = crossfire("run", world, "--set", "agents.retail.params.leverage=-6.0", "--out", "out")
    refused(answer, "error: --set: agents.retail.params.leverage", "greater than 0")
