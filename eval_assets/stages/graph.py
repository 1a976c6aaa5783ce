"""Which cells exist, and which shared inputs each depends on. How Dagster draws this is in `eval_assets.partitions`."""

from collections.abc import Iterable
from dataclasses import dataclass

from eval_assets.config.candidate import Candidate
from eval_assets.config.project import Project
from eval_assets.errors import ConfigError

ROOT_TABLES = {
    "eval_datasets": "datasets",
    "prompts": "prompts",
    "models": "models",
    "judges": "judges",
    "evaluations": "evaluations",
}
EVALUATION_TABLES = ("pairwise_preferences", "judge_agreement", "comparison")
CELL_TABLES = ("predictions", "heuristic_metrics", "judge_scores", "aggregate_reports")


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


def jurors_of(project: Project, judge: str) -> tuple[str, ...]:
    """A judge and, if it is a jury, its members: whoever shapes its verdicts."""
    if judge not in project.judges:
        return (judge,)
    return (judge, *(juror for juror in project.judge(judge).file.jurors if juror in project.judges))


def inputs_of(project: Project, table: str, cell: Cell) -> dict[str, list[str]]:
    """Upstream partitions of a cell's partition in a table: table → partition keys."""
    evaluation = project.evaluation(cell.evaluation)
    of_evaluation = {"evaluations": [cell.evaluation]}
    match table:
        case "predictions":
            shared = {"eval_datasets": [evaluation.file.dataset], "prompts": [cell.prompt], "models": [cell.model]}
            return {**shared, **of_evaluation}
        case "heuristic_metrics":
            return {"predictions": [cell.key], **of_evaluation}
        case "judge_scores":
            return {"predictions": [cell.key], "judges": list(judges_of(project, cell.evaluation)), **of_evaluation}
        case "aggregate_reports":
            return {"heuristic_metrics": [cell.key], "judge_scores": [cell.key], **of_evaluation}
        case _:
            raise ValueError(f"expected one of {CELL_TABLES}, got {table!r}")


def files_below(project: Project, cell: Cell) -> set[tuple[str, str]]:
    """Root table and name of every file a cell is made from."""
    return {
        (upstream, key)
        for table in CELL_TABLES
        for upstream, keys in inputs_of(project, table, cell).items()
        if upstream in ROOT_TABLES
        for key in keys
    }


def judge_models_of(project: Project, judge: str) -> tuple[str, ...]:
    """Models that a judge or its jurors ask."""
    members = [project.judge(member) for member in jurors_of(project, judge)]
    return tuple(sorted({member.file.model for member in members if member.file.model}))


def inputs_of_evaluation(project: Project, table: str, name: str) -> dict[str, list[str]]:
    """Upstream partitions of an evaluation's partition in a table: table → partition keys, perhaps none."""
    evaluation = project.evaluation(name)
    cells = [cell.key for cell in cells_of(project, name)]
    of_evaluation = {"evaluations": [name]}
    match table:
        case "pairwise_preferences":
            judges = list(pairwise_judges_of(project, name))
            return {"predictions": cells if judges else [], "judges": judges, **of_evaluation}
        case "judge_agreement":
            judges = list(dict.fromkeys([*judges_of(project, name), *pairwise_judges_of(project, name)]))
            shared = {"eval_datasets": [evaluation.file.dataset], "judges": judges}
            return {"judge_scores": cells, "pairwise_preferences": [name], **shared, **of_evaluation}
        case "comparison":
            judged = {"judge_agreement": [name], "pairwise_preferences": [name]}
            return {"aggregate_reports": cells, **judged, **of_evaluation}
        case _:
            raise ValueError(f"expected one of {EVALUATION_TABLES}, got {table!r}")


def cells_by(cells: Iterable[Cell], attribute: str) -> dict[str, set[str]]:
    """Keys of the cells that share a model, prompt or evaluation."""
    grouped: dict[str, set[str]] = {}
    for cell in cells:
        grouped.setdefault(getattr(cell, attribute), set()).add(cell.key)
    return grouped
