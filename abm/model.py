"""The clock: builds the world of a scenario, says what happens when, and leaves a record.  No rule of finance lives here."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import Any

import mesa
import numpy as np

from abm.assembly import (
    Inhabitant,
    assemble,
    sample_accounts,
    sample_agents,
    sample_collateral,
    sample_markets,
    sample_positions,
    sample_protocols,
    summarise,
)
from abm.chains.bridge import End
from abm.chains.chain import Chain, Inclusion, Transaction
from abm.draws import Draws
from abm.errors import AuditError
from abm.option_samples import sample_options
from abm.oracles.feed import Feed, Update
from abm.prices import PricePath, build_prices
from abm.protocol.block import run_block
from abm.protocol.options.settlement import tick_options
from abm.protocol.protocol import Protocol
from abm.protocol.waterfall import rescue_vault, socialise, unwind_vault
from abm.record import Record
from abm.scenario import Scenario
from abm.timetable import Repeat, Timetable
from abm.world import World, build_world

__all__ = ["CrossMarginModel", "Progress", "Turn"]


class Turn(IntEnum):
    """Order of what happens at one time: the world (prices, oracles' readings, blocks chain by chain), agents, the rest
    (housekeeping, samples)."""

    WORLD = 0
    AGENT = 20
    REST = 30


MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: simulated seconds done and in all, accounts at risk (health below 1.25), liquidations so far."""

    done: float
    duration: float
    at_risk: int
    liquidations: int


class CrossMarginModel(mesa.Model):  # type: ignore[misc]
    """A world and its clock.

    Parameters
    ----------
    scenario
        The world's description.
    path
        Exogenous prices; made from the scenario when not given.
    prices_file
        Bars to replay or to bootstrap from, over the scenario's own.
    """

    def __init__(self, scenario: Scenario, *, path: PricePath | None = None, prices_file: Path | None = None) -> None:
        super().__init__(rng=scenario.seed)
        self._default_schedule.stop()  # mesa's own step, which nothing here uses
        self.prices_file = prices_file
        draws = Draws(scenario.seed)
        self.world: World = build_world(scenario, path or build_prices(scenario, draws, prices_file), draws)
        self.description = scenario
        self.start = scenario.clock.start
        self.end = scenario.clock.start + scenario.clock.duration
        self.inhabitants: list[Inhabitant] = []
        self._progress: Callable[[Progress], None] | None = None
        self._ends = {end for b in scenario.bridges for end in (b.source, b.target)}
        self.audits: dict[str, float] = {}
        self._running = False

    # running

    def run(self, progress: Callable[[Progress], None] | None = None) -> None:
        """Run to the end; `progress` is called every simulated minute.

        Raises
        ------
        AuditError
            Money or positions do not add up.
        RuntimeError
            The model has run already.
        """
        if self._running:
            raise RuntimeError("this model has run; build another")
        self._running = True
        self._progress = progress
        self._open()
        self.run_until(self.end)
        self._close()

    def record(self) -> Record:
        """What the run leaves: tables, summary, manifest.

        Raises
        ------
        RuntimeError
            Tables of the log were dropped.
        """
        return assemble(self)

    def summary(self) -> dict[str, Any]:
        """The record's summary alone."""
        return summarise(self)

    def _open(self) -> None:
        world = self.world
        world.crossing.back_all()
        for protocol in world.protocols.values():
            protocol.counterparty.street_call()
            protocol.refresh(self.start)
            protocol.snapshot(self.start)
            protocol.ledger.changed[:] = np.nextafter(self.start, -np.inf)  # what was opened lies before the opening
        self._sample_all()
        self._audit()
        self._timetables = (
            Timetable(self, self._happenings(), Turn.WORLD),
            Timetable(self, self._chores() + self._looks(), Turn.REST),
        )

    def _happenings(self) -> list[Repeat]:
        """What recurs in the world, in order: the price tick, oracles' readings, blocks."""
        world, start, tick = self.world, self.start, self.description.clock.price_interval
        found = [Repeat(start + tick, tick, self._tick)]
        for spec in self.description.oracles:
            found.append(Repeat(start + spec.sampling, spec.sampling, partial(self._read, world.feeds[spec.name])))
        for chain in world.chains.values():
            found.append(Repeat(start + chain.interval, chain.interval, partial(self._block, chain)))
        return found

    def _chores(self) -> list[Repeat]:
        """What each protocol does beside its blocks."""
        found = []
        for protocol in self.world.protocols.values():
            found.append(Repeat(self.start, protocol.spec.message_interval, partial(self._tell, protocol)))
            found.append(Repeat(self.start + MINUTE, MINUTE, partial(self._minute, protocol)))
        return found

    def _looks(self) -> list[Repeat]:
        """Samples, audits and progress; the end has samples of its own, when all is done."""
        spec, audit = self.description.record, self.description.audit.interval
        looks = (
            (spec.markets, self._sample_markets), (spec.agents, self._sample_agents),
            (spec.accounts, self._sample_accounts),
        )  # fmt: skip
        found = [
            Repeat(self.start + every, every, partial(self._before_end, look)) for every, look in looks if every > 0
        ]
        if audit > 0:
            found.append(Repeat(self.start + audit, audit, self._audit))
        if self._progress is not None:
            found.append(Repeat(self.start + MINUTE, MINUTE, partial(self._report, self._progress)))
        return found

    def _before_end(self, look: Callable[[], None]) -> None:
        if float(self.time) < self.end:
            self.world.tape.enter("", 0, float(self.time))
            look()

    def _close(self) -> None:
        self.world.tape.enter("", 0, self.end)
        for protocol in self.world.protocols.values():
            protocol.refresh(self.end)
            socialise(protocol)
        self._audit()
        self._sample_all()

    # what happens

    def _tick(self) -> None:
        """Prices move, funding is sampled and, when due, paid."""
        world, now = self.world, float(self.time)
        world.tape.enter("", 0, now)
        world.books.tick(now, world.path.values[round(now / world.path.interval)])
        for name, protocol in world.protocols.items():
            protocol.marks.compute()
            if protocol.options is not None:
                tick_options(protocol, now)
            funding = world.funding[name]
            funding.sample(protocol.marks.index)
            due = now >= funding.due[0] - 1e-6
            if due:
                for market, rate in enumerate(funding.settle(now)):
                    protocol.settle_funding(market, float(rate))
                socialise(protocol)

    def _read(self, feed: Feed) -> None:
        """An oracle reads its sources and sends what has moved."""
        world, now = self.world, float(self.time)
        world.books.advance(now)
        for update in feed.sample(now, world.books.last, world.tape.moves):
            self._send_update(feed, update)

    def _send_update(self, feed: Feed, update: Update) -> None:
        world = self.world
        spec = next(o for o in self.description.oracles if o.name == feed.name)
        jitter = spec.jitter * float(world.draws.exponential("oracle", feed.name, update.sequence))

        def publish(inclusion: Inclusion) -> None:
            feed.publish(update, inclusion.time)

        world.chains[spec.chain].submit(
            Transaction(
                f"oracle:{feed.name}", update.sequence, "oracle", update.seen + spec.delay + jitter, spec.tip,
                spec.gas, publish, 1, lambda _: feed.dropped(update),
            )
        )  # fmt: skip

    def _block(self, chain: Chain) -> None:
        """A chain's block: its transactions in order, what bridges deliver there, then each protocol's own block."""
        world, now = self.world, float(self.time)
        height = chain.height
        included = chain.produce(now, world.stress() if chain.responds else 0.0)
        here = [p for p in world.protocols.values() if p.chain == chain.name]
        if chain.height == height or not (included or here or world.transfers or chain.name in self._ends):
            return
        world.tape.enter(chain.name, chain.height, now)
        world.books.advance(now)
        world.books.open_block(world.books.of_chain(chain.name), now)
        for protocol in here if included else ():
            protocol.refresh(now)
        for inclusion in included:
            inclusion.transaction.run(inclusion)
        for bridge in world.bridges.values():
            if chain.name in (bridge.spec.source, bridge.spec.target):
                world.crossing.deliver(bridge, now, "target" if chain.name == bridge.spec.target else "source")
        world.deliver_transfers()
        world.post.work(chain.name, now)
        for protocol in here:
            run_block(protocol, world.episodes)
        if self.description.audit.interval == 0:
            self._audit()

    def _tell(self, protocol: Protocol) -> None:
        """Each remote chain that is not out tells home what lies there."""
        world, now = self.world, float(self.time)
        for h, bridge in enumerate(protocol.remote.bridge):
            if bridge is not None:
                known = float(world.treasury.balance[protocol.holder, protocol.coin_tokens[h]])
                home: End = "target" if bridge.spec.target == protocol.chain else "source"
                bridge.send(known, now, kind="state", to=home, tag=h)

    def _minute(self, protocol: Protocol) -> None:
        """Once a minute, unless the chain is out: the street meets its margin, the vault trades down, or is rescued."""
        chain, now = self.world.chains[protocol.chain], float(self.time)
        if chain.is_out(now):
            return
        self.world.tape.enter(chain.name, chain.height, now)
        protocol.counterparty.street_call()
        unwind_vault(protocol)
        rescue_vault(protocol)

    # looking

    def _audit(self) -> None:
        for what, error in self.world.audit().items():
            self.audits[what] = max(self.audits.get(what, 0.0), abs(error))
            if not abs(error) <= self.description.audit.tolerance:
                place = f"time {float(self.time)} s, chain '{self.world.tape.chain}', block {self.world.tape.block}"
                last = f"last event {self.world.log.frame('events').tail(1).rows()}"
                if "events" in self.world.log.dropped:
                    last = "its events were not kept: run this scenario and seed alone to see the last"
                raise AuditError(f"{what} is off by {error:.3g} of the gross at {place}; {last}")

    def _sample_markets(self) -> None:
        sample_markets(self.world)
        sample_protocols(self.world)
        sample_options(self.world)

    def _sample_agents(self) -> None:
        sample_agents(self.world, self.inhabitants)

    def _sample_accounts(self) -> None:
        for protocol in self.world.protocols.values():
            sample_accounts(self.world, protocol)

    def _sample_all(self) -> None:
        self._sample_markets()
        self._sample_accounts()
        for protocol in self.world.protocols.values():
            sample_positions(self.world, protocol)
            sample_collateral(self.world, protocol)
        self._sample_agents()

    def _report(self, progress: Callable[[Progress], None]) -> None:
        at_risk = 0
        for protocol in self.world.protocols.values():
            rows = np.flatnonzero(protocol.ordinary())
            view = protocol.engine.assess(protocol.ledger, protocol.terms, rows)
            at_risk += int(np.sum((view.mm > 0) & (view.margin_equity < 1.25 * view.mm)))
        progress(
            Progress(
                float(self.time) - self.start, self.end - self.start, at_risk, self.world.log.counts["liquidations"]
            )
        )
