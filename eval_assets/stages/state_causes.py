"""What differs between two states of a candidate: files, parts of the evaluation, rows and computations, in words."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eval_assets.reports.states.cause import Cause, Reaches
from eval_assets.reports.states.lineage import ComputedState
from eval_assets.reports.states.timeline import ROW_TABLES
from eval_assets.stages.file_changes import OF_A_TRIAL, SINGULAR, evaluation_change, source_diff, version_change
from eval_assets.stages.former_states import StateBook
from eval_assets.storage.versions import StoredVersion
from eval_assets.wording.numbers import count_text

REACHED_BY: Mapping[str, Reaches] = {
    "prompts": "answers",
    "models": "answers",
    "judges": "scoring",
    "predictions": "answers",
    "heuristic_metrics": "scoring",
    "judge_scores": "scoring",
}
"""Table of a file, or of rows → what a change of it reaches first."""


@dataclass(frozen=True, slots=True)
class RowCounts:
    """How many examples two states share, and which are in one alone; ids in the order of the dataset."""

    n_same: int
    edited: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]


def causes_between(book: StateBook, former: ComputedState, now: ComputedState, rows: RowCounts) -> tuple[Cause, ...]:
    """Everything that changed from the one state to the other; nothing where only replies did.

    Args:
        book: The states of the evaluation.
        former: The earlier state.
        now: The later one.
        rows: How their examples differ.
    """
    found = [*_of_files(book, former, now), *_of_rows(former, now, rows), *_of_evaluation(book, former, now)]
    return (*found, *_of_computations(former, now))


def _of_files(book: StateBook, former: ComputedState, now: ComputedState) -> Iterator[Cause]:
    places = dict.fromkeys([*now.made_from, *former.made_from])
    for place in sorted(places, key=_prompts_first):
        table, _, name = place.partition("/")
        if table not in SINGULAR or former.made_from.get(place) == now.made_from.get(place):
            continue
        before, after = book.file_of(former, place), book.file_of(now, place)
        what = SINGULAR[table]
        if not before or not after:
            said = f"{what} {name} {'added' if place in now.made_from else 'removed'}"
            yield Cause(what, name, said, REACHED_BY[table])
            continue
        one, other = _stored(name, before), _stored(name, after)
        sentence = version_change(table, name, one, other, other.version)
        # Of a model the sentence says it all, and only with fields that shape replies.
        diff = () if table == "models" else tuple(source_diff(one.source, other.source))
        yield Cause(what, name, sentence, REACHED_BY[table], one.version, other.version, diff)


def _prompts_first(place: str) -> tuple[bool, bool, str]:
    """Prompts, models, then judges."""
    return not place.startswith("prompts/"), not place.startswith("models/"), place


def _of_rows(former: ComputedState, now: ComputedState, rows: RowCounts) -> Iterator[Cause]:
    counts = {"added": len(rows.added), "edited": len(rows.edited), "removed": len(rows.removed)}
    said = ", ".join(f"{count_text(count, 'row')} {word}" for word, count in counts.items() if count)
    names = [place.partition("/")[2] for place in now.made_from if place.startswith("eval_datasets/")]
    name = ", ".join(names)
    if said:
        yield Cause("dataset", name, f"dataset {name}: {said}", "rows")
    elif any(former.made_from.get(f"eval_datasets/{each}") != now.made_from[f"eval_datasets/{each}"] for each in names):
        yield Cause("dataset", name, f"dataset {name}: order, documents, labels or rows that aren't used", "rows")


def _of_evaluation(book: StateBook, former: ComputedState, now: ComputedState) -> Iterator[Cause]:
    for table in ROW_TABLES:
        before, after = book.evaluation_of(former, table), book.evaluation_of(now, table)
        part_before, part_after = book.part(former, table), book.part(now, table)
        if before is None or after is None or part_before is None or part_after is None or part_before == part_after:
            continue
        sentence = evaluation_change(after.name, before, part_before, part_after, after.version)
        if sentence.startswith(OF_A_TRIAL):
            sentence = f"before, {sentence}"
        what = "metric" if table == "heuristic_metrics" else "evaluation"
        samples = table == "predictions" and part_before.get("samples") == part_after.get("samples")
        reaches: Reaches = "rows" if samples else REACHED_BY[table]
        yield Cause(what, after.name, sentence, reaches, before.version, after.version)


def _of_computations(former: ComputedState, now: ComputedState) -> Iterator[Cause]:
    for table in ROW_TABLES:
        if table in former.commits and table in now.commits:
            one, other = (state.commits[table].metadata.get("code_version") for state in (former, now))
            if one != other:
                yield Cause("computation", table, f"the computation of {table}: {one} → {other}", REACHED_BY[table])


def _stored(name: str, row: Mapping[str, Any]) -> StoredVersion:
    content = json.loads(row["content"])
    return StoredVersion(name, row["version"], row["content_sha256"], content, row["source"], "")
