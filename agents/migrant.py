"""A migrant: holds a leveraged position, and takes it to the protocol that asks for less margin when that pays.

It compares what its account would require on each protocol that knows all that it holds, and what funding costs there.
What a move sets free of margin is worth an annual return, for as long as the difference is expected to last; a move that
is worth more than it costs is asked for by a margin passport (docs/passport.md).  It cannot trade until the passport is
used or void.
"""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from abm.chains.chain import Inclusion
from abm.errors import ScenarioError, nearest
from abm.keys import Fraction, Names, NonNegative, Positive
from abm.margin.engine import Assessment
from abm.protocol.passport.document import Holdings, Passport
from abm.protocol.passport.holdings import assess, mode_at, read, unknown
from abm.protocol.protocol import Protocol
from agents.resident import Params, Resident

__all__ = ["Migrant", "MigrantParams"]

YEAR = 365.0 * 86400.0


class MigrantParams(Params):
    """Keys of a migrant."""

    protocol: str = Field(description="where its account is at the opening")
    others: Annotated[Names, Field(min_length=1)] = Field(description="protocols to which it may take the account")
    market: str = Field(description="the coin")
    capital: Positive = Field(description="deposit at the opening, USD")
    leverage: Positive = Field(5.0, description="notional over equity at the opening")
    long_share: Fraction = Field(1.0, description="probability that it is long")
    wallet: NonNegative = Field(100.0, description="USD kept for fees on the chain of each of the protocols")
    worth: NonNegative = Field(0.2, description="annual return on margin that is set free")
    horizon: Positive = Field(86400.0, description="seconds for which it expects differences to last")
    cost: NonNegative = Field(1.0, description="what a move costs it besides the fees of its chain, USD")
    buffer: Annotated[float, Field(ge=1)] = Field(
        1.2, description="margin equity over initial margin that it wants there"
    )
    validity: Positive = Field(600.0, description="seconds for which its passports are good")
    rest: NonNegative = Field(600.0, description="seconds after a passport's end before it asks for another")
    latency: NonNegative = Field(0.5, description="seconds until a transaction reaches its chain")
    tip: NonNegative = Field(1e-9, description="USD per gas over the base fee")


class Migrant(Resident):
    """Goes where margin is lower.

    Attributes
    ----------
    home
        The protocol at which its account is, or which it is leaving.
    moves
        How often it has arrived elsewhere.
    refusals
        Why it was given no passport, or one came to nothing, with the time.
    """

    kind: ClassVar[str] = "migrant"
    Params: ClassVar[type[Params]] = MigrantParams
    params: MigrantParams

    def settle(self) -> None:
        """Deposit, hold the position, and keep a little for fees on each chain.

        Raises
        ------
        ScenarioError
            It may go to where it is already, or there is no way.
        """
        k = self.params
        p = self.home = self.protocol(k.protocol)
        self._known = (p, *(self._reachable(name) for name in k.others))
        for chain in sorted({q.chain for q in self._known}):
            self.endow(p.spec.settlement, chain, k.wallet)
        market = self.market(p, k.market)
        self.account = self.open_ordinary(p, k.capital)
        side = 1.0 if self.world.draws.uniform("side", self.name, 0) < k.long_share else -1.0
        self.hold(p, self.account, market, side * k.leverage * k.capital / float(p.terms.price[market]))
        self.moves, self.refusals = 0, list[tuple[float, str]]()
        self._passport: Passport | None = None
        self._not_before = -np.inf

    def _reachable(self, name: str) -> Protocol:
        where = f"agents.{self.name}.params.others"
        found = self.world.protocols.get(name)
        if found is None:
            raise ScenarioError(where, f"unknown protocol '{name}'", nearest(name, self.world.protocols))
        if found is self.home:
            raise ScenarioError(where, f"its account is on '{name}' already", "name others only")
        if not self.world.post.joined(self.home.name, name):
            raise ScenarioError(
                where, f"no bridge carries {self.home.spec.settlement} between {self.home.name} and {name}",
                "add one, or name another protocol",
            )  # fmt: skip
        return found

    def act(self) -> None:
        """Look where the account is, and ask for a passport when a move pays."""
        self._follow()
        if self._passport is not None or self.world.now < self._not_before:
            return
        if not self.home.ledger.holds(np.array([self.home.ledger.row(self.account)]))[0]:
            return
        gain, target = self._best()
        if target is not None and gain > self.params.cost:
            self._ask(target)

    # where it is

    def _follow(self) -> None:
        """Note what has become of its passport."""
        if self._passport is None:
            return
        phase, target = self.world.post.phase(self._passport), self._passport.target
        if phase == "opened":
            self.home = self.world.protocols[target]
            self.accounts = [(self.home, self.account)]
            self.moves += 1
        elif phase == "void":
            self._refused(self.world.post.office(self._passport.source).source.issues[self._passport.number].reason)
        else:
            return
        self._passport = None
        self._not_before = self.world.now + self.params.rest

    def _refused(self, reason: str) -> None:
        self.refusals.append((self.world.now, reason))
        self._not_before = self.world.now + self.params.rest

    # what pays

    def _best(self) -> tuple[float, Protocol | None]:
        """The protocol to which a move is worth most, and what that is worth, USD."""
        holdings = read(self.home, self.home.ledger.row(self.account))
        here = self._running_cost(self.home, holdings, self._view(self.home, holdings))
        found: tuple[float, Protocol | None] = (0.0, None)
        for q in self._known:
            if q is self.home or unknown(q, holdings):
                continue
            view = self._view(q, holdings)
            gain = here - self._running_cost(q, holdings, view)
            if gain > found[0] and view.margin_equity[0] >= self.params.buffer * view.im[0]:
                found = gain, q
        return found

    def _view(self, p: Protocol, holdings: Holdings) -> Assessment:
        """Its account as it would stand at a protocol."""
        mode = int(self.home.ledger.mode[self.home.ledger.row(self.account)])
        return assess(p, holdings, mode_at(p, mode))

    def _running_cost(self, p: Protocol, holdings: Holdings, view: Assessment) -> float:
        """What holding this at a protocol costs over the horizon: the return on the initial margin, and funding at its
        latest rates, USD."""
        k, funding = self.params, self.world.funding[p.name]
        margin, paid = float(view.im[0]), 0.0
        for position in holdings.positions:
            m = p.assets.index(position.asset)
            rate = float(funding.rates[m] / funding.interval[m])
            paid += position.size * float(p.terms.price[m]) * rate * k.horizon
        return margin * k.worth * k.horizon / YEAR + paid

    def _ask(self, target: Protocol) -> None:
        """Send the transaction that asks for a passport."""
        home = self.home

        def issue(_: Inclusion) -> None:
            if self._passport is not None:
                return
            source = self.world.post.office(home.name).source
            got = source.issue(self.owner, self.account, target.name, self.params.validity)
            if isinstance(got, Passport):
                self._passport = got
            else:
                self._refused(got.reason)

        self._not_before = self.world.now + self.params.rest
        self.send(home.chain, "passport", issue, tip=self.params.tip, latency=self.params.latency)

    # what is looked at

    def wealth(self) -> float:
        """As everybody's, and what is in transit."""
        self._follow()
        return super().wealth() + self.world.post.worth(self.owner)
