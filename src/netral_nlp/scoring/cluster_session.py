"""A Ray cluster for one run: joined or started, quiet, and let go of at the end."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

from netral_nlp.errors import ConfigError, MissingExtraError

_PATIENCE = 5.0  # seconds for a head node to answer at all
_PATIENCE_TO_JOIN = 40.0  # and to take us in; Ray itself gives up after 30 where it knows that it cannot
# Set before Ray is imported. Nothing is reported over the network; what goes wrong is told by us, in one line.
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_LOG_LEVEL": "ERROR",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",  # of the cluster's messages, which it would print on standard output
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


@contextlib.contextmanager
def ray_cluster(address: str | None, cpus: int | None) -> Iterator[Any]:
    """The module `ray`, connected to a cluster.

    A cluster that this process is connected to already is used and left alone. Otherwise `address` is joined, or what
    the environment names (`RAY_ADDRESS`), or a cluster of this machine alone is started and stopped again.

    Args:
        address: HOST:PORT of a head node, "auto" for the cluster that this machine is part of, or None.
        cpus: processor cores that a cluster of the run's own counts with; None for those of the machine.

    Raises:
        MissingExtraError: Ray is not installed.
        ConfigError: the address is none, or nothing answers there.
    """
    if importlib.util.find_spec("ray") is None:
        raise MissingExtraError("--engine ray", "ray")
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)
    if ray.is_initialized():
        yield ray
        return
    wanted = address or os.environ.get("RAY_ADDRESS") or "local"
    _check_address(wanted)
    with _own_signals(), _silent_stderr():
        try:
            ray.init(
                address=wanted,
                num_cpus=cpus if wanted == "local" else None,
                include_dashboard=False if wanted == "local" else None,
                logging_level=logging.ERROR,
                configure_logging=False,
                log_to_driver=False,
            )
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ConfigError(
                f"no Ray cluster can be used at {wanted!r}: {reason}; run on a machine of the cluster (`ray status` "
                "shows it), or leave --address out to use this machine alone"
            ) from error
    try:
        yield ray
    finally:
        with _uninterrupted():  # a second Ctrl-C must not leave processes behind
            ray.shutdown()


def _check_address(address: str) -> None:
    """Find out at once what Ray would find out in minutes.

    Raises:
        ConfigError: the address is none of ours, or nothing listens there.
    """
    if address in ("local", "auto"):
        return
    host, _, port = address.rpartition(":")
    if address.startswith("ray://") or not host or not port.isdigit() or int(port) > 65535:
        raise ConfigError(
            f"--address {address}: give HOST:PORT of the cluster's head node (its port is 6379 unless you chose "
            "another) or `auto`, on a machine of the cluster"
        )
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE):
            pass
    except OSError as error:
        raise ConfigError(
            f"--address {address}: nothing answers there ({error.strerror or error}); check the address and that "
            "`ray start --head` runs"
        ) from error
    _check_ray_answers(address)


def _check_ray_answers(address: str) -> None:
    """Try to join in a process of its own: where something else than Ray listens, joining hangs beyond any patience.

    Raises:
        ConfigError: it took too long.
    """
    command = "import sys, ray; ray.init(address=sys.argv[1], log_to_driver=False)"
    try:
        subprocess.run(
            [sys.executable, "-c", command, address], capture_output=True, timeout=_PATIENCE_TO_JOIN, check=False
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(
            f"--address {address}: what listens there does not answer as a Ray head node within "
            f"{_PATIENCE_TO_JOIN:.0f} s; check host and port"
        ) from None


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Keep this process's way to end: Ray brings a SIGTERM handler of its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Keep off the terminal what Ray's native code says while it starts; what fails there is raised as well."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 (a device, not a file)
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
