"""What stands behind the command in the script: written when the job is submitted, read in the job."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from launch.hosts.num_procs import NOT_ASKED, NumProcs, parse_num_procs


@dataclass(frozen=True, kw_only=True)
class JobArguments:
    """What a job is told of the ranks that it starts."""

    run: Path
    slots: int
    """Ranks that each node can take."""
    max_restarts: int
    num_procs: NumProcs = NOT_ASKED

    def words(self) -> list[str]:
        """The arguments; `parse_arguments` is the inverse."""
        numbers = {"--slots": self.slots, "--max-restarts": self.max_restarts}
        words = [str(self.run), *(word for name, value in numbers.items() for word in (name, str(value)))]
        return [*words, "--num-procs", str(self.num_procs)] if self.num_procs.is_asked else words


def parse_arguments(argv: Sequence[str]) -> JobArguments:
    """Read them. Ends the process if they are not those of a script of ours."""
    parser = argparse.ArgumentParser(prog="python -m launch.slurm.job")
    parser.add_argument("run", type=Path)
    for name in ("--slots", "--max-restarts"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--num-procs", type=parse_num_procs, default=NOT_ASKED)
    return JobArguments(**vars(parser.parse_args(argv)))
