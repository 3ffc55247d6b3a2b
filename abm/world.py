"""The world without inhabitants: prices, books, chains, bridges, oracles, protocols, and the money in it.

`build_world` makes it from a scenario.  What inhabitants may do to it is here: send a transaction, trade spot,
move coins.  When things happen is the model's.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from abm.audit import audit, pool_reserves
from abm.chains.bridge import Bridge
from abm.chains.chain import Chain, Inclusion, Transaction
from abm.crossing import Crossing
from abm.draws import Draws
from abm.errors import PresetError, ScenarioError, nearest
from abm.events import Log
from abm.identity import owner_ids
from abm.ledger import SYSTEM
from abm.margin.engine import Engine, UnknownAsset
from abm.margin.families.table import FAMILIES
from abm.margin.families.weighted import Weighted, WeightedCoin, WeightedMarket
from abm.margin.preset import load_preset
from abm.oracles.feed import Feed
from abm.prices import PricePath
from abm.protocol.breaches import Episodes
from abm.protocol.options.settlement import open_board
from abm.protocol.passport.post import Post
from abm.protocol.protocol import Protocol
from abm.protocol_spec import ProtocolSpec
from abm.scenario import Scenario
from abm.spec import OracleSpec
from abm.tape import Cause, Tape
from abm.treasury import Treasury
from abm.venues.books import Books, Fill
from abm.venues.build import build_books
from abm.venues.funding import Funding
from abm.venues.mark import build_marks

__all__ = ["World", "build_world"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass
class World:
    """Everything that is acted on; see the modules of each part.

    `spots` are the spot books of each asset, `opening` the wealth of each inhabitant at the start, `voluntary` the
    notional that each cohort has deleveraged by its own will (USD), `post` the offices for margin passports.
    """

    scenario: Scenario
    draws: Draws
    path: PricePath
    log: Log
    books: Books
    tape: Tape
    treasury: Treasury
    chains: dict[str, Chain]
    bridges: dict[str, Bridge]
    crossing: Crossing
    feeds: dict[str, Feed]
    protocols: dict[str, Protocol]
    funding: dict[str, Funding]
    episodes: Episodes
    cohorts: list[str]
    spots: dict[str, list[int]]
    sequences: dict[str, int] = field(default_factory=dict)
    _token_prices: tuple[tuple[float, int], Floats] = field(default_factory=lambda: ((-1.0, 0), np.zeros(0)))
    _stress: tuple[float, float] = (-1.0, 0.0)
    opening: dict[str, float] = field(default_factory=dict)
    voluntary: dict[str, float] = field(default_factory=dict)
    transfers: list[tuple[float, int, int, int, int, float]] = field(default_factory=list)
    post: Post = field(init=False)

    def __post_init__(self) -> None:
        self.post = Post(self.protocols, self.crossing, self._open_link)

    @property
    def now(self) -> float:
        """Seconds since time 0 of the price path."""
        return self.tape.time

    def cohort(self, name: str) -> int:
        """Index of a cohort or agent in `cohorts`, added when it is new."""
        if name not in self.cohorts:
            self.cohorts.append(name)
        return self.cohorts.index(name)

    def price(self, asset: str) -> float:
        """Mean of the last prices on the asset's spot books; 1 for an asset that trades nowhere (a stable coin)."""
        books = self.spots.get(asset)
        return sum(float(self.books.last[b]) for b in books) / len(books) if books else 1.0

    def prices_by_token(self) -> Floats:
        """float64[tokens]: USD per unit of each token, as of the last tick or trade."""
        if self._token_prices[0] != (self.now, self.tape.moves):
            price = {asset: self.price(asset) for asset in {a for a, _ in self.treasury.tokens}}
            self._token_prices = (
                (self.now, self.tape.moves),
                np.array([price[a] for a, _ in self.treasury.tokens]),
            )
        return self._token_prices[1]

    def place(self, venue: str) -> str:
        """Where coins that trade on a venue lie: its chain, or the exchange itself."""
        for v in self.scenario.venues:
            if v.name == venue:
                return v.chain or v.name
        raise KeyError(venue)

    def stress(self) -> float:
        """Realised over usual volatility less one, root mean square over books: what traffic outside the model
        answers to.  Computed once a tick."""
        if self._stress[0] != self.now:
            moves = self.books.usual > 0.0
            ratio = self.books.variance[moves] / self.books.usual[moves] ** 2
            self._stress = (self.now, float(np.sqrt(np.mean(ratio))) - 1.0 if moves.any() else 0.0)
        return self._stress[1]

    def _open_link(self, protocol: Protocol, peer: str) -> int:
        """An account of a protocol's own for what it and another owe each other; its id."""
        owner = owner_ids(f"link:{protocol.name}:{peer}")
        holder, cohort = self.treasury.add_owners(owner), self.cohort(f"link:{protocol.name}:{peer}")
        protocol.ledger.add(owner + 1, owner, holder, mode=SYSTEM, cohort=cohort, now=self.now)
        return int(owner[0]) + 1

    # what inhabitants do

    def submit(
        self, sender: str, chain: str, kind: str, run: Callable[[Inclusion], None], *, gas: float = 150_000.0,
        tip: float = 1e-9, units: int = 1, latency: float = 0.5, jitter: float = 0.0,
    ) -> None:  # fmt: skip
        """Send a transaction (or a bundle of `units`) to a chain or an exchange's engine.

        It arrives after the latency and a keyed exponential addition with the mean `jitter`, in seconds; it runs when
        a block includes it.
        """
        sequence = self.sequences.get(sender, 0)
        self.sequences[sender] = sequence + 1
        late = jitter * float(self.draws.exponential("latency", sender, sequence))
        self.chains[chain].submit(
            Transaction(sender, sequence, kind, self.now + latency + late, tip, gas, run, units, None)
        )

    def spot_trade(self, holder: int, book: int, volume: float, cause: Cause) -> Fill:
        """Buy (sell: negative) coins on a spot book for the venue's settlement coins out of a wallet.

        The volume is cut to what the wallet holds.
        """
        at = self.books.names[book]
        place = self.place(at.venue)
        coin, cash = self.treasury.token(at.asset, place), self.treasury.token(self.settlement, place)
        wallet = self.treasury.balance[holder]
        if volume > 0:
            price = self.books.quote(book, volume, self.now)
            volume = min(volume, max(float(wallet[cash]), 0.0) / (price * (1.0 + self.books.fee[book])))
        else:
            volume = -min(-volume, max(float(wallet[coin]), 0.0))
        done = self.tape.execute(book, volume, cause).fill
        self.tape.round += 1
        if done.volume != 0.0:
            other, usd = self.other_side(book), done.volume * done.price
            fee = float(self.books.fee[book]) * abs(usd)
            if done.volume > 0.0:
                self.treasury.move(holder, other, cash, usd)
                self.treasury.move(other, holder, coin, done.volume)
            else:
                self.treasury.move(holder, other, coin, -done.volume)
                self.treasury.move(other, holder, cash, -usd)
            if fee > 0.0:
                self.treasury.move(holder, self.treasury.holder(f"fees:{at.venue}"), cash, fee)
        return done

    def other_side(self, book: int) -> int:
        """Row of whoever takes the other side of a spot trade: a pool's own reserves, or outside.

        A pool whose trades move no price takes any volume, so it stands for outside like a book.
        """
        at = self.books.names[book]
        real = at.kind == "amm" and bool(self.books.enabled[book])
        return self.treasury.holder(f"pool:{at.venue}") if real else self.treasury.outside

    @property
    def settlement(self) -> str:
        """The coin that spot venues settle in: that of the first protocol."""
        return self.scenario.protocols[0].settlement

    def transfer(self, holder: int, asset: str, source: str, target: str, amount: float) -> float:
        """Move a wallet's coins between an exchange and a chain; what was sent.

        They arrive after the slower exchange's transfer delay, and not while the target is out; a suspended exchange
        sends and takes nothing, and a chain that is out sends nothing.
        """
        amount = min(amount, max(float(self.treasury.balance[holder, self.treasury.token(asset, source)]), 0.0))
        venues = [v for v in self.scenario.venues if not v.chain and v.name in (source, target)]
        if amount <= 0.0 or not venues or self.chains[source].is_out(self.now):
            return 0.0
        if any(a <= self.now < b for v in venues for a, b in v.suspended):
            return 0.0
        a, b = self.treasury.token(asset, source), self.treasury.token(asset, target)
        self.treasury.move(holder, self.treasury.holder("transit"), a, amount)
        self.transfers.append(
            (self.now + max(v.transfer_delay for v in venues), holder, a, b, len(self.transfers), amount)
        )
        return amount

    def deliver_transfers(self) -> None:
        """Coins between exchanges and chains arrive, but for those to a chain that is out."""
        place = self.treasury.tokens
        due = [t for t in self.transfers if t[0] <= self.now and not self.chains[place[t[3]][1]].is_out(self.now)]
        if due:
            self.transfers = [t for t in self.transfers if t not in due]
            for _, holder, source, target, _, amount in due:
                self.treasury.inject(self.treasury.holder("transit"), source, -amount)
                self.treasury.inject(holder, target, amount)

    def audit(self) -> dict[str, float]:
        """Everything that must add up, as a fraction of the gross; 0 is exact."""
        return audit(self)


def build_world(scenario: Scenario, path: PricePath, draws: Draws) -> World:
    """Make the world of a scenario at its opening, without inhabitants.

    Raises
    ------
    ScenarioError
        Pieces that do not fit together (a market without a spot book for its index, an oracle without a source, ...).
    """
    log = Log()
    books = build_books(scenario, path.column, path.volatility)
    start = scenario.clock.start
    books.tick(start, path.values[round(start / path.interval)])
    tape = Tape(log, books)
    tape.enter("", 0, start)
    treasury = Treasury(_tokens(scenario))
    chains = {c.name: Chain(c) for c in scenario.chains}
    chains |= {v.name: Chain.exchange(v.name, v.interval) for v in scenario.venues if not v.chain}
    finality = {c.name: c.finality for c in scenario.chains}
    bridges = {b.name: Bridge(b, chains[b.source], chains[b.target]) for b in scenario.bridges}
    crossing = Crossing(tape, treasury, bridges)
    feeds = {o.name: _feed(o, scenario, books) for o in scenario.oracles}
    for feed in feeds.values():
        feed.open(start, books.last)
    episodes = Episodes(scenario.quiet, start, [s.at for s in scenario.prices.shocks])
    world = World(
        scenario, draws, path, log, books, tape, treasury, chains, bridges, crossing, feeds, {}, {}, episodes, [],
        _spots(books),
    )  # fmt: skip
    _add_protocols(world, finality)
    for (venue, asset), amount in pool_reserves(world).items():
        treasury.inject(treasury.holder(f"pool:{venue}"), treasury.token(asset, world.place(venue)), amount)
    return world


def _spots(books: Books) -> dict[str, list[int]]:
    """The spot books of each coin that has any."""
    found: dict[str, list[int]] = {}
    for i, book in enumerate(books.names):
        if book.kind == "spot":
            found.setdefault(book.asset, []).append(i)
    return found


def _add_protocols(world: World, finality: dict[str, float]) -> None:
    """Each with its funding and its system accounts; their prices are numbered through all of them."""
    first = 0
    for spec in world.scenario.protocols:
        protocol = _protocol(world, spec, finality, first)
        first += len(protocol.markets) + len(protocol.collaterals)
        world.protocols[spec.name] = protocol
        venue = next(v for v in world.scenario.venues if v.name == spec.venue)
        world.funding[spec.name] = Funding(world.books, protocol.books, [venue.funding] * len(protocol.markets))
        _open_system(world, protocol)


def _tokens(scenario: Scenario) -> list[tuple[str, str]]:
    """Every asset that can lie on each chain or exchange."""
    places = [c.name for c in scenario.chains] + [v.name for v in scenario.venues if not v.chain]
    return [(a.name, place) for place in places for a in scenario.assets]


def _feed(spec: OracleSpec, scenario: Scenario, books: Books) -> Feed:
    """A feed over the spot books of its sources, or their perpetuals where a source has no spot market."""
    at = {(b.venue, b.asset, b.kind != "perp"): i for i, b in enumerate(books.names)}
    assets = spec.assets or tuple(
        a.name for a in scenario.assets if any((s, a.name, k) in at for s in spec.sources for k in (True, False))
    )
    sources = np.array([[at.get((s, a, True), at.get((s, a, False), -1)) for s in spec.sources] for a in assets])
    return Feed(spec, assets, sources.astype(np.int64))


def _protocol(world: World, spec: ProtocolSpec, finality: dict[str, float], first: int) -> Protocol:
    books = world.books
    marks = build_marks(world.scenario, spec, books)
    marks.compute()
    _check_priced(world, spec)
    # the settlement asset settles debts as it is, and is never sold
    spot = [-1 if c.asset == spec.settlement else world.spots[c.asset][0] for c in spec.collateral]
    return Protocol(
        spec, tape=world.tape, treasury=world.treasury, engine=_engine(spec), marks=marks,
        feed=world.feeds[spec.oracle], books=[books.find(spec.venue, f"{m.asset}-PERP") for m in spec.markets],
        spot_books=spot, crossing=world.crossing, finality=finality, cohorts=world.cohorts,
        slots=len(spec.markets), first_price=first,
    )  # fmt: skip


def _engine(spec: ProtocolSpec) -> Engine:
    """The engine of a protocol: of its preset, or weighted with its own fractions.

    Raises
    ------
    ScenarioError
        There is no such preset, or it lacks a market or a collateral, or no world can have its family.
    """
    markets, coins = [m.asset for m in spec.markets], [c.asset for c in spec.collateral]
    where = f"protocols.{spec.name}.preset"
    if not spec.preset:
        _check_options(spec, Weighted.options, "its own fractions have")
        fractions = [
            WeightedMarket(imf=m.imf, mmf=m.mmf, oi_lower=m.oi_lower, oi_upper=m.oi_upper) for m in spec.markets
        ]
        return Weighted(fractions, [WeightedCoin(haircut=c.haircut) for c in spec.collateral])
    try:
        preset = load_preset(spec.preset)
    except PresetError as error:
        raise ScenarioError(f"{where}: {error.where}", error.what, error.remedy) from error
    family = FAMILIES[preset.family]
    if not family.worldly:
        raise ScenarioError(
            where, f"'{spec.preset}' is of the family {preset.family}, which no world can have",
            "value accounts under it with crossfire margin, or take another preset",
        )  # fmt: skip
    _check_options(spec, family.options, f"the family {preset.family} of '{spec.preset}' has")
    try:
        return family.build(preset.parameters, markets, coins)
    except UnknownAsset as error:
        raise ScenarioError(
            where, f"'{spec.preset}' has no {error.what} {error.asset}", nearest(error.asset, error.known)
        ) from error


def _check_options(spec: ProtocolSpec, able: bool, rules: str) -> None:
    """Options are only where margin rules have them.

    Raises
    ------
    ScenarioError
        They do not.
    """
    if spec.options and not able:
        having = ", ".join(sorted(name for name, family in FAMILIES.items() if family.options)) or "none"
        raise ScenarioError(
            f"protocols.{spec.name}.options", f"{rules} no margin for options",
            f"remove them, or take a preset of a family that has (there: {having})",
        )  # fmt: skip


def _check_priced(world: World, spec: ProtocolSpec) -> None:
    """The oracle prices the coins of all markets and all collateral other than the settlement asset, which can be sold.

    Raises
    ------
    ScenarioError
        One of them is missing.
    """
    feed = world.feeds[spec.oracle]
    for i, m in enumerate(spec.markets):
        if m.asset not in feed.assets:
            where = f"protocols.{spec.name}.markets.{i}"
            raise ScenarioError(
                where, f"{spec.oracle} has no price of {m.asset}", "add a source that trades it, or its asset"
            )
    for i, c in enumerate(spec.collateral):
        where = f"protocols.{spec.name}.collateral.{i}"
        if c.asset == spec.settlement:
            continue
        if c.asset not in feed.assets:
            raise ScenarioError(
                where, f"{spec.oracle} has no price of {c.asset}", "add a source that trades it, or its asset"
            )
        if c.asset not in world.spots:
            raise ScenarioError(where, f"{c.asset} has no spot market to be sold on", "add one to a venue")


def _open_system(world: World, protocol: Protocol) -> None:
    """The street, the vault with its capital, and the insurance fund."""
    rule = protocol.spec.liquidation
    for name, capital in (("street", 0.0), ("vault", rule.vault)):
        owner = owner_ids(f"{name}:{protocol.name}")
        holder = world.treasury.add_owners(owner)
        cohort = world.cohort(f"{name}:{protocol.name}")
        row = protocol.ledger.add(owner + 1, owner, holder, mode=SYSTEM, cohort=cohort, now=world.now)
        world.treasury.inject(int(holder[0]), protocol.cash_token, capital)
        if capital > 0.0:
            protocol.deposit(row, np.array([capital]))
    protocol.street_id, protocol.vault_id = (
        int(owner_ids(f"{name}:{protocol.name}")[0]) + 1 for name in ("street", "vault")
    )
    world.treasury.inject(protocol.holder, protocol.cash_token, rule.fund)
    protocol.fund = rule.fund
    protocol.remote.open(world.now)
    if protocol.options is not None:
        open_board(protocol)
