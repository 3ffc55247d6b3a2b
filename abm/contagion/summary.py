"""The cascade in a few plain figures, for a run's summary."""

from typing import Any

from abm.contagion.attribution import Attribution
from abm.contagion.graph import trees
from abm.contagion.influence import influence
from abm.record import Record

__all__ = ["cascade_summary"]


def cascade_summary(record: Record, done: Attribution) -> dict[str, Any]:
    """Episodes, roots, the largest tree (its breaches and depth), and the endogenous share of the breaches.

    `done` is the record's attribution.
    """
    breaches = record["breaches"]
    if breaches.is_empty():
        return {"episodes": 0, "roots": 0, "largest_tree": 0, "largest_depth": 0, "endogenous_share": 0.0}
    grown = trees(record, done)
    exogenous = influence(record)["exogenous"].to_numpy()
    return {
        "episodes": breaches["episode"].n_unique(),
        "roots": len(grown),
        "largest_tree": int(grown["size"].to_numpy().max()),
        "largest_depth": int(grown["depth"].to_numpy().max()),
        "endogenous_share": 1.0 - float(exogenous.mean()),
    }
