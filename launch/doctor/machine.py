"""Asks this machine all that a training depends on."""

import os
import shutil
import socket
from pathlib import Path

from launch.doctor.clock import skew_of
from launch.doctor.compare import Finding
from launch.doctor.host import HostReport
from launch.doctor.lines import Look
from launch.doctor.stack import look_at_stack
from sharding.storage.place import Place
from trainer.engine.extensions import compiled_op, extensions_dir

_PATIENCE_S = 5.0


def look_here(report: HostReport, fatal: list[Finding], *, runs: Path, data: Place | None) -> Look:
    """Ask what the report does not tell. Nothing is left behind.

    Args:
        report: of this machine.
        fatal: what was already found that training would fail of.
        runs: folder where runs are to be written, which need not be there yet.
        data: a data set, if one is named.
    """
    stack, problem = look_at_stack()
    folder = next(parent for parent in (runs.absolute(), *runs.absolute().parents) if parent.is_dir())
    op = compiled_op(extensions_dir())
    return Look(
        report=report,
        fatal=fatal,
        stack=stack,
        stack_problem=problem,
        skew=skew_of(data, folder=folder) if os.access(folder, os.W_OK) else (None, f"{folder} cannot be written"),
        op=str(op) if op.is_file() else "",
        op_folder=str(extensions_dir()),
        has_compiler=any(shutil.which(name) for name in (os.environ.get("CXX") or "c++", "g++", "clang++")),
        ports=port_problem(),
    )


def port_problem(address: str = "127.0.0.1") -> str:
    """Why a process here cannot listen and be reached; empty if it can."""
    try:
        with (
            socket.create_server((address, 0)) as listener,
            socket.create_connection(listener.getsockname(), timeout=_PATIENCE_S),
        ):
            return ""
    except OSError as error:
        return f"none can be had at {address} ({error.strerror or error})"
