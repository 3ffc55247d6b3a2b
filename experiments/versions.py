"""Versions of code, schema and packages."""

import hashlib
import importlib.metadata
import platform
from functools import cache
from importlib.resources import files
from pathlib import Path

from abm.record import SCHEMA_VERSION

__all__ = ["code_digest", "version_lines"]

PACKAGES = ("mesa", "networkx", "numpy", "polars", "ray", "numba", "scipy")


@cache
def code_digest() -> str:
    """Fingerprint of the code that this process runs: two nodes alike in it and in their packages give the same bits."""
    found = hashlib.blake2b(digest_size=8)
    for package in ("abm", "agents", "experiments"):
        root = Path(str(files(package)))
        for path in sorted(root.rglob("*.py")):
            found.update(path.relative_to(root).as_posix().encode())
            found.update(path.read_bytes())
    versions = (platform.python_version(), *(importlib.metadata.version(name) for name in PACKAGES))
    found.update(" ".join(versions).encode())
    return found.hexdigest()


def version_lines() -> list[str]:
    """One line each: crossfire, the tables' schema, Python, the packages that results depend on."""
    lines = [
        f"crossfire {importlib.metadata.version('crossfire-risk')}",
        f"schema {SCHEMA_VERSION}",
        f"python {platform.python_version()}",
    ]
    return lines + [f"{name} {importlib.metadata.version(name)}" for name in PACKAGES]
