"""Mistakes that show only when a world is built, told with the file that they stand in."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from abm.errors import ScenarioError
from abm.scenario import Scenario

__all__ = ["mistakes_in"]


@contextmanager
def mistakes_in(file: str, changes: Mapping[str, Any]) -> Iterator[None]:
    """Let a mistake in a scenario's key name the file, or `--set` where that gave the key its value.

    Raises
    ------
    ScenarioError
        The mistake, with its place.
    """
    try:
        yield
    except ScenarioError as error:
        if error.where.split(".")[0] not in Scenario.model_fields:
            raise
        place = "--set" if error.where in changes else file
        raise ScenarioError(f"{place}: {error.where}", error.what, error.remedy) from error
