"""A snapshot: the accounts of a user's file, opened as they are, which then behave like a crowd.

Accounts of mode `system` in the file are the rest of the market: what they hold goes to the protocol's street.
"""

from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from abm.errors import AccountsFileError, nearest
from abm.ledger import MODES
from abm.model import CrossMarginModel
from abm.protocol.protocol import Protocol
from abm.protocol.subaccounts import stand
from agents.accounts_file import COIN, coin_columns, read_accounts
from agents.cohort import Crowd, CrowdParams
from agents.run_accounts import to_snapshot

__all__ = ["Snapshot", "SnapshotParams", "read_accounts", "to_snapshot"]

ROUNDING = 1e-9
"""Part of an account's notional that its equity may lie below zero by rounding."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class SnapshotParams(CrowdParams):
    """Keys of a snapshot: its file, and how the accounts behave."""

    file: str = Field(description="accounts and positions, Parquet or CSV (docs/accounts.md)")
    cohort: str = Field("", description="take the file's accounts of this cohort alone; empty: all")
    rest: bool = Field(True, description="take the file's system accounts to the street; once for each protocol")


class Snapshot(Crowd):
    """A crowd whose accounts are read from a file."""

    kind: ClassVar[str] = "snapshot"
    Params: ClassVar[type[CrowdParams]] = SnapshotParams

    def open_accounts(self, model: CrossMarginModel) -> Ints:
        """Open the file's accounts at the opening's prices, with their ids; the ids of those that are not system."""
        path, p = Path(self.params.file), self.target
        markets = {asset for protocol in self.world.protocols.values() for asset in protocol.assets}
        rows = self._mine(_of_protocol(read_accounts(path, markets), path, p, sorted(self.world.protocols)), path)
        _check_fit(rows, path, p)
        accounts = rows.filter(pl.col("mode") != "system").unique("account", keep="first", maintain_order=True)
        ids = accounts["account"].to_numpy()
        at = self._add(accounts, path)
        before = float(np.sum(p.ledger.quote))
        _credit(p, rows, accounts, at)
        _take_positions(p, rows)
        _bring_cash(p, float(np.sum(p.ledger.quote)) - before, path)
        _check_solvent(p, at, path)
        self._fill_wallets(accounts, at)
        return ids

    def _mine(self, rows: pl.DataFrame, path: Path) -> pl.DataFrame:
        """The rows of its cohort, and of the rest of the market.

        Raises
        ------
        AccountsFileError
            The file has no account of the cohort.
        """
        system, cohort = pl.col("mode") == "system", self.params.cohort
        mine = rows.filter(~system & (pl.col("cohort").is_in([cohort]) if cohort else True))
        if cohort and mine.is_empty():
            raise AccountsFileError(
                str(path), f"no account of cohort '{cohort}' in {self.target.name}",
                nearest(cohort, rows["cohort"].unique()),
            )  # fmt: skip
        return rows.filter((system & self.params.rest) | pl.col("row").is_in(mine["row"].implode()))

    def _add(self, accounts: pl.DataFrame, path: Path) -> Ints:
        """Rows of the new accounts in the ledger.

        Raises
        ------
        AccountsFileError
            The id of one belongs to another inhabitant.
        """
        p, ids = self.target, accounts["account"].to_numpy()
        known = np.intersect1d(ids, p.ledger.id)
        if len(known):
            raise AccountsFileError(
                str(path), f"account {known[0]} is there already in {p.name}",
                "renumber it, or take the inhabitant whose account it is out of the scenario",
            )  # fmt: skip
        owners = accounts["owner"].to_numpy()
        holders = p.treasury.add_owners(owners)
        modes = _numbered(accounts["mode"], MODES).astype(np.int8)
        cohort = self.world.cohort(self.name)
        return p.ledger.add(ids, owners, holders, mode=modes, cohort=cohort, now=self.world.now)

    def _fill_wallets(self, accounts: pl.DataFrame, at: Ints) -> None:
        """Idle money of the owners; that of an owner's accounts adds up."""
        p = self.target
        token = p.treasury.token(p.spec.settlement, self.params.wallet_chain or p.chain)
        holders, which = np.unique(p.ledger.holder[at], return_inverse=True)
        p.treasury.inject_many(holders, token, np.bincount(which, accounts["wallet"].to_numpy(), len(holders)))


def _numbered(words: pl.Series, names: tuple[str, ...]) -> Ints:
    """int64: where each word stands among the names."""
    return words.replace_strict({name: i for i, name in enumerate(names)}, return_dtype=pl.Int64).to_numpy()


def _of_protocol(frame: pl.DataFrame, path: Path, protocol: Protocol, known: list[str]) -> pl.DataFrame:
    """The rows of one protocol, each with its number in the file as `row`.

    Raises
    ------
    AccountsFileError
        A row names a protocol that the world has not, or none names this one.
    """
    frame = frame.with_row_index("row", offset=1)
    for name in frame["protocol"].unique(maintain_order=True):
        if name and name not in known:
            row = frame.filter(pl.col("protocol") == name)["row"][0]
            raise AccountsFileError(f"{path} row {row}", f"unknown protocol '{name}'", nearest(name, known))
    own = frame.filter(pl.col("protocol").is_in(["", protocol.name]))
    if own.is_empty():
        raise AccountsFileError(str(path), f"no account of {protocol.name}", "name another protocol or another file")
    return own


def _check_fit(rows: pl.DataFrame, path: Path, protocol: Protocol) -> None:
    """Markets and collaterals are the protocol's, and no account has more positions than it can hold."""
    allowed = ["", *protocol.assets]
    strange = rows.filter(~pl.col("market").is_in(allowed))
    if len(strange):
        raise AccountsFileError(
            f"{path} row {strange['row'][0]}", f"{protocol.name} has no market '{strange['market'][0]}'",
            nearest(strange["market"][0], protocol.assets),
        )  # fmt: skip
    coins = {f"{COIN}{asset}@{chain}" for asset, chain in protocol.collaterals}
    for name in coin_columns(rows):
        held = rows.filter(pl.col(name) > 0.0)
        if name not in coins and len(held):
            raise AccountsFileError(
                f"{path} row {held['row'][0]}", f"{protocol.name} takes no {name.removeprefix(COIN)}",
                nearest(name, coins),
            )  # fmt: skip


def _credit(protocol: Protocol, rows: pl.DataFrame, accounts: pl.DataFrame, at: Ints) -> None:
    """Cash and coins of the accounts; what system accounts have goes to the street."""
    system = rows.filter(pl.col("mode") == "system").unique("account", keep="first", maintain_order=True)
    at = np.append(at, protocol.street)

    def amounts(column: str) -> Floats:
        return np.append(accounts[column].to_numpy(), float(np.sum(system[column].to_numpy())))

    protocol.endow(at, amounts("cash"))
    for h in range(len(protocol.collaterals)):
        if (name := f"{COIN}{protocol.asset_name(h)}") in accounts.columns:
            protocol.endow(at, amounts(name), h)


def _take_positions(protocol: Protocol, rows: pl.DataFrame) -> None:
    """Positions at their entry prices, those of system accounts on the street."""
    held = rows.filter(pl.col("size") != 0.0)
    ordinary = (held["mode"] != "system").to_numpy()
    ids, sizes, entries = (held[name].to_numpy() for name in ("account", "size", "entry"))
    markets = _numbered(held["market"], protocol.assets)
    at = np.full(len(held), protocol.street)
    at[ordinary] = protocol.ledger.rows(ids[ordinary])
    stand(protocol, at, markets, sizes, entries)


def _bring_cash(protocol: Protocol, claims: float, path: Path) -> None:
    """The cash behind the accounts' claims.

    Raises
    ------
    AccountsFileError
        The accounts owe more in all than there is, also when the street has met its margin.
    """
    if float(protocol.treasury.balance[protocol.holder, protocol.cash_token]) + claims < 0.0:
        protocol.counterparty.street_call()
    short = -claims - float(protocol.treasury.balance[protocol.holder, protocol.cash_token])
    if short > 0.0:
        raise AccountsFileError(
            str(path), f"the accounts of {protocol.name} owe {short:.2f} USD more than all others have",
            "add the account that has lent it, e.g. cash of one of mode system",
        )  # fmt: skip
    protocol.treasury.inject(protocol.holder, protocol.cash_token, claims)


def _check_solvent(protocol: Protocol, at: Ints, path: Path) -> None:
    """No account begins with less than nothing.

    Raises
    ------
    AccountsFileError
        One does.
    """
    view = protocol.engine.assess(protocol.ledger, protocol.terms, at)
    equity = view.equity
    short = np.flatnonzero(equity < -ROUNDING * (1.0 + view.notional))
    if len(short):
        account, amount = int(protocol.ledger.id[at[short[0]]]), float(equity[short[0]])
        raise AccountsFileError(
            str(path), f"account {account} has an equity of {amount:.2f} USD at the opening price",
            "raise its cash, or open at the prices of the snapshot",
        )  # fmt: skip
