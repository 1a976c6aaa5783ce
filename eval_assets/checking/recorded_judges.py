"""Files of verdicts and of predictions in the place of one another, and judges that no recorded verdict fits."""

from collections.abc import Iterator

from eval_assets.config.evaluation import Evaluation
from eval_assets.config.judge import Judge
from eval_assets.config.model import Model
from eval_assets.config.problems import Location, Problem, field_path, line_of
from eval_assets.config.project import Loaded, Project
from eval_assets.providers.traits import provider_of


def recorded_judge_problems(loaded: Loaded[Judge], model: Loaded[Model]) -> Iterator[Problem]:
    """What a judge can't have whose model is a file of verdicts.

    Args:
        loaded: The judge.
        model: Its model, of provider `recorded`.
    """
    file = loaded.item.file

    def problem(location: Location, message: str) -> Problem:
        return Problem(loaded.file, message, line_of(location, loaded.lines), field_path(location))

    if model.item.file.columns.candidate is None:
        said = (
            f"model {model.item.name!r} holds recorded predictions; to read verdicts from its file, name in its "
            "`columns` the `candidate` whose output a verdict is on"
        )
        yield problem(("model",), said)
    if file.kind != "rubric":
        yield problem(("kind",), f"expected kind 'rubric' for recorded verdicts, got {file.kind!r}: nothing is asked")
    if file.expected_value:
        yield problem(("expected_value",), "recorded verdicts have no token probabilities; leave the field out")
    if file.samples > 1:
        yield problem(("samples",), f"a file holds one verdict per example and candidate, got samples {file.samples}")


def recorded_candidate_problems(project: Project, loaded: Loaded[Evaluation]) -> Iterator[Problem]:
    """Files of verdicts named as candidates, and preferences that don't say against whom."""
    file = loaded.item.file
    for index, name in enumerate(file.models):
        model = project.models.get(name)
        if model is not None and model.item.file.columns.candidate is not None:
            said = f"expected a model that answers, {name!r} holds verdicts on candidates; name it in a judge"
            place = ("models", index) if ("models", index) in loaded.lines else ("models",)
            yield Problem(loaded.file, said, line_of(place, loaded.lines), field_path(place))
    judge = project.judges.get(file.pairwise.judge) if file.pairwise else None
    asked = project.models.get(judge.item.file.model or "") if judge is not None else None
    if asked is None or not provider_of(asked.item).is_recorded or file.pairwise is None:
        return
    if file.pairwise.against == "all" and asked.item.file.columns.opponent is None:
        said = (
            "expected recorded preferences that say who was compared with whom; name in the `columns` of model "
            f"{asked.item.name!r} the `opponent`, or compare with the baseline alone"
        )
        location = ("pairwise", "against")
        yield Problem(loaded.file, said, line_of(location, loaded.lines), field_path(location))
