"""Reading and checking human labels, from files beside a dataset card. What they say of judges is elsewhere."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval_assets.config.datasets.dataset import Dataset, LabelFile
from eval_assets.config.datasets.examples import id_text
from eval_assets.config.datasets.row_files import file_rows, is_blank
from eval_assets.config.datasets.rows import MAX_PROBLEMS
from eval_assets.config.judge import Judge
from eval_assets.config.problems import Problem, RowProblems, nearest, raise_problems, relative
from eval_assets.errors import DatasetError

JUDGE, CANDIDATE, SAMPLE = "judge", "candidate", "sample_index"
"""Columns that say what a label is of, beside those that the card names."""


@dataclass(frozen=True, slots=True)
class HumanLabel:
    """What one person said of one output.

    Args:
        example_id: The example.
        judge: The judge it is compared with; null for all.
        model: The model whose output was labelled; null if the label holds for every model.
        output: The output that was labelled; null if the label holds for whatever the model says.
        rater: Who said it.
        label: As written.
        score: The label as a number; null if it is a name.
        prompt: The prompt whose output was labelled; null if the label holds for every prompt.
    """

    example_id: str
    judge: str | None
    model: str | None
    output: str | None
    rater: str
    label: str
    score: float | None
    prompt: str | None = None


def read_labels(
    dataset: Dataset, folder: Path, *, example_ids: Collection[str], judges: Mapping[str, Judge] | None = None
) -> list[HumanLabel]:
    """Read all label files of a dataset, in their order.

    Args:
        dataset: The card.
        folder: The folder of the card, `data/datasets`.
        example_ids: The examples of the dataset.
        judges: Judges by name; labels for one of them have to be on its scale.

    Raises:
        DatasetError: Missing or unreadable file, unknown example, absent or wrongly typed field, a label given twice, a
            label that isn't on the scale of its judge; lists up to 20 places with file, line, field and what came.
    """
    problems = RowProblems(limit=MAX_PROBLEMS)
    labels: dict[HumanLabel, None] = {}
    seen: dict[tuple[str | None, ...], str] = {}
    for spec in dataset.card.labels:
        file = relative(folder / spec.file, folder.parent.parent)
        judge = (judges or {}).get(spec.judge or "")
        for line, row in file_rows(folder / spec.file, file=file, delimiter=spec.delimiter):
            if is_blank(row):
                continue
            label, found = _label_of(row, spec, example_ids, file=file, line=line)
            if label is not None:
                its_judge = judge if label.judge == spec.judge else (judges or {}).get(label.judge or "")
                if judges is not None and label.judge != spec.judge and its_judge is None:
                    said = f"expected a file of data/judges, got {label.judge!r}"
                    found.append(Problem(file, said, line, JUDGE, nearest(label.judge or "", judges)))
                found += _refused(label, its_judge, spec, seen, file=file, line=line)
                labels[label] = None
            for problem in found:
                problems.add(problem)
            if problems.is_full:
                break
    raise_problems(problems.listed(), kind=DatasetError)
    return list(labels)


def _label_of(
    row: Mapping[str, Any], spec: LabelFile, example_ids: Collection[str], *, file: str, line: int
) -> tuple[HumanLabel | None, list[Problem]]:
    """The label in a row, or what is wrong with it."""
    problems: list[Problem] = []
    for column in (spec.example_id, spec.rater, spec.label):
        if row.get(column) in (None, ""):
            said = f"got {row[column]!r}" if column in row else "the column is absent"
            remedy = "" if column in row else nearest(column, row)
            problems.append(Problem(file, f"expected a value, {said}", line, column, remedy))
    example_id, label = id_text(row.get(spec.example_id)), row.get(spec.label)
    if not problems and example_id not in example_ids:
        named = row[spec.example_id] if example_id is None else example_id
        problems.append(Problem(file, f"the dataset has no example {named!r}", line, spec.example_id))
    if isinstance(label, bool) or not isinstance(label, str | int | float | None):
        problems.append(Problem(file, f"expected a number or the name of a label, got {label!r:.80}", line, spec.label))
    problems += _not_text(row, (spec.rater, spec.model, spec.prompt, spec.output, JUDGE), file=file, line=line)
    problems += _not_obeyed(row, spec, file=file, line=line)
    if problems:
        return None, problems
    text = _written(row[spec.label])
    return (
        HumanLabel(
            example_id=str(example_id),
            judge=row.get(JUDGE) or spec.judge,
            model=row.get(spec.model) or None,
            output=row.get(spec.output),
            rater=row[spec.rater],
            label=text,
            score=_number(text),
            prompt=row.get(spec.prompt) or None,
        ),
        [],
    )


def _not_obeyed(row: Mapping[str, Any], spec: LabelFile, *, file: str, line: int) -> Iterator[Problem]:
    """Columns that narrow a label to outputs which nothing else in the row names."""
    if CANDIDATE not in (spec.model, spec.prompt) and row.get(CANDIDATE) and not row.get(spec.model):
        said = f"got {row[CANDIDATE]!r:.80}, and no {spec.model!r}: the label would hold for every candidate"
        yield Problem(file, said, line, CANDIDATE, "write the two parts of model@prompt in columns of their own")
    if row.get(SAMPLE) not in (None, "", 0, "0") and row.get(spec.output) is None:
        said = f"got {row[SAMPLE]!r:.80}, and no {spec.output!r}: the label would hold for every sample"
        yield Problem(file, said, line, SAMPLE, f"write in {spec.output!r} what was labelled")


def _not_text(row: Mapping[str, Any], columns: tuple[str, ...], *, file: str, line: int) -> Iterator[Problem]:
    for column in columns:
        value = row.get(column)
        if value is not None and not isinstance(value, str):
            yield Problem(file, f"expected text, got {type(value).__name__} {value!r:.80}", line, column)


def _refused(
    label: HumanLabel,
    judge: Judge | None,
    spec: LabelFile,
    seen: dict[tuple[str | None, ...], str],
    *,
    file: str,
    line: int,
) -> Iterator[Problem]:
    """Why a well-formed label can't be used."""
    place = (label.judge, label.example_id, label.model, label.prompt, label.output, label.rater)
    if place in seen:
        yield Problem(file, f"expected one label of an output by {label.rater!r}, the first is at {seen[place]}", line)
    seen.setdefault(place, f"{file}:{line}")
    if judge is not None and judge.file.scale.score_by_people(label.label, label.score) is None:
        said = f"expected a verdict of judge {judge.name!r} ({judge.file.scale.span}), got {label.label!r}"
        yield Problem(file, said, line, spec.label)


def _written(label: str | float) -> str:
    """A label as text: a name as it stands, a number without needless digits."""
    if isinstance(label, str):
        return label
    try:
        return str(int(label)) if label == int(label) else repr(label)
    except (OverflowError, ValueError):  # too large for a number, or too long to write
        return str(label)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None
