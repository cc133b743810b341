"""How many CPU threads a process computes with: said before torch is imported, which reads it once."""

import os


def share_cores(num_threads: int | None = None) -> None:
    """Set what torch reads: threads that wait sleep, and there are `num_threads` of them, unless the user set it.

    Spinning, idle threads take the core from DALI's threads and from other processes of the machine: a step beside one
    busy process takes 3 to 5 times as long then, and a translation 2.7 times. Of every command, first of all, and
    again in whoever starts ranks, and in the ranks that Ray starts.

    Args:
        num_threads: of this process; all of its cores if not given.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if num_threads is not None:
        os.environ.setdefault("OMP_NUM_THREADS", str(num_threads))
