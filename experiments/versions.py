"""Versions of code, schema and packages."""

import importlib.metadata
import platform

from abm.record import SCHEMA_VERSION

__all__ = ["version_lines"]

PACKAGES = ("mesa", "networkx", "numpy", "polars", "ray", "numba", "scipy")


def version_lines() -> list[str]:
    """One line each: crossfire, the tables' schema, Python, the packages that results depend on."""
    lines = [
        f"crossfire {importlib.metadata.version('crossfire-risk')}",
        f"schema {SCHEMA_VERSION}",
        f"python {platform.python_version()}",
    ]
    return lines + [f"{name} {importlib.metadata.version(name)}" for name in PACKAGES]
