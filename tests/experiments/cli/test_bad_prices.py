"""Files of bars that are wrong, as `--prices` takes them."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import tomli_w

from tests.experiments.cli.command_line import Answer, crossfire, refused

pytestmark = pytest.mark.xdist_group("cli")

SECONDS = 40
START = 1_760_124_000


def bars(**changes: object) -> pl.DataFrame:
    """One-second bars of both coins of the commented scenario; `changes` replace columns of both."""
    time = list(range(START, START + SECONDS))
    coins = [
        pl.DataFrame({"time": time, "venue": "one", "symbol": s, "open": p, "close": p})
        for s, p in (("BTCUSDT", 60000.0), ("ETHUSDT", 3000.0))
    ]
    return pl.concat(coins).with_columns(**{k: pl.lit(v) for k, v in changes.items()})


@pytest.fixture
def replay(world: Path) -> Callable[[pl.DataFrame | Path], Answer]:
    """Run half a minute of the scenario over bars."""

    def run(file: pl.DataFrame | Path) -> Answer:
        if isinstance(file, pl.DataFrame):
            file.write_csv("bars.csv")
            file = Path("bars.csv")
        few = ("clock.duration=30", "agents.retail.params.accounts=20", "prices.kind=replay")
        few += ("prices.shocks=[]", "prices.venue_noise=0")
        return crossfire("run", world, *(w for c in few for w in ("--set", c)), "--prices", file, "--out", "out")

    return run


def without(frame: pl.DataFrame, symbol: str, first: int, last: int) -> pl.DataFrame:
    """The bars without a coin's seconds from `first` to `last`."""
    gone = (pl.col("symbol") == symbol) & pl.col("time").is_between(START + first, START + last)
    return frame.filter(~gone)


def test_good_bars_are_replayed(replay: Callable[..., Answer]) -> None:
    answer = replay(bars())
    assert (answer.code, answer.err) == (0, "")
    last = pl.read_parquet("out/markets.parquet").filter(pl.col("venue") == "exchange")
    assert set(last["exogenous"]) == {60000.0, 3000.0}


def test_a_hole_is_told_with_its_series_its_time_and_the_key(replay: Callable[..., Answer], world: Path) -> None:
    few = ("clock.duration=30", "agents.retail.params.accounts=20", "prices.kind=replay", "prices.max_gap=8")
    without(bars(), "ETHUSDT", 5, 17).write_csv("bars.csv")
    words = [w for c in few for w in ("--set", c)]
    answer = crossfire("run", world, *words, "--prices", "bars.csv", "--out", "out")
    told = ["bars.csv", "ETHUSDT on one", "2025-10-10 19:20:05", "2025-10-10 19:20:18", "13 s", "prices.max_gap (8 s)"]
    refused(answer, *told)
    assert not Path("out").exists()


def swapped(frame: pl.DataFrame) -> pl.DataFrame:
    rows = list(range(len(frame)))
    rows[3], rows[4] = rows[4], rows[3]
    return frame[rows]


def with_close(value: float | None) -> pl.DataFrame:
    return bars().with_columns(close=pl.when(pl.col("time") == START + 7).then(value).otherwise(pl.col("close")))


FAULTS = {
    "not a number": (with_close(float("nan")), ["BTCUSDT on one, row 8", "close is nan", "above zero"]),
    "negative": (with_close(-5.0), ["row 8", "close is -5", "above zero"]),
    "empty cell": (with_close(None), ["row 8", "close"]),
    "unsorted": (swapped(bars()), ["row 5", "comes after", "sort the bars by time"]),
    "twice": (pl.concat([bars()[:5], bars()[4:]]), ["row 6", "is there twice"]),
    "infinite": (with_close(float("inf")), ["row 8", "close is inf", "above zero"]),
    "no close": (bars().rename({"close": "Close"}), ["no column 'close'"]),
    "misspelt time": (bars().rename({"time": "tiem"}), ["no column 'time'", "tiem"]),
    "a coin missing": (bars().filter(pl.col("symbol") != "ETHUSDT"), ["no series of ETH", "it has BTCUSDT"]),
    "no rows": (bars().clear(), ["has no rows"]),
    "unreadable time": (bars().with_columns(time=pl.lit("noon")), ["row 1", "time"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_with_file_and_row(fault: str, replay: Callable[..., Answer]) -> None:
    frame, told = FAULTS[fault]
    refused(replay(frame), "bars.csv", *told)
    assert not Path("out").exists()


def test_a_file_that_is_no_table_is_told(replay: Callable[..., Answer]) -> None:
    refused(replay(Path("none.csv")), "none.csv", "no such file")
    Path("bars.xlsx").write_text("x")
    refused(replay(Path("bars.xlsx")), "bars.xlsx", "unknown ending '.xlsx'", ".parquet or .csv")
    Path("cut.parquet").write_bytes(b"PAR1 and no more")
    refused(replay(Path("cut.parquet")), "cut.parquet", "cannot be read")
    Path("empty.csv").write_text("")
    refused(replay(Path("empty.csv")), "empty.csv", "cannot be read")
    Path("latin.csv").write_bytes("time,symbol,close,note\n1760124000,BTC,1.0,caf\xe9\n".encode("latin-1"))
    refused(replay(Path("latin.csv")), "latin.csv", "cannot be read", "utf-8")
    Path("folder.csv").mkdir()
    refused(replay(Path("folder.csv")), "folder.csv", "is a folder", ".parquet or .csv")
    bars().write_parquet("cut.parquet")
    Path("cut.parquet").write_bytes(Path("cut.parquet").read_bytes()[:500])
    refused(replay(Path("cut.parquet")), "cut.parquet", "cannot be read")
    Path("twin.csv").write_text("time,time,symbol,close\n1,1,BTC,2\n")
    refused(replay(Path("twin.csv")), "twin.csv", "two columns 'time'", "remove or rename one")
    bars().with_columns(close=pl.concat_list("close")).write_parquet("nested.parquet")
    refused(replay(Path("nested.parquet")), "nested.parquet", "column 'close' holds List", "one plain value a row")
    Path("plain.csv").write_text("1760124000,1,2,3\n")
    refused(replay(Path("plain.csv")), "plain.csv", "no header and 4 columns", "klines have 12")


def klines(unit: int, damaged: int = -1) -> str:
    """Forty seconds of one coin as exchanges publish them, in units of a second."""
    times = ["abc" if i == damaged else str((START + i) * unit) for i in range(SECONDS)]
    return "".join(f"{t},{60000 + i},1,1,{60000 + i},1,0,1,1,1,1,0\n" for i, t in enumerate(times))


def one_coin(world: Path) -> Path:
    """The commented scenario without ETH."""
    data = tomllib.loads(world.read_text())
    data["assets"] = [a for a in data["assets"] if a["name"] != "ETH"]
    harbor = data["protocols"][0]
    for piece, key in [*((venue, "markets") for venue in data["venues"]), (harbor, "markets"), (harbor, "collateral")]:
        piece[key] = [m for m in piece[key] if m["asset"] != "ETH"]
    for agent in data["agents"]:
        agent["params"].pop("coins", None)
    data |= {"clock": {"duration": 30.0}, "prices": {"kind": "replay"}}
    Path("coin.toml").write_text(tomli_w.dumps(data))
    return Path("coin.toml")


def test_klines_in_milliseconds_and_in_microseconds_are_the_same_prices(world: Path) -> None:
    scenario, found = one_coin(world), []
    for unit in (1_000, 1_000_000):
        Path("BTCUSDT-1s.csv").write_text(klines(unit))
        for kind in ("replay", "bootstrap"):
            few = ("--set", f"prices.kind={kind}", "--set", "prices.block=10", "--set", "record.markets=5")
            answer = crossfire("run", scenario, *few, "--prices", "BTCUSDT-1s.csv", "--out", f"{kind}-{unit}")
            assert (answer.code, answer.err) == (0, "")
            found.append(pl.read_parquet(f"{kind}-{unit}/markets.parquet")["exogenous"].to_list())
    assert found[0] == found[2]
    assert found[1] == found[3]
    assert set(found[0]) <= {60000.0 + i for i in range(SECONDS)}
    assert len(set(found[0])) == 7


def test_a_damaged_time_among_numbers_is_told_with_its_row(world: Path) -> None:
    Path("BTCUSDT-1s.csv").write_text(klines(1000, damaged=17))
    answer = crossfire("run", one_coin(world), "--prices", "BTCUSDT-1s.csv", "--out", "out")
    refused(answer, "BTCUSDT-1s.csv", "row 18 has no readable time")


def test_a_run_longer_than_its_bars_is_told(world: Path) -> None:
    bars().write_csv("bars.csv")
    words = ("--set", "prices.kind=replay", "--set", "clock.duration=3600", "--prices", "bars.csv", "--out", "out")
    refused(crossfire("run", world, *words), "covers 40 s", "needs 3600 s", "shorten the run")


def test_prices_that_the_scenario_would_not_read_are_told(world: Path) -> None:
    refused(crossfire("run", world, "--prices", "bars.csv"), "--prices bars.csv", "reads no file", "prices.kind")
    refused(crossfire("run", world, "--set", "prices.kind=replay"), "prices.file", "missing", "--prices")
    refused(crossfire("run", "october-2025"), "prices.file", "missing", "--prices")
    assert not Path("results").exists()
