"""Numbers of an evaluation or judge file that no run could cope with."""

from collections.abc import Iterator, Mapping

from eval_assets.config.evaluation import EvaluationFile
from eval_assets.config.judge import JudgeFile
from eval_assets.config.problems import Location, Problem, line_of

MAX_CANDIDATES = 10_000
"""Models × prompts before any is skipped: all of them are written out when files are loaded."""
MAX_SAMPLES = 10_000
MAX_SEED = 2**63 - 1


def quantity_problems(
    declared: EvaluationFile | JudgeFile, *, file: str, lines: Mapping[Location, int]
) -> Iterator[Problem]:
    """Say which numbers are out of bounds."""

    def outside(field: str, said: str) -> Problem:
        return Problem(file, said, line_of((field,), lines), field)

    if declared.samples > MAX_SAMPLES:
        yield outside("samples", f"expected at most {MAX_SAMPLES:,} samples, got {declared.samples:,}")
    if isinstance(declared, JudgeFile):
        return
    n_candidates = len(declared.models) * len(declared.prompts)
    if n_candidates > MAX_CANDIDATES:
        said = f"expected at most {MAX_CANDIDATES:,} pairs of model and prompt, got {n_candidates:,}"
        yield outside("models", f"{said}; split the evaluation into several files")
    if not 0 <= declared.seed <= MAX_SEED:
        yield outside("seed", f"expected a whole number from 0, got {declared.seed}")
