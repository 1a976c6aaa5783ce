"""Which cells exist, and which judges and models each evaluation names. What is made from what is in `edges`."""

from dataclasses import dataclass

from eval_assets.config.candidate import Candidate
from eval_assets.config.project import Project
from eval_assets.errors import ConfigError


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One candidate in one evaluation."""

    evaluation: str
    model: str
    prompt: str

    @property
    def key(self) -> str:
        """The partition key.

        >>> Cell("quickstart", "gpt-4o", "concise").key
        'quickstart:gpt-4o@concise'
        """
        return f"{self.evaluation}:{self.candidate}"

    @property
    def candidate(self) -> Candidate:
        """The cell's candidate."""
        return Candidate.of(self.model, self.prompt)

    @property
    def partition(self) -> dict[str, str]:
        """The values of the Delta partition columns."""
        return {"evaluation": self.evaluation, "model": self.model, "prompt": self.prompt}


@dataclass(frozen=True, slots=True)
class WholeEvaluation:
    """An evaluation with all its cells; the partition of what joins them."""

    evaluation: str

    @property
    def key(self) -> str:
        """The partition key."""
        return self.evaluation

    @property
    def partition(self) -> dict[str, str]:
        """The value of the Delta partition column."""
        return {"evaluation": self.evaluation}


Place = Cell | WholeEvaluation
"""Where a stage computes: a cell, or an evaluation as a whole."""


def evaluation_name(key: str) -> str:
    """The evaluation that a partition belongs to: a cell, a part of an evaluation, or one as a whole.

    >>> [evaluation_name(key) for key in ("quickstart:gpt-4o@concise", "quickstart:predictions", "quickstart")]
    ['quickstart', 'quickstart', 'quickstart']
    """
    return key.partition(":")[0]


def parse_cell(key: str) -> Cell:
    """Read a partition key.

    Raises:
        ConfigError: The key hasn't the form `evaluation:model@prompt`.

    >>> parse_cell("quickstart:gpt-4o@concise").model
    'gpt-4o'
    """
    evaluation, _, rest = key.partition(":")
    candidate = Candidate(rest)
    if not (evaluation and candidate.model and candidate.prompt):
        raise ConfigError(f"expected a cell as evaluation:model@prompt, got {key!r}")
    return Cell(evaluation, candidate.model, candidate.prompt)


def cells_of(project: Project, evaluation: str) -> tuple[Cell, ...]:
    """Cells of one evaluation, in its order; candidates whose model or prompt has no file are left to `check`."""
    if evaluation not in project.evaluations:
        return ()
    models, prompts = project.names("models"), project.names("prompts")
    return tuple(
        Cell(evaluation, candidate.model, candidate.prompt)
        for candidate in project.evaluation(evaluation).candidates
        if candidate.model in models and candidate.prompt in prompts
    )


def all_cells(project: Project) -> tuple[Cell, ...]:
    """Cells of every evaluation."""
    return tuple(cell for evaluation in project.names("evaluations") for cell in cells_of(project, evaluation))


def judges_of(project: Project, evaluation: str) -> tuple[str, ...]:
    """Judges of an evaluation that have a file."""
    if evaluation not in project.evaluations:
        return ()
    known = project.names("judges")
    return tuple(judge for judge in project.evaluation(evaluation).file.judges if judge in known)


def pairwise_judges_of(project: Project, evaluation: str) -> tuple[str, ...]:
    """The judge that an evaluation shows candidates side by side, if it asks for that and the judge has a file."""
    if evaluation not in project.evaluations:
        return ()
    pairwise = project.evaluation(evaluation).file.pairwise
    return (pairwise.judge,) if pairwise is not None and pairwise.judge in project.names("judges") else ()


def all_judges_of(project: Project, evaluation: str) -> tuple[str, ...]:
    """Every judge of an evaluation that has a file, the pairwise one last."""
    return tuple(dict.fromkeys([*judges_of(project, evaluation), *pairwise_judges_of(project, evaluation)]))


def jurors_of(project: Project, judge: str) -> tuple[str, ...]:
    """A judge and, if it is a jury, its members: whoever shapes its verdicts."""
    if judge not in project.judges:
        return (judge,)
    return (judge, *(juror for juror in project.judge(judge).file.jurors if juror in project.judges))


def judge_models_of(project: Project, judge: str) -> tuple[str, ...]:
    """Models that a judge or its jurors ask."""
    members = [project.judge(member) for member in jurors_of(project, judge)]
    return tuple(sorted({member.file.model for member in members if member.file.model}))
