"""The tables that a run leaves: every column with its type, unit and meaning.

`abm.record` builds frames of exactly these columns, `crossfire schema --tables` prints them,
and `results/README.md` is made from them.
"""

from dataclasses import dataclass

import polars as pl

__all__ = ["CHANNELS", "ROUTES", "TABLES", "Column", "Table", "describe"]

ROUTES = ("book", "keeper", "vault", "adl")
"""How an execution was done."""

CHANNELS = (
    "service",
    "execution",
    "impact",
    "news",
    "depth",
    "trades",
    "arbitrage",
    "funding",
    "margin",
    "haircut",
    "staleness",
    "own",
    "small",
)
"""Channels of an edge (docs/attribution.md).

`service` leads from a breach to its liquidations, `execution` from a liquidation to its price move, `impact`
from a price move to a breach; the others are the named rest of what a breach or a move is due to.
"""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: name, polars type, unit (empty: a name or a plain number), meaning."""

    name: str
    dtype: pl.DataType
    unit: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table: what a row is, and its columns in order."""

    name: str
    row: str
    columns: tuple[Column, ...]

    def schema(self) -> dict[str, pl.DataType]:
        """Names and types, as polars takes them."""
        return {c.name: c.dtype for c in self.columns}


I, F, S = pl.Int64(), pl.Float64(), pl.String()


def _c(name: str, dtype: pl.DataType, unit: str, meaning: str) -> Column:
    return Column(name, dtype, unit, meaning)


_TIME = _c("time", F, "s", "seconds from time 0 of the price path")
_CHAIN = _c("chain", S, "", "name of the chain, or of the exchange's own engine")
_BLOCK = _c("block", I, "", "height of the block")
_ROUND = _c("round", I, "", "round within the block, in order of execution; a round moves a price once")
_PROTOCOL = _c("protocol", S, "", "name of the protocol")
_ACCOUNT = _c("account", I, "", "stable id of the sub-account")
_MARKET = _c("market", S, "", "instrument, e.g. BTC-PERP; a plain coin name is its spot market")

_SERIES = _c("series", S, "", "instrument, e.g. BTC-20251011-120000-C")

_GREEKS = (
    ("delta", "coins", "per USD of the forward"),
    ("vega", "USD", "per unit (100 points) of volatility"),
    ("theta", "USD per year", "of calendar time"),
    ("rho", "USD", "per unit of rate, the forward held"),
    ("gamma", "coins per USD", "of delta per USD of the forward"),
    ("vanna", "coins", "of delta per unit of volatility"),
    ("volga", "USD", "of vega per unit of volatility"),
    ("charm", "coins per year", "of delta, of calendar time"),
    ("veta", "USD per year", "of vega, of calendar time"),
    ("delta_rho", "coins", "of delta per unit of rate"),
    ("vera", "USD", "of vega per unit of rate"),
    ("theta_decay", "USD per year^2", "second derivative by time to expiry"),
    ("rho_decay", "USD per year", "of rho, of calendar time"),
    ("rho_convexity", "USD", "of rho per unit of rate"),
)
"""Greeks of options, as `abm.margin.options.greeks` has them: name, unit, what changes per what."""

_ALL = (
    Table("markets", "a market at a sampled time", (
        _TIME,
        _c("protocol", S, "", "name of the protocol whose market it is; empty for a venue's spot market"),
        _MARKET,
        _c("venue", S, "", "where it trades"),
        _c("last", F, "USD", "price of the last trade (exogenous path + impact alive)"),
        _c("mark", F, "USD", "mark price; of a spot market its last"),
        _c("index", F, "USD", "mean of the spot venues"),
        _c("oracle", F, "USD", "what the protocol's chain has been told; of a spot market its last"),
        _c("exogenous", F, "USD", "the path without any impact"),
        _c("depth", F, "USD", "within one per cent on one side, now"),
        _c("open_interest", F, "USD", "long notional at mark"),
        _c("funding", F, "USD per coin", "cumulative funding paid by one coin long"),
    )),
    Table("accounts", "a sub-account at the start, the end, and when sampled", (
        _TIME, _PROTOCOL, _ACCOUNT,
        _c("owner", I, "", "id of the owner"),
        _c("cohort", S, "", "cohort or agent it belongs to"),
        _c("mode", S, "", "cross, isolated, named, or system (makers, vault, street)"),
        _c("positions", I, "", "number of open positions"),
        _c("notional", F, "USD", "sum of |size| * breach price"),
        _c("equity", F, "USD", "collateral at market + unrealised profit + accrued funding"),
        _c("margin_equity", F, "USD", "the same with haircuts"),
        _c("im", F, "USD", "initial margin"),
        _c("mm", F, "USD", "maintenance margin"),
        _c("free_margin", F, "USD", "margin_equity - mm; negative is a breach"),
        _c("health", F, "", "margin_equity / mm, null without a requirement; for display only"),
        _c("deposited", F, "USD", "net deposits since the opening, opening balance included"),
        _c("wallet", F, "USD", "settlement coins in its owner's wallets, in all places; the same on all its accounts"),
    )),
    Table("positions", "a position of a sub-account at the start and the end", (
        _TIME, _PROTOCOL, _ACCOUNT, _MARKET,
        _c("size", F, "coins", "signed: long is positive"),
        _c("entry", F, "USD", "mean entry price"),
        _c("price", F, "USD", "the protocol's breach price"),
        _c("profit", F, "USD", "size * (price - entry), funding apart"),
    )),
    Table("collateral", "coins that a sub-account holds, at the start and the end", (
        _TIME, _PROTOCOL, _ACCOUNT,
        _c("asset", S, "", "the coin; what an account has in the settlement asset at home is in its equity"),
        _c("chain", S, "", "where it is held"),
        _c("amount", F, "asset", "what the protocol knows of, and counts"),
        _c("pending", F, "asset", "deposited on another chain, which home does not know of yet"),
        _c("price", F, "USD", "what the protocol's oracle says"),
        _c("haircut", F, "", "value taken off, fraction"),
    )),
    Table("protocols", "a protocol's own money at a sampled time, with `markets`", (
        _TIME, _PROTOCOL,
        _c("fund", F, "USD", "insurance fund"),
        _c("vault", F, "USD", "equity of the backstop vault"),
        _c("fees", F, "USD", "fees earned"),
        _c("bad_debt", F, "USD", "losses that nobody has paid yet"),
        _c("cash", F, "USD", "settlement coins on the protocol's chain"),
        _c("queued", F, "USD", "withdrawals that wait for cash"),
        _c("in_transit", F, "USD", "settlement coins credited to accounts already, that are on a bridge home"),
    )),
    Table("events", "anything booked", (
        _TIME, _CHAIN, _BLOCK,
        _c("kind", S, "", "deposit, withdraw, trade, fee, funding, penalty, insurance, adl, ... (docs/record.md)"),
        _PROTOCOL, _ACCOUNT, _MARKET,
        _c("asset", S, "", "the asset of the amount; an account's collateral is ASSET@CHAIN"),
        _c("amount", F, "asset", "signed, from the account's side"),
        _c("ref", I, "", "id of what it belongs to: a liquidation, a breach, a message; -1: nothing"),
        _c("price", F, "USD", "of a trade, by whatever route; 0: no trade"),
    )),
    Table("breaches", "a breach: an account's free margin turned negative", (
        _c("breach", I, "", "id, in order of time, block, round, account"),
        _TIME, _CHAIN, _BLOCK, _ROUND, _PROTOCOL, _ACCOUNT,
        _c("owner", I, "", "id of the account's owner, who can have several"),
        _c("cohort", S, "", "cohort or agent of the account"),
        _c("mode", S, "", "cross, isolated, named"),
        _c("episode", I, "", "the episode it belongs to"),
        _c("since", F, "s", "start of its split: the episode's start or the account's last own change"),
        _c("free_margin_start", F, "USD", "free margin then"),
        _c("free_margin", F, "USD", "free margin at the breach"),
        _c("equity", F, "USD", "equity at market at the breach, without haircuts"),
        _c("notional", F, "USD", "sum of |size| * price at the breach"),
        _c("generation", I, "", "0: earlier liquidations had less than half of its fall; else 1 + that of the largest parent breach"),
        _c("deficit", F, "USD", "what was missing in the end and others paid"),
        _c("moves_seen", I, "", "number of price moves before it: its parents are among these"),
        _c("margin_fall", F, "USD", "part of the fall: moved maintenance fractions"),
        _c("haircut_fall", F, "USD", "part of the fall: moved haircuts"),
        _c("staleness_fall", F, "USD", "part of the fall: age of remote collateral"),
        _c("funding_fall", F, "USD", "part of the fall: funding paid"),
        _c("own_fall", F, "USD", "part of the fall: the owner's own payments, fees, liquidations of the account itself"),
    )),
    Table("exposures", "one price that a breach depended on", (
        _c("breach", I, "", "the breach"),
        _c("price", I, "", "which price: key into `price_sources`"),
        _c("sensitivity", F, "coins", "fall of free margin per USD of fall of this price"),
        _c("price_start", F, "USD", "the price at `since`"),
        _c("price_end", F, "USD", "the price at the breach"),
        _c("code_start", I, "", "which source the price had at `since`: key into `price_sources`"),
        _c("code_end", I, "", "and at the breach"),
        _c("seen_start", F, "s", "when that source was read, for `since`"),
        _c("seen_end", F, "s", "and for the breach"),
        _c("moves_start", I, "", "number of price moves that had happened when it was read"),
        _c("moves_end", I, "", "and for the breach"),
    )),
    Table("price_sources", "one term of a price: price = sum of weight * filtered last price of a book", (
        _c("price", I, "", "the price"),
        _PROTOCOL,
        _c("market", S, "", "instrument, or coin for a collateral price"),
        _c("feed", S, "", "mark, oracle, index or last"),
        _c("code", I, "", "the source picked"),
        _c("term", S, "", "fair, last, peers, index, or the names of the oracle's sources"),
        _c("book", I, "", "the book: key into `books`"),
        _c("weight", F, "", "weight of the book's last price"),
        _c("ema", F, "s", "0: the price itself; else time constant of the exponential mean over ticks"),
    )),
    Table("books", "a market on a venue", (
        _c("book", I, "", "id"),
        _c("venue", S, "", "where"),
        _MARKET,
        _c("asset", S, "", "the coin"),
        _c("kind", S, "", "spot, perp or amm"),
        _c("tick", F, "s", "interval of the ticks that filters run on"),
        _c("kernel_weights", pl.List(pl.Float64()), "", "decay of impact: sum of weight * exp(-age / time)"),
        _c("kernel_times", pl.List(pl.Float64()), "s", "(infinite for an AMM: its price stays)"),
    )),
    Table("price_moves", "what the executions of one book, block and round did together", (
        _c("move", I, "", "id, in order of happening"),
        _TIME, _CHAIN, _BLOCK, _ROUND,
        _c("book", I, "", "the book"),
        _c("venue", S, "", "where"), _MARKET,
        _c("cause", S, "", "liquidation, trades or arbitrage"),
        _c("amount", F, "USD", "jump of the last price; decays by the book's kernel"),
        _c("calm_amount", F, "USD", "what the same volume would have done at the book's calm depth"),
        _c("volume", F, "coins", "signed net volume of the round"),
        _c("depth", F, "USD", "depth behind it"),
    )),
    Table("liquidations", "an execution that serves a breach", (
        _c("liquidation", I, "", "id, in order of execution"),
        _c("breach", I, "", "the breach it serves"),
        _TIME, _CHAIN, _BLOCK, _ROUND, _PROTOCOL, _ACCOUNT, _MARKET,
        _c("quantity", F, "coins", "signed change of the account's position (collateral sold: negative)"),
        _c("price", F, "USD", "at which the account was closed"),
        _c("penalty", F, "USD", "paid by the account"),
        _c("keeper", S, "", "who did it; empty: the protocol"),
        _c("route", S, "", "book, keeper, vault or adl"),
        _c("move", I, "", "the price move it was part of; -1: it moved no price"),
        _c("share", F, "", "its share of that move; shares of a move sum to one"),
    )),
    Table("cascade_edges", "an edge of the cascade", (
        _c("parent", I, "", "id of the parent by kind; -1 for the named rest"),
        _c("parent_kind", S, "", "breach, liquidation, price_move, or a channel's name"),
        _c("child", I, "", "id of the child"),
        _c("child_kind", S, "", "liquidation, price_move or breach"),
        _c("channel", S, "", "through what: impact, news, depth, trades, ... (docs/attribution.md)"),
        _c("share", F, "", "share of the parent in the child, signed; sum to one over a child"),
        _c("episode", I, "", "episode of the child; -1: outside any"),
    )),
    Table("agents", "an agent at a sampled time", (
        _TIME,
        _c("agent", I, "", "id of its owner"),
        _c("kind", S, "", "kind"),
        _c("name", S, "", "name; of a cohort, the cohort"),
        _c("wealth", F, "USD", "wallets at index prices + equity of its accounts"),
        _c("profit", F, "USD", "wealth - wealth at the start - what came from outside"),
        _c("actions", I, "", "what it has done so far"),
    )),
    Table("option_series", "an option series, when it was listed", (
        _PROTOCOL, _SERIES,
        _c("asset", S, "", "the underlying"),
        _c("side", S, "", "call or put"),
        _c("strike", F, "USD", "strike"),
        _c("listed", F, "s", "when it was listed; it trades from the next block on"),
        _c("expiry", F, "s", "when it expires"),
    )),
    Table("option_marks", "an option series that has not expired, at a sampled time", (
        _TIME, _PROTOCOL, _SERIES,
        _c("forward", F, "USD", "forward; in the last half hour part average, part forward"),
        _c("vol", F, "per year", "implied volatility of the surface"),
        _c("premium", F, "USD", "of one option, in the middle"),
        _c("open_interest", F, "options", "long ones"),
    )),
    Table("option_trades", "an option trade of an account, against the street unless crossed", (
        _TIME, _CHAIN, _BLOCK, _PROTOCOL, _ACCOUNT, _SERIES,
        _c("kind", S, "", "open (at the opening), trade, crossed (between two accounts) or liquidation"),
        _c("quantity", F, "options", "signed: bought is positive"),
        _c("premium", F, "USD", "of one option"),
        _c("vol", F, "per year", "implied volatility of the premium"),
        _c("fee", F, "USD", "paid by the account"),
    )),
    Table("option_settlements", "a leg of an account at expiry", (
        _TIME, _PROTOCOL, _ACCOUNT, _SERIES,
        _c("quantity", F, "options", "signed: long is positive"),
        _c("settlement", F, "USD", "mean of the index over the last half hour"),
        _c("payoff", F, "USD", "of one option"),
        _c("amount", F, "USD", "paid to the account"),
    )),
    Table("greeks", "what a class of accounts has in options of one underlying, at a sampled time", (
        _TIME, _PROTOCOL,
        _c("cohort", S, "", "cohort or agent; empty: all accounts that are not the protocol's own"),
        _c("asset", S, "", "the underlying"),
        _c("perpetual", F, "coins", "its position in the perpetual"),
        _c("net_delta", F, "coins", "change of worth per USD of the index, options and perpetual"),
        _c("price", F, "USD", "worth of the options"),
        *(_c(name, F, unit, meaning) for name, unit, meaning in _GREEKS),
    )),
    Table("losses", "who paid for a deficit, or was paid", (
        _TIME, _PROTOCOL,
        _c("breach", I, "", "the breach whose account was short; -1: none"),
        _c("layer", S, "", "fund, vault, adl, adl_surplus, socialise or bad_debt (docs/record.md)"),
        _ACCOUNT,
        _c("amount", F, "USD", "paid by that layer (by that account for adl and socialise)"),
    )),
    Table("passports", "a step of a margin passport: a sub-account on its way from one protocol to another", (
        _TIME, _CHAIN, _BLOCK,
        _c("passport", I, "", "its number, counted by the source from 1; -1: a forged letter about none"),
        _c("source", S, "", "the protocol that the account leaves"),
        _c("target", S, "", "the protocol that it goes to"),
        _ACCOUNT,
        _c("owner", I, "", "id of the account's owner"),
        _c("step", S, "", "issued, reserved, refused, committed, opened, closed, void, released or forged (docs/passport.md)"),
        _c("protocol", S, "", "where the step happened"),
        _c("reason", S, "", "why refused or void; of a forged letter its kind; else empty"),
        _c("equity", F, "USD", "equity of what is moved, there and then; null where nothing is"),
        _c("im", F, "USD", "its initial margin there and then, alone; null where nothing is moved"),
        _c("expiry", F, "s", "until when the source may commit"),
    )),
    Table("bridges", "a message over a bridge", (
        _c("message", I, "", "id"),
        _c("bridge", S, "", "name"),
        _c("kind", S, "", "transfer, state, letter or forged"),
        _c("sent", F, "s", "when it was locked or burnt"),
        _c("arrived", F, "s", "when it was minted or released; null: still in flight"),
        _c("from_chain", S, "", "from"), _c("to_chain", S, "", "to"),
        _c("asset", S, "", "asset"),
        _c("amount", F, "asset", "amount"),
    )),
)  # fmt: skip

TABLES: dict[str, Table] = {t.name: t for t in _ALL}


def describe() -> str:
    """All tables as Markdown: the text of `results/README.md`."""
    lines = [
        "# What a run leaves",
        "",
        "A run's folder holds `manifest.json`, `scenario.toml` (resolved), `summary.json` and these tables as Parquet.",
        "Times are float seconds, money is USD unless the unit says otherwise, ids are integers.",
        "This page is printed by `crossfire schema --tables`.",
        "",
    ]
    for table in TABLES.values():
        lines += [
            f"## {table.name}",
            "",
            f"One row is {table.row}.",
            "",
            "| column | type | unit | meaning |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| `{c.name}` | {c.dtype} | {c.unit} | {c.meaning.replace('|', chr(92) + '|')} |" for c in table.columns
        ]
        lines.append("")
    return "\n".join(lines)
