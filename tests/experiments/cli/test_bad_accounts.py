"""Snapshots of accounts that are wrong, as `--accounts` takes them."""

from pathlib import Path

import polars as pl
import pytest

from tests.experiments.cli.command_line import Answer, crossfire, refused

pytestmark = pytest.mark.xdist_group("cli")

GOOD = """account,owner,mode,cash,market,size,entry,coin:ETH@alpha
101,1,cross,4000,BTC,0.2,60000,1.5
101,1,cross,4000,ETH,-1.0,3000,1.5
102,1,isolated,900,ETH,1.0,3000,0
900,900,system,100000,BTC,-0.2,60000,0
"""


def opened(world: Path, text: str) -> Answer:
    """Run a few seconds of the scenario with these accounts in the place of its cohort."""
    Path("book.csv").write_text(text)
    few = ("--set", "clock.duration=10", "--set", "prices.shocks=[]")
    return crossfire("run", world, *few, "--accounts", "book.csv", "--out", "out")


def test_good_accounts_take_the_place_of_the_cohort(world: Path) -> None:
    answer = opened(world, GOOD)
    assert (answer.code, answer.err) == (0, "")
    accounts = pl.read_parquet("out/accounts.parquet").filter(pl.col("cohort") == "snapshot")
    assert set(accounts["account"]) == {101, 102}
    assert "retail" not in set(pl.read_parquet("out/accounts.parquet")["cohort"])


FAULTS = {
    "sizes that do not cancel": ("-0.2,60000", "-0.1,60000", ["BTC", "sum to", "system"]),
    "a misspelt column": ("entry", "entri", ["unknown column 'entri'", "did you mean 'entry'?"]),
    "a column missing": (",cash,", ",wallet,", ["no column 'cash'"]),
    "no number": ("0.2,60000", "some,60000", ["row 1", "size"]),
    "not finite": ("0.2,60000", "nan,60000", ["row 1", "size"]),
    "a market that is not there": (
        ",ETH,",
        ",EHT,",
        ["row 2", "no protocol has a market 'EHT'", "did you mean 'ETH'?"],
    ),
    "a market of one row only": (
        "102,1,isolated,900,ETH,1.0",
        "102,1,isolated,900,ETHX,3.0",
        ["row 3", "'ETHX'", "'ETH'?"],
    ),
    "a position twice": ("4000,ETH", "4000,BTC", ["BTC"]),
    "a mode that is none": ("isolated", "alone", ["row 3", "alone"]),
    "a coin that is not taken": ("coin:ETH@alpha", "coin:DOGE@alpha", ["DOGE@alpha"]),
    "rows that contradict": ("101,1,cross,4000,ETH", "101,1,cross,5000,ETH", ["101"]),
    "less than nothing": ("900,ETH,1.0,3000", "900,ETH,1.0,9000", ["account 102", "equity"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_with_the_file(fault: str, world: Path) -> None:
    old, new, told = FAULTS[fault]
    assert old in GOOD
    refused(opened(world, GOOD.replace(old, new)), "book.csv", *told)
    assert not Path("out").exists()


def test_files_that_are_no_snapshot_are_told(world: Path) -> None:
    run = ("run", world, "--out", "out", "--accounts")
    refused(crossfire(*run, "none.csv"), "none.csv", "no such file", "check the path")
    Path("book.txt").write_text(GOOD)
    refused(crossfire(*run, "book.txt"), "book.txt", "suffix '.txt'")
    Path("cut.parquet").write_bytes(b"PAR1 and no more")
    refused(crossfire(*run, "cut.parquet"), "cut.parquet", "cannot be read")
    refused(opened(world, GOOD.splitlines()[0] + "\n"), "book.csv", "has no rows")


def test_a_world_without_a_cohort_cannot_take_accounts(world: Path) -> None:
    text = world.read_text()
    Path("empty.toml").write_text(text[: text.index("[[agents]]")])
    Path("book.csv").write_text(GOOD)
    refused(crossfire("run", "empty.toml", "--accounts", "book.csv"), "--accounts", "no cohort", "add one")


def test_a_snapshots_own_keys_are_validated_without_its_file(world: Path) -> None:
    text = world.read_text().replace('kind = "cohort"', 'kind = "snapshot"')
    begin, end = text.index("accounts = 400"), text.index('[[agents]]\nkind = "keeper"')
    Path("book.toml").write_text(text[:begin] + 'file = "later.csv"\n' + text[end:])
    assert crossfire("validate", "book.toml").code == 0
    Path("bad.toml").write_text(text[:begin] + 'file = "later.csv"\ntrade = 3.0\n' + text[end:])
    refused(crossfire("validate", "bad.toml"), "agents.retail.params.trade", "did you mean 'trades'?")
