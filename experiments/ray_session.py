"""Ray for the length of a sweep: one of our own on this computer, or a cluster that is there already."""

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from abm.errors import UserError

__all__ = ["Session", "check_request", "ray_session"]

PORT_SECONDS = 10.0
"""How long a cluster's port may take to accept a connection."""

PROBE_SECONDS = 45.0
"""How long a cluster may take to let a process join."""

OBJECT_STORE = 256 * 2**20
"""Bytes of shared memory for price paths; what does not fit goes to disk."""

WORKER_ENV = {
    "NUMBA_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
}
"""One thread a worker: the runs are what is parallel."""

QUIET_ENV = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": r"A worker died|Task _run_one failed|Workers \(tasks / actors\) killed",
}
"""No reports to Ray's makers, and no word of a worker's death: a sweep tells of it itself."""

LOCAL_ENV = QUIET_ENV | {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Ray of our own listens on loopback only, which by default it does on laptops of those two systems."""


@dataclass(frozen=True)
class Session:
    """A running Ray: how many runs it does at once, and how many to hand it at most."""

    slots: int
    window: int


@contextmanager
def ray_session(workers: int | None, address: str | None) -> Iterator[Session]:
    """Start Ray with some workers (default: one per core), connect to an address, or use the one this process has.

    Only a Ray that was started or connected here is shut down at the end.

    Raises
    ------
    UserError
        The cluster refuses.
    """
    with _environment(LOCAL_ENV if address is None else QUIET_ENV):
        import ray

        own = not ray.is_initialized()
        if own:
            _connect(ray, address) if address else _start(ray, workers)
    try:
        cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
        slots = min(workers or cores, cores)
        ours = own and address is None
        yield Session(slots, 2 * slots if ours or workers is None else slots)
    finally:
        if own:
            ray.shutdown()


def _start(ray: Any, workers: int | None) -> None:
    ray.init(
        num_cpus=workers,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=OBJECT_STORE,
        runtime_env={"env_vars": WORKER_ENV},
    )


def _connect(ray: Any, address: str) -> None:
    try:
        ray.init(
            address=address,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"env_vars": WORKER_ENV},
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _unreachable(address, str(error)) from error


def check_request(workers: int | None, address: str | None) -> None:
    """Find out, before anything is written, whether a session with these can be had.

    A process of its own tries the address, for a bounded time: Ray's own attempts go on for minutes
    where something else listens, and some failures end the process that asks.

    Raises
    ------
    UserError
        Fewer workers than one, or the cluster cannot be reached.
    """
    if workers is not None and workers < 1:
        raise UserError("--workers", f"must be at least 1, got {workers}", "leave it out for one per core")
    if address is None:
        return
    if address != "auto":
        _port_answers(address)
    attempt = f"import ray; ray.init(address={address!r}, log_to_driver=False, logging_level='ERROR')"
    try:
        done = subprocess.run(
            [sys.executable, "-c", attempt], timeout=PROBE_SECONDS, capture_output=True, text=True, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise _unreachable(address, f"no answer in {PROBE_SECONDS:g} seconds") from error
    if done.returncode:
        raise _unreachable(address, done.stderr)


def _port_answers(address: str) -> None:
    parts = urlsplit(address if "//" in address else f"//{address}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port or parts.scheme not in ("", "ray"):
        raise UserError(f"--address {address}", "not an address", "write host:port, ray://host:port or auto")
    try:
        with socket.create_connection((host, port), timeout=PORT_SECONDS):
            pass
    except OSError as error:
        raise _unreachable(address, error.strerror or str(error)) from error


def _unreachable(address: str, output: str) -> UserError:
    """The error of a cluster that cannot be used; of Ray's output the last line is the reason."""
    if "InvalidAuthToken" in output:
        what = "the cluster asks for a token, and this process gave none or another"
        return UserError(
            f"--address {address}", what, "set RAY_AUTH_MODE=token, with the cluster's token as Ray takes it"
        )
    lines = [line for line in output.splitlines() if line.strip()]
    reason = lines[-1] if lines else "no reason given"
    if "ray[client]" in reason:
        return UserError(
            f"--address {address}", "ray:// needs Ray's client", "pip install 'ray[client]', or use host:port"
        )
    remedy = "check that the same version of Ray runs there, that this computer is a node of it, and RAY_AUTH_MODE"
    return UserError(f"--address {address}", f"no Ray cluster ({reason.strip()})", remedy)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Variables that Ray reads when it is imported and started, put back afterwards."""
    before = {key: os.environ.get(key) for key in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
