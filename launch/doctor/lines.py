"""What is said of a machine, line by line: what is, whether it is fine, and the remedy. Pure functions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from launch.doctor.compare import MOST_SKEW_S, Finding
from launch.doctor.host import HostReport

State = Literal["fine", "note", "wrong", "skipped"]
"""`note`: training goes, but not as well as it could. `wrong`: it would stop. `skipped`: it could not be asked."""

LEAST_OPEN_FILES, LEAST_SHARED_MEMORY_GB, SCANT_RUN_GB = 1024, 1.0, 1.0


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing that training depends on."""

    name: str
    what: str
    state: State
    remedy: str = ""
    """Empty where there is nothing to do."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """All that was asked of a machine."""

    report: HostReport
    fatal: Sequence[Finding] = ()
    """What `compare` says that training would fail of."""
    stack: Mapping[str, Any] = field(default_factory=dict)
    """As `look_at_stack`."""
    stack_problem: str = ""
    skew: tuple[float | None, str] = (None, "it was not asked")
    """As `skew_of`."""
    op: str = ""
    """The compiled op, or empty where it is not compiled."""
    op_folder: str = ""
    has_compiler: bool = True
    ports: str = ""
    """Why no port can be had; empty if one can."""


def lines_of(look: Look) -> list[Line]:
    """A line for each, in the order in which they matter to a start."""
    return [
        _versions(look.report),
        *_stack(look),
        *_room(look.report),
        _op(look),
        _ports(look),
        _clock(*look.skew),
        *(Line(name="this machine", what=finding.text, state="wrong") for finding in look.fatal),
    ]


def _versions(report: HostReport) -> Line:
    listed = ", ".join(f"{name} {version[:12]}" for name, version in report.versions.items())
    absent = [name for name in ("torch", "deepspeed") if name not in report.versions]
    if not any(name.startswith("nvidia-dali") for name in report.versions):
        absent.append("nvidia-dali")
    remedy = f"{' and '.join(absent)} missing: `make setup`, or pip install 'diptych[train]'." if absent else ""
    return Line(name="versions", what=listed, state="wrong" if absent else "fine", remedy=remedy)


def _stack(look: Look) -> Iterator[Line]:
    if look.stack_problem:
        remedy = "Look at `python -m launch.doctor.stack`, and install anew with `make setup`."
        yield Line(name="torch", what=look.stack_problem, state="wrong", remedy=remedy)
        return
    remedies = {
        "torch": "Install it anew with `make setup`; of CUDA errors: mend the driver.",
        "DALI": "Install it anew with `make setup`; it has a wheel for each CUDA.",
        "W&B": "Training goes on without it. WANDB_MODE=offline keeps runs here.",
    }
    tellers = {"torch": _torch, "DALI": _dali, "W&B": _wandb}
    for name, found in look.stack.items():
        if "error" in found:
            state = "note" if name == "W&B" else "wrong"
            yield Line(name=name, what=found["error"], state=state, remedy=remedies[name])
        else:
            yield from tellers[name](found, look.report)


def _torch(found: Mapping[str, Any], report: HostReport) -> Iterator[Line]:
    number = len(report.gpus)
    if number and found["gpus"] < number:
        remedy = "The driver is older than torch's CUDA, or CUDA_VISIBLE_DEVICES hides them: see `nvidia-smi`."
        what = f"the driver shows {number} GPUs, and torch (CUDA {found['cuda']}) can use {found['gpus']}"
        yield Line(name="GPUs", what=what, state="wrong", remedy=remedy)
    elif number:
        yield Line(name="GPUs", what=f"{number} x {report.gpus[0]}, CUDA {found['cuda']}", state="fine")
    else:
        yield Line(name="GPUs", what=f"none; training runs on {report.num_cores} CPU cores", state="fine")
    if not number:
        yield Line(name="NCCL", what="not needed without a GPU; ranks exchange by gloo", state="skipped")
    elif found["nccl"]:
        yield Line(name="NCCL", what=found["nccl"], state="fine")
    else:
        remedy = "Install torch's wheel for CUDA: `make setup`."
        yield Line(name="NCCL", what="torch has none", state="wrong" if number > 1 else "note", remedy=remedy)
    yield _arithmetic(found)


def _arithmetic(found: Mapping[str, Any]) -> Line:
    if found["precision"] == "bfloat16":
        return Line(name="bf16", what=f"computed by this {found['device']}'s hardware", state="fine")
    what = f"this {found['device']} would only imitate it; --engine.precision auto computes in float32"
    return Line(name="bf16", what=what, state="note", remedy="Leave it at auto: imitated bf16 is 20 times slower.")


def _dali(found: Mapping[str, Any], report: HostReport) -> Iterator[Line]:
    del report
    yield Line(name="DALI", what=f"{found['version']}; it decoded a JPEG", state="fine")


def _wandb(found: Mapping[str, Any], report: HostReport) -> Iterator[Line]:
    del report
    told = {
        "online": "reachable, with a key: runs are shown there",
        "offline": "offline: runs are kept in wandb/ of each run",
        "disabled": "off, by WANDB_MODE",
    }
    remedy = "" if found["mode"] != "offline" else "To show runs: `wandb login`; later: `wandb sync` of a run's wandb/."
    what = found["notice"] or told[found["mode"]]
    yield Line(name="W&B", what=what, state="note" if found["notice"] else "fine", remedy=remedy)


def _room(report: HostReport) -> Iterator[Line]:
    """Fatal lack of it is among the findings of `compare`."""
    checks = (
        ("disk", f"{report.run_free_gb:.1f} GB free for runs", report.run_free_gb < SCANT_RUN_GB, "Make room."),
        (
            "shared memory",
            f"{report.shared_memory_gb:.1f} GB free in /dev/shm",
            report.shared_memory_gb < LEAST_SHARED_MEMORY_GB,
            "NCCL and Ray need some: in Docker give --shm-size 1g.",
        ),
        (
            "open files",
            f"a process may open {report.open_files}",
            report.open_files < LEAST_OPEN_FILES,
            "ulimit -n 65536",
        ),
        ("memory", f"{report.memory_gb:.1f} GB free", report.memory_gb < 1.0, "End other programs."),
    )
    for name, what, scarce, remedy in checks:
        yield Line(name=name, what=what, state="note" if scarce else "fine", remedy=remedy if scarce else "")


def _op(look: Look) -> Line:
    name = "compiled op"
    if look.report.gpus:
        return Line(name=name, what="ranks with GPUs meet by NCCL and need none", state="skipped")
    if look.op:
        return Line(name=name, what=look.op, state="fine")
    what = f"DeepSpeed's is not compiled in {look.op_folder}"
    if look.has_compiler:
        return Line(name=name, what=what, state="note", remedy="`make setup` compiles it; else the first start does.")
    remedy = "Install a compiler and Python's headers (Debian: g++ python3-dev), and run `make setup`."
    return Line(name=name, what=f"{what}, and there is no C++ compiler", state="wrong", remedy=remedy)


def _ports(look: Look) -> Line:
    if look.ports:
        remedy = "Ranks meet at a port of their own: see the firewall, and net.ipv4.ip_local_port_range."
        return Line(name="ports", what=look.ports, state="wrong", remedy=remedy)
    return Line(name="ports", what="one can be had and reached", state="fine")


def _clock(skew: float | None, what: str) -> Line:
    if skew is None:
        return Line(name="clock", what=f"not compared: {what}", state="skipped")
    told = f"{skew:+.1f} s against {what}"
    if abs(skew) > MOST_SKEW_S:
        remedy = "Start chrony or ntpd: stores refuse requests whose time is wrong."
        return Line(name="clock", what=told, state="note", remedy=remedy)
    return Line(name="clock", what=told, state="fine")
