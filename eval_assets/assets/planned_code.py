"""Which release of this package planned a run: a machine with another one says so, and computes nothing."""

import socket
from importlib.metadata import version

import dagster as dg

from eval_assets.stages.content_hash import content_sha256
from eval_assets.stages.stage_table import STAGES

CODE_TAG = "eval_assets/code"
"""Tag of runs that are handed to other machines."""


def code_now() -> str:
    """The release, and a hash of the versions of its computations, which differ between two states of one release."""
    computations = {table: stage.code_version for table, stage in STAGES.items()}
    return f"{version('eval-assets')}-{content_sha256(computations)[:8]}"


def refuse_other_code(run: dg.DagsterRun) -> None:
    """Refuse a run that was planned with other code.

    Raises:
        dagster.Failure: Its results would differ from the plan's without anybody seeing why.
    """
    planned, here = run.tags.get(CODE_TAG), code_now()
    if planned not in (None, here):
        raise dg.Failure(
            f"expected eval-assets {planned}, with which this run was planned, got {here} on {socket.gethostname()}; "
            "install the same release on all machines, and run `refresh` again",
            allow_retries=False,
        )
