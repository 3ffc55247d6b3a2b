"""The cascade in a few plain figures, for a run's summary."""

from typing import Any

from abm.contagion.attribution import Attribution
from abm.contagion.endogenous import endogenous_share, first_breaches
from abm.contagion.graph import trees
from abm.record import Record

__all__ = ["cascade_summary"]


def cascade_summary(record: Record, done: Attribution) -> dict[str, Any]:
    """First breaches, episodes, the forest, and the endogenous share in its four views (`abm.contagion.endogenous`).

    `done` is the record's attribution.
    """
    breaches = record["breaches"]
    grown = trees(record, done)
    share = endogenous_share(record, done.endogenous)
    return {
        "first_breaches": int(first_breaches(breaches).sum()),
        "episodes": breaches["episode"].n_unique(),
        "roots": len(grown),
        "largest_tree": int(grown["size"].to_numpy().max(initial=0)),
        "largest_depth": int(grown["depth"].to_numpy().max(initial=0)),
        "endogenous_share": share["first_usd"],
        "endogenous_share_unweighted": share["first"],
        "endogenous_share_all": share["all_usd"],
        "endogenous_share_all_unweighted": share["all"],
    }
