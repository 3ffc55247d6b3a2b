"""Oracles: aggregation of sources with their provenance, and the feed that tells a chain."""

from abm.oracles.aggregation import aggregate, terms
from abm.oracles.feed import Feed, Update

__all__ = ["Feed", "Update", "aggregate", "terms"]
