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
from agents.accounts_file import COIN, coin_columns, read_accounts, to_snapshot
from agents.cohort import Crowd, CrowdParams

__all__ = ["Snapshot", "SnapshotParams", "read_accounts", "to_snapshot"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class SnapshotParams(CrowdParams):
    """Keys of a snapshot: its file, and how the accounts behave."""

    file: str = Field(description="accounts and positions, Parquet or CSV (docs/accounts.md)")


class Snapshot(Crowd):
    """A crowd whose accounts are read from a file."""

    kind: ClassVar[str] = "snapshot"
    Params: ClassVar[type[CrowdParams]] = SnapshotParams

    def open_accounts(self, model: CrossMarginModel) -> Ints:
        """Open the file's accounts at the opening's prices, with their ids; the ids of those that are not system."""
        path, p = Path(self.params.file), self.target
        rows = _of_protocol(read_accounts(path), path, p, sorted(self.world.protocols))
        _check_fit(rows, path, p)
        accounts = rows.filter(pl.col("mode") != "system").unique("account", keep="first", maintain_order=True)
        ids = accounts["account"].to_numpy()
        at = self._add(accounts, path)
        before = float(np.sum(p.ledger.quote))
        _credit(p, rows, accounts, at)
        _take_positions(p, rows)
        p.treasury.inject(p.holder, p.cash_token, float(np.sum(p.ledger.quote)) - before)
        _check_solvent(p, at, path)
        self._fill_wallets(accounts, at)
        return ids

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
    ledger = protocol.ledger
    system = rows.filter(pl.col("mode") == "system").unique("account", keep="first", maintain_order=True)
    at = np.append(at, protocol.street)

    def amounts(column: str) -> Floats:
        return np.append(accounts[column].to_numpy(), float(np.sum(system[column].to_numpy())))

    cash = amounts("cash")
    ledger.quote[at] += cash
    ledger.deposited[at] += cash
    protocol.log_rows("deposit", at, "", protocol.spec.settlement, cash)
    for h, (asset, chain) in enumerate(protocol.collaterals):
        if (name := f"{COIN}{asset}@{chain}") in accounts.columns:
            coins = amounts(name)
            protocol.treasury.inject(protocol.holder, protocol.coin_tokens[h], float(np.sum(coins)))
            ledger.coins[at, h] += coins
            ledger.deposited[at] += coins * float(protocol.terms.coin_price[h])
            protocol.log_rows("deposit", at[coins > 0.0], "", asset, coins[coins > 0.0])


def _take_positions(protocol: Protocol, rows: pl.DataFrame) -> None:
    """Positions at their entry prices, those of system accounts on the street, which takes what rounding leaves."""
    ledger = protocol.ledger
    held = rows.filter(pl.col("size") != 0.0)
    ordinary = (held["mode"] != "system").to_numpy()
    ids, sizes, entries = (held[name].to_numpy() for name in ("account", "size", "entry"))
    markets = _numbered(held["market"], protocol.assets)
    at = np.full(len(held), protocol.street)
    at[ordinary] = ledger.rows(ids[ordinary])
    rest = -np.bincount(markets, sizes, len(protocol.markets))
    every = np.arange(len(rest))
    ledger.trade(
        np.concatenate([at, np.full(len(rest), protocol.street)]), np.concatenate([markets, every]),
        np.concatenate([sizes, rest]), np.concatenate([entries, protocol.terms.price]), protocol.funding,
        protocol.tape.time,
    )  # fmt: skip


def _check_solvent(protocol: Protocol, at: Ints, path: Path) -> None:
    """No account begins with less than nothing.

    Raises
    ------
    AccountsFileError
        One does.
    """
    equity = protocol.engine.assess(protocol.ledger, protocol.terms, at).equity
    short = np.flatnonzero(equity < 0.0)
    if len(short):
        account, amount = int(protocol.ledger.id[at[short[0]]]), float(equity[short[0]])
        raise AccountsFileError(
            str(path), f"account {account} has an equity of {amount:.2f} USD at the opening price",
            "raise its cash, or open at the prices of the snapshot",
        )  # fmt: skip
