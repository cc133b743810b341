"""Exit statuses of a run: they tell whether to mend the command, to try again, or to do nothing."""

import signal

FINISHED = 0
FAILED = 1
"""Explained, and the same again if it is tried again: losses that are no numbers, a full disk, a damaged checkpoint."""
WRONG_INPUT = 2
"""The configuration or the data set; before any training, or found by the ranks."""
CRASHED = 70
"""A defect, of ours or of a library (sysexits.h: EX_SOFTWARE): the traceback says where. Worth another try."""
MACHINE_DIED = 75
"""A process was killed, or a host does not answer (EX_TEMPFAIL), more often than restarts are allowed."""
NO_PROGRESS = 76
"""Restarted or requeued so often without one more checkpoint that another time would not help."""
STOPPED = 128 + signal.SIGTERM
"""Told to stop; saved, to be continued."""
