"""`python -m launch.doctor.probe`: what a rank runs to find out whether, and how fast, all ranks add up a vector."""

import sys

from sharding.console import guard_terminal, make_console
from trainer.loop.errors import exit_status, failures_recorded
from trainer.loop.stop import end_with_launcher
from trainer.ranks.exits import FINISHED


def main() -> int:
    """Print on rank 0 what it took. Returns the exit status."""
    end_with_launcher()
    try:
        with failures_recorded():
            return _time()
    except Exception as error:
        make_console(stderr=True).error(error)
        return exit_status(error)


def _time() -> int:
    # Not above: what takes seconds to import is imported where failures are told already.
    from trainer.ranks.all_reduce import time_all_reduce
    from trainer.ranks.world import close_world, init_world

    world = init_world("auto")
    found = time_all_reduce(world)
    if world.is_main:
        make_console().print(str(found))
    close_world()
    return FINISHED


if __name__ == "__main__":
    guard_terminal()
    sys.exit(main())
