"""Files of accounts: what is read, and each mistake by its message."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from abm.errors import AccountsFileError
from agents.accounts_file import read_accounts

HEADER = "account,cash,market,size,entry"


def written(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "accounts.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


class TestReading:
    def test_defaults_are_filled_in(self, tmp_path: Path) -> None:
        path = written(tmp_path, "7,100,BTC,0.5,40000", "8,-20,BTC,-0.5,41000", "9,5,,,")
        assert read_accounts(path).to_dicts() == [
            {
                "account": i,
                "protocol": "",
                "owner": i,
                "cohort": "",
                "mode": "cross",
                "cash": c,
                "market": m,
                "size": s,
                "entry": e,
            }
            | {"wallet": 0.0}
            for i, c, m, s, e in [
                (7, 100.0, "BTC", 0.5, 40000.0),
                (8, -20.0, "BTC", -0.5, 41000.0),
                (9, 5.0, "", 0.0, 0.0),
            ]
        ]

    def test_csv_and_parquet_read_alike(self, tmp_path: Path) -> None:
        path = written(
            tmp_path,
            "harbor,7,3,named,100,BTC,0.5,40000,12.5,2",
            "harbor,8,,system,20,BTC,-0.5,41000,,",
            header="protocol,account,owner,mode,cash,market,size,entry,wallet,coin:ETH@alpha",
        )
        frame = read_accounts(path)
        frame.write_parquet(tmp_path / "accounts.parquet")
        assert read_accounts(tmp_path / "accounts.parquet").equals(frame)
        assert frame["coin:ETH@alpha"].to_list() == [2.0, 0.0]
        assert frame["owner"].to_list() == [3, 8]

    def test_the_largest_ids_keep_every_digit(self, tmp_path: Path) -> None:
        path = written(tmp_path, f"{2**63 - 1},1,,,")
        assert read_accounts(path)["account"].to_list() == [2**63 - 1]

    def test_sizes_may_miss_zero_by_rounding(self, tmp_path: Path) -> None:
        path = written(tmp_path, "1,100,BTC,0.1,40000", "2,100,BTC,0.2,40000", "3,100,BTC,-0.30000000001,40000")
        assert len(read_accounts(path)) == 3


class TestFileErrors:
    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(AccountsFileError, match=rf"none.csv: no such file in {tmp_path}; check the path"):
            read_accounts(tmp_path / "none.csv")

    def test_a_folder_is_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(AccountsFileError, match="is a folder; check the path"):
            read_accounts(tmp_path)

    def test_another_suffix_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "accounts.txt").write_text(HEADER)
        with pytest.raises(AccountsFileError, match=r"has the suffix '.txt'; give a .parquet or .csv file"):
            read_accounts(tmp_path / "accounts.txt")

    def test_a_damaged_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "accounts.parquet").write_bytes(b"PAR1 but not really")
        with pytest.raises(AccountsFileError, match=r"accounts.parquet: cannot be read \(.+\); give a whole"):
            read_accounts(tmp_path / "accounts.parquet")

    def test_a_file_without_rows_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(AccountsFileError, match="has no rows; give a file with accounts"):
            read_accounts(written(tmp_path))

    @pytest.mark.parametrize(
        ("header", "message"),
        [
            ("acount,cash,market,size,entry", "unknown column 'acount'; did you mean 'account'?"),
            ("account,cash,market,size", "no column 'entry'; needed are account, cash, market, size, entry"),
            (HEADER + ",coin:ETH", "column 'coin:ETH' names no coin; write coin:ASSET@CHAIN"),
        ],
    )
    def test_columns_are_checked(self, tmp_path: Path, header: str, message: str) -> None:
        path = written(tmp_path, ",".join(["1"] * (header.count(",") + 1)), header=header)
        with pytest.raises(AccountsFileError) as caught:
            read_accounts(path)
        assert str(caught.value) == f"{path}: {message}"


class TestRowErrors:
    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("two,1,,,", "row 2: account two is no whole number below 2^63; write a number"),
            ("2.5,1,,,", "row 2: account 2.5 is no whole number below 2^63; write a number"),
            ("9223372036854775808,1,,,", "row 2: account 9223372036854775808 is no whole number below 2^63"),
            ("0,1,,,", "row 2: account 0 is not positive; number accounts and owners from 1"),
            (",1,,,", "row 2: account is missing; fill it in"),
            ("2,,,,", "row 2: cash is missing; fill it in"),
            ("2,a lot,,,", "row 2: cash a lot is no number; write a number"),
            ("2,nan,,,", "row 2: cash nan is not finite; replace it or remove the row"),
            ("2,1,BTC,inf,40000", "row 2: size inf is not finite"),
            ("2,1,BTC,,40000", "row 2: size is missing; fill it in"),
            ("2,1,BTC,1,0", "row 2: entry 0.0 is not positive; give the mean entry price in USD"),
            ("2,1,,1,", "row 2: size 1.0 is in no market; name the market"),
        ],
    )
    def test_a_row_and_its_value_are_named(self, tmp_path: Path, line: str, message: str) -> None:
        path = written(tmp_path, "1,1,,,", line)
        with pytest.raises(AccountsFileError) as caught:
            read_accounts(path)
        assert str(caught.value).startswith(f"{path} {message}")

    def test_whole_numbers_in_parquet_must_be_whole(self, tmp_path: Path) -> None:
        row: dict[str, Any] = {"account": [1.5], "cash": [1.0], "market": [""], "size": [0.0], "entry": [0.0]}
        pl.DataFrame(row).write_parquet(tmp_path / "accounts.parquet")
        with pytest.raises(AccountsFileError, match=r"row 1: account 1.5 is no whole number"):
            read_accounts(tmp_path / "accounts.parquet")

    @pytest.mark.parametrize(
        ("column", "value", "message"),
        [
            ("mode", "isolate", "row 1: mode isolate is no mode; did you mean 'isolated'?"),
            ("wallet", "-1", "row 1: wallet -1.0 is negative; debts belong into cash"),
            ("coin:ETH@alpha", "-2", "row 1: coin:ETH@alpha -2.0 is negative; debts belong into cash"),
            ("owner", "-5", "row 1: owner -5 is not positive; number accounts and owners from 1"),
        ],
    )
    def test_optional_columns_are_checked_too(self, tmp_path: Path, column: str, value: str, message: str) -> None:
        path = written(tmp_path, f"1,1,,,,{value}", header=f"{HEADER},{column}")
        with pytest.raises(AccountsFileError) as caught:
            read_accounts(path)
        assert str(caught.value) == f"{path} {message}"


class TestAccountErrors:
    def test_a_position_twice_is_refused(self, tmp_path: Path) -> None:
        path = written(tmp_path, "1,1,BTC,1,40000", "2,1,BTC,-2,40000", "1,1,BTC,1,40000")
        with pytest.raises(AccountsFileError, match="row 3: account 1 has BTC twice; add the two rows up into one"):
            read_accounts(path)

    def test_two_rows_without_a_market_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(AccountsFileError, match="row 2: account 1 has no market twice"):
            read_accounts(written(tmp_path, "1,1,,,", "1,1,,,"))

    def test_an_isolated_account_has_one_position(self, tmp_path: Path) -> None:
        path = written(
            tmp_path, "1,1,BTC,1,40000,isolated", "2,1,BTC,-1,4,cross", "1,1,ETH,1,2000,isolated", "2,1,ETH,-1,4,cross",
            header=HEADER + ",mode",
        )  # fmt: skip
        with pytest.raises(
            AccountsFileError, match="row 3: account 1 is isolated and has a second position; give each"
        ):
            read_accounts(path)

    @pytest.mark.parametrize("column", ["owner", "mode", "wallet", "coin:ETH@alpha"])
    def test_rows_of_an_account_agree(self, tmp_path: Path, column: str) -> None:
        values = ("cross", "named") if column == "mode" else ("3", "4")
        path = written(
            tmp_path, f"1,1,BTC,1,40000,{values[0]}", f"2,1,BTC,-1,40000,{values[0]}", f"1,1,ETH,0,2000,{values[1]}",
            header=f"{HEADER},{column}",
        )  # fmt: skip
        with pytest.raises(
            AccountsFileError, match=f"row 3: account 1 has another {column} on an earlier row; give one {column} an"
        ):
            read_accounts(path)

    def test_cash_is_that_of_the_account(self, tmp_path: Path) -> None:
        path = written(tmp_path, "1,1,BTC,0,40000", "1,2,ETH,0,2000")
        with pytest.raises(AccountsFileError, match="row 2: account 1 has another cash on an earlier row"):
            read_accounts(path)

    def test_sizes_that_do_not_sum_to_zero_are_refused_with_what_is_missing(self, tmp_path: Path) -> None:
        path = written(tmp_path, "1,1,BTC,1.5,40000", "2,1,BTC,-1,40000")
        with pytest.raises(
            AccountsFileError,
            match=r"accounts.csv: sizes of BTC sum to 0.5 coins, not to zero; add the counterparties, e.g. one account"
            r" of mode system with -0.5",
        ):
            read_accounts(path)

    def test_a_market_that_no_protocol_has_is_told_before_sums(self, tmp_path: Path) -> None:
        path = written(tmp_path, "1,1,ETH,3,2000", "2,1,ETHX,-3,2000")
        with pytest.raises(AccountsFileError, match=r"row 2: no protocol has a market 'ETHX'; did you mean 'ETH'\?"):
            read_accounts(path, {"BTC", "ETH"})

    def test_sizes_sum_to_zero_in_each_protocol(self, tmp_path: Path) -> None:
        path = written(tmp_path, "1,1,BTC,1,4,a", "1,1,BTC,-1,4,b", header=HEADER + ",protocol")
        with pytest.raises(AccountsFileError, match="sizes of a BTC sum to 1 coins"):
            read_accounts(path)
