"""A snapshot of accounts in a small world."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from abm.errors import AccountsFileError, ScenarioError
from abm.model import CrossMarginModel
from abm.record import Record
from agents.snapshot import Snapshot, to_snapshot
from tests.agents.worlds import fall, small_world

HEADER = "account,owner,mode,cash,market,size,entry,wallet,coin:ETH@alpha,coin:USDC@beta\n"
ROWS = """\
11,1,cross,1000,BTC,0.1,45000,250,1,0
11,1,cross,1000,ETH,-1.5,2100,250,1,0
12,1,isolated,3000,BTC,-0.5,52000,50,0,0
13,3,named,-400,ETH,2.5,1500,0,0,400
14,4,cross,77,,,,0,0,0
99,99,system,50000,BTC,0.4,49000,0,0,0
99,99,system,50000,ETH,-1,1900,0,0,0
"""
QUIET = {"trades": 0.0, "deleverage": 0.0, "stop_rate": 0.0, "top_ups": 0.0}


def snapshot(path: Path, **params: Any) -> dict[str, Any]:
    return {"kind": "snapshot", "name": "file", "params": {"protocol": "harbor", "file": str(path)} | params}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "accounts.csv"
    file.write_text(HEADER + ROWS)
    return file


def change(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def opened(model: CrossMarginModel) -> Snapshot:
    (agent,) = model.inhabitants
    assert isinstance(agent, Snapshot)
    return agent


class TestOpening:
    def test_ids_owners_and_modes_are_kept(self, path: Path) -> None:
        agent = opened(small_world([snapshot(path)]))
        ledger = agent.target.ledger
        rows = ledger.rows(np.array([11, 12, 13, 14]))
        assert agent.ids.tolist() == [11, 12, 13, 14]
        assert ledger.owner[rows].tolist() == [1, 1, 3, 4]
        assert ledger.mode[rows].tolist() == [0, 1, 2, 0]

    def test_equity_is_cash_and_profit_since_entry_and_coins(self, path: Path) -> None:
        agent = opened(small_world([snapshot(path)]))
        p = agent.target
        equity = p.engine.assess(p.ledger, p.terms, p.ledger.rows(agent.ids)).equity
        assert equity.tolist() == pytest.approx(
            [1000 + 0.1 * 5000 + 1.5 * 100 + 2000, 3000 + 0.5 * 2000, -400 + 2.5 * 500 + 400, 77.0]
        )

    def test_system_accounts_are_the_street(self, path: Path) -> None:
        p = opened(small_world([snapshot(path)])).target
        street = np.array([p.street])
        assert [float(p.ledger.size(street, m)[0]) for m in (0, 1)] == pytest.approx([0.4, -1.0])
        assert float(p.engine.assess(p.ledger, p.terms, street).equity[0]) == pytest.approx(50_000 + 400 - 100)
        assert 99 not in p.ledger.id

    def test_idle_wallets_are_those_of_the_owners(self, path: Path) -> None:
        agent = opened(small_world([snapshot(path)]))
        treasury = agent.target.treasury
        assert treasury.balance[treasury.owner(1), treasury.token("USDC", "alpha")] == 300.0
        there = opened(small_world([snapshot(path, wallet_chain="beta")])).target.treasury
        assert there.balance[there.owner(1), there.token("USDC", "beta")] == 300.0

    def test_money_and_positions_add_up_from_the_first_moment(self, path: Path) -> None:
        p = opened(small_world([snapshot(path)])).target
        assert max(abs(e) for e in p.errors().values()) < 1e-12
        assert float(np.max(np.abs(p.treasury.errors()))) < 1e-12

    def test_the_accounts_live_and_money_is_conserved(self, path: Path) -> None:
        busy = snapshot(path, trades=3000.0, top_ups=3000.0) | {"cadence": 10.0}
        model = small_world([busy], prices=fall(-0.1))
        model.run()
        assert opened(model).actions > 0
        assert max(model.audits.values()) < 1e-12

    def test_a_cohort_of_the_file_alone_and_the_rest_of_the_market_once(self, path: Path) -> None:
        lines = path.read_text().splitlines()
        names = ["cohort", "a", "a", "b", "b", "b", "", ""]
        path.write_text("\n".join(f"{n},{line}" for n, line in zip(names, lines, strict=True)) + "\n")
        whole = small_world([snapshot(path)]).world.protocols["harbor"]
        parts = [
            snapshot(path, cohort=name, rest=name == "b") | {"name": name} for name in ("a", "b")
        ]  # fmt: skip
        model = small_world(parts)
        p = model.world.protocols["harbor"]
        assert [agent.ids.tolist() for agent in model.inhabitants] == [[11], [12, 13, 14]]
        ids = np.sort([11, 12, 13, 14, p.street_id])
        one, two = (ledger.quote[ledger.rows(ids)].tolist() for ledger in (whole.ledger, p.ledger))
        assert two == pytest.approx(one)
        assert max(abs(e) for e in model.world.audit().values()) < 1e-12

    def test_rows_of_other_protocols_are_left_to_others(self, path: Path) -> None:
        lines = path.read_text().splitlines()
        names = ["protocol", *["harbor"] * 7]
        path.write_text("\n".join(f"{n},{line}" for n, line in zip(names, lines, strict=True)) + "\n")
        assert len(opened(small_world([snapshot(path)])).ids) == 4


@pytest.fixture(scope="module")
def crowd() -> Record:
    """What a cohort in a mild fall leaves."""
    cohort = {
        "kind": "cohort", "name": "retail", "cadence": 10.0,
        "params": {
            "protocol": "harbor", "accounts": 200, "leverage": 4.0,
            "coins": [{"asset": "ETH", "accounts": 0.3, "part": 0.5}],
        },
    }  # fmt: skip
    model = small_world([cohort], prices=fall(-0.03), clock={"duration": 120.0})
    model.run()
    return model.record()


class TestRoundTrip:
    @pytest.mark.parametrize("suffix", ["csv", "parquet"])
    def test_a_runs_first_accounts_have_the_same_equities_again(
        self, crowd: Record, tmp_path: Path, suffix: str
    ) -> None:
        frame = to_snapshot(crowd, "start")
        path = tmp_path / f"accounts.{suffix}"
        frame.write_csv(path) if suffix == "csv" else frame.write_parquet(path)
        model = small_world([snapshot(path, **QUIET)], clock={"duration": 1.0})
        model.run()
        columns = ["account", "owner", "mode", "positions", "notional", "equity", "mm"]
        first, again = (
            r["accounts"].filter(pl.col("time") == 0.0, pl.col("mode") != "system").select(columns)
            for r in (crowd, model.record())
        )
        assert again.drop("notional", "equity", "mm").equals(first.drop("notional", "equity", "mm"))
        for name in ("notional", "equity", "mm"):
            assert again[name].to_numpy() == pytest.approx(first[name].to_numpy(), rel=1e-9)

    def test_the_last_accounts_are_a_snapshot_too(self, crowd: Record, tmp_path: Path) -> None:
        to_snapshot(crowd).write_parquet(tmp_path / "accounts.parquet")
        lower = {"assets.BTC.price": 48_500.0, "assets.ETH.price": 1940.0}
        model = small_world([snapshot(tmp_path / "accounts.parquet", **QUIET)], lower)
        last = crowd["accounts"].filter(pl.col("time") == 120.0, pl.col("mode") != "system")
        assert opened(model).ids.tolist() == last["account"].to_list()


class TestErrors:
    def test_an_unknown_market_is_named(self, path: Path) -> None:
        text = path.read_text().replace("BTC", "BCT")
        path.write_text(text)
        with pytest.raises(AccountsFileError, match=r"row 1: no protocol has a market 'BCT'; did you mean 'BTC'\?"):
            small_world([snapshot(path)])

    def test_an_unknown_collateral_is_named(self, path: Path) -> None:
        change(path, "coin:ETH@alpha", "coin:ETH@alfa")
        with pytest.raises(
            AccountsFileError, match=r"row 1: harbor takes no ETH@alfa; did you mean 'coin:ETH@alpha'\?"
        ):
            small_world([snapshot(path)])

    def test_a_collateral_that_nobody_holds_is_no_matter(self, path: Path) -> None:
        change(path, "coin:USDC@beta", "coin:USDC@gamma")
        change(path, "1500,0,0,400", "1500,0,0,0")
        change(path, "named,-400", "named,400")
        assert len(opened(small_world([snapshot(path)])).ids) == 4

    def test_an_account_with_less_than_nothing_is_named(self, path: Path) -> None:
        change(path, "12,1,isolated,3000", "12,1,isolated,-1100")
        with pytest.raises(
            AccountsFileError, match=r"account 12 has an equity of -100.00 USD at the opening price; raise its cash"
        ):
            small_world([snapshot(path)])

    def test_a_cohort_that_the_file_has_not_is_named(self, path: Path) -> None:
        path.write_text(path.read_text().replace("account,", "cohort,account,").replace("\n1", "\nretail,1"))
        path.write_text(path.read_text().replace("\n99,", "\n,99,"))
        with pytest.raises(
            AccountsFileError, match=r"no account of cohort 'retial' in harbor; did you mean 'retail'\?"
        ):
            small_world([snapshot(path, cohort="retial")])

    def test_debts_that_nobody_can_have_lent_are_told(self, tmp_path: Path) -> None:
        path = tmp_path / "accounts.csv"
        path.write_text(HEADER + "1,1,cross,-9e6,,,,0,9000,0\n2,2,cross,7e6,,,,0,0,0\n")
        what = r"the accounts of harbor owe 900000.00 USD more than all others have; add the account that has lent it"
        with pytest.raises(AccountsFileError, match=what):
            small_world([snapshot(path)])
        path.write_text(HEADER + "1,1,cross,-9e6,,,,0,9000,0\n2,2,cross,9e6,,,,0,0,0\n")
        assert len(opened(small_world([snapshot(path)])).ids) == 2

    def test_an_account_that_is_there_already_is_named(self, path: Path) -> None:
        again = snapshot(path) | {"name": "again"}
        with pytest.raises(AccountsFileError, match="account 11 is there already in harbor; renumber it"):
            small_world([snapshot(path), again])

    def test_an_unknown_protocol_in_the_file_is_named(self, path: Path) -> None:
        lines = path.read_text().splitlines()
        names = ["protocol", *["harbour"] * 7]
        path.write_text("\n".join(f"{n},{line}" for n, line in zip(names, lines, strict=True)) + "\n")
        with pytest.raises(AccountsFileError, match="row 1: unknown protocol 'harbour'; did you mean 'harbor'"):
            small_world([snapshot(path)])

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(AccountsFileError, match=r"none.csv: no such file"):
            small_world([snapshot(tmp_path / "none.csv")])

    def test_a_file_is_needed(self) -> None:
        agent = {"kind": "snapshot", "name": "file", "params": {"protocol": "harbor"}}
        with pytest.raises(ScenarioError, match=r"agents.file.params.file: missing; add this key"):
            small_world([agent])
