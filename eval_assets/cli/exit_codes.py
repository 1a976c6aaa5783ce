"""What the command line's exit codes mean: one table for `run` and `gate`, so that a pipeline can tell them apart."""

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended.

    Where several hold, `run` gives the first of: stopped, usage, crashed, under way, rows failed, NO-GO, INCONCLUSIVE.
    What comes earlier makes what comes later unfinished.
    """

    DONE = 0
    NO_GO = 1
    USAGE = 2
    INCONCLUSIVE = 3
    ROWS_FAILED = 4
    CRASHED = 5
    UNDER_WAY = 6
    STOPPED = 130
    NO_READER = 141  # whoever read the output has gone, as `head` does


RUN_CODES = (
    "Exit code 0: all is up to date and gates say GO; 1: a gate says NO-GO; 2: the command or a file can't be used; "
    "3: a gate is INCONCLUSIVE; 4: rows failed; 5: a run crashed or could not be finished; "
    "6: requests are under way in batches, or cells in the queue; 130: stopped. "
    "Of several the first of 130, 2, 5, 6, 4, 1, 3."
)
GATE_CODES = (
    "Exit code 0: GO; 1: NO-GO; 2: the command or a file can't be used, or there are no gates; "
    "3: INCONCLUSIVE, as when files changed since the run."
)
