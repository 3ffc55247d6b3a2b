"""A simulated hour of one-second blocks with 100,000 accounts that do not trade: seconds, and over a plain revaluation.

    python benchmarks/quiet_hour.py [ACCOUNTS]

The plain revaluation values every account in every block, which is what the watch spares; both are timed in one run.
"""

import sys
import time

import numpy as np

from abm.model import CrossMarginModel
from abm.scenario import Scenario
from agents.population import populate

STILL = {f"agents.retail.params.{rate}": 0.0 for rate in ("trades", "deleverage", "stop_rate", "top_ups")}


def main() -> None:
    accounts = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    change = STILL | {"agents.retail.params.accounts": accounts, "chains.0.interval": 1.0, "clock.duration": 3600.0}
    scenario = Scenario.load("calm").override(change)
    populate(CrossMarginModel(scenario.override({"clock.duration": 60.0}))).run()  # compiles
    start = time.perf_counter()
    model = populate(CrossMarginModel(scenario))
    built = time.perf_counter()
    model.run()
    done = time.perf_counter()
    protocol = model.world.protocols["harbor"]
    rows = np.arange(len(protocol.ledger))
    for _ in range(3600):
        protocol.engine.free_margin(protocol.ledger, protocol.terms, rows)
    plain = time.perf_counter() - done
    print(f"accounts                        {len(protocol.ledger):,}")
    print(f"building the world              {built - start:.2f} s")
    print(f"an hour, all of the world       {done - built:.2f} s")
    print(f"3,600 plain revaluations alone  {plain:.2f} s")
    print(f"the hour over plain             {(done - built) / plain:.2f}")
    print(f"accounts valued in a block      {protocol.watch.valued / 3600:,.0f}")


if __name__ == "__main__":
    main()
