"""Texts of some hundred examples at a time: a file for the examples, and one for each candidate's answers to them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from eval_assets.config.candidate import Candidate
from eval_assets.requests.conversations import readable
from eval_assets.storage.warehouse import Warehouse
from eval_assets.viewer.chosen import Chosen
from eval_assets.viewer.example_answers import ShownAnswer, answer_rows, shown_answers
from eval_assets.viewer.exported.script_files import Writer, shown_text
from eval_assets.viewer.grid_rows import GridCell, Held, grid_row
from eval_assets.viewer.grid_texts import page_texts
from eval_assets.viewer.laid_out import laid_out
from eval_assets.viewer.markdown_nodes import Node
from eval_assets.viewer.page_writing import LONGEST, LONGEST_ERROR, LONGEST_REASON, cut, shaped
from eval_assets.wording.foreign_text import shortened, targets_text

A_SHARD = 500
"""Examples in one file: what a page has to load for one of them."""
SHORT_ERROR = 300
SHORT_ID = 60
LONGEST_ID = 200

OF_EXAMPLES = ("example_id", "sample_index", "inputs", "targets", "context")


def write_shards(writer: Writer, place: str, warehouse: Warehouse, chosen: Chosen, candidates: Sequence[str]) -> None:
    """Write all texts of an evaluation; those of one shard and one candidate are in memory at once.

    Args:
        writer: Of the export.
        place: Folder of the evaluation's files.
        warehouse: Where the texts are.
        chosen: The evaluation's default view, and its index.
        candidates: All of them; files are called by their place in this list.
    """
    for number, start in enumerate(range(0, chosen.index.n_examples, A_SHARD)):
        rows = list(range(start, min(start + A_SHARD, chosen.index.n_examples)))
        examples = _examples(warehouse, chosen, rows)
        writer.hand_over(place, f"examples-{number}", {"rows": examples})
        for at, name in enumerate(candidates):
            if name in chosen.index.candidates:
                answers = _answers(warehouse, chosen, name, rows)
                writer.hand_over(place, f"answers-{at}-{number}", {"rows": answers})


def _examples(warehouse: Warehouse, chosen: Chosen, rows: Sequence[int]) -> list[list[Any]]:
    """Inputs, targets, context and id of each, the id whole and short, and the nodes of inputs that are laid out; from
    the first column that has a row for it.
    """
    index = chosen.index
    ids = index.example_ids.gather(list(rows)).to_list()
    found: dict[str, list[str | None]] = {}
    nodes: dict[str, list[Node] | None] = {}
    for name in dict.fromkeys([*chosen.view.columns, *index.candidates]):
        places = dict(zip(ids, index.positions(name)[list(rows)].tolist(), strict=True))
        lacking = {example_id: place for example_id, place in places.items() if place >= 0 and example_id not in found}
        if not lacking:
            continue
        cell = {"evaluation": chosen.report.evaluation.name, **Candidate(name).columns}
        near = pl.col("position").is_in(set(lacking.values()))
        texts = warehouse.scan("predictions", cell).filter(near).select(OF_EXAMPLES).collect().sort("sample_index")
        for row in texts.unique("example_id", keep="first").iter_rows(named=True):
            if row["example_id"] in lacking:
                parts = (readable(row["inputs"]), targets_text(row["targets"]), row["context"])
                nodes[row["example_id"]] = laid_out(row["inputs"] or "")
                found[row["example_id"]] = [shown_text(cut(part)) for part in parts]
    return [
        [
            *found[example_id],
            shown_text(cut(example_id, LONGEST_ID)),
            shown_text(shortened(example_id, SHORT_ID)),
            nodes[example_id],
        ]
        for example_id in ids
    ]


def _answers(warehouse: Warehouse, chosen: Chosen, candidate: str, rows: Sequence[int]) -> list[Any]:
    """What a candidate answered to each: its cell in the grid and its samples; null where it has no row."""
    report, index = chosen.report, chosen.index
    near = pl.col("position").is_in(set(index.positions(candidate)[list(rows)].tolist()))
    ids = index.example_ids.gather(list(rows))
    read = answer_rows(warehouse, [index.columns[candidate]], near, pl.col("example_id").is_in(ids.implode()))
    answers = defaultdict(list)
    for answer in shown_answers(report, [index.columns[candidate]], *read):
        answers[answer.row["example_id"]].append(answer)
    columns = tuple(dict.fromkeys((chosen.view.base, candidate)))
    view = replace(chosen.view, columns=columns, scores=tuple(report.metrics), lines="all", look="raw", row=())
    directions = {metric: report.facts(metric)["greater_is_better"] for metric in report.metrics}
    places = dict(zip(ids, rows, strict=True))
    n_failed = index.candidates[candidate].n_failed
    cells = {}
    for texts in page_texts(warehouse, index, report, view, rows):
        example_id = texts.outputs.example_id
        failed = {candidate: int(n_failed[places[example_id]])}
        cells[example_id] = grid_row(texts, view, directions, failed, Held(), {}).cells[-1]
    return [_answered(cells[each], answers[each]) if answers[each] else None for each in ids]


def _answered(cell: GridCell, answers: Sequence[ShownAnswer]) -> list[Any]:
    samples = [_sample(answer) for answer in answers]
    said = shown_text((cell.answer.said or "")[:LONGEST])
    return [
        [
            cell.answer.outcome,
            shown_text(shortened(cell.answer.error, SHORT_ERROR)) if cell.answer.error else None,
            None if said == samples[0][4] else said or "",
            len(cell.answer.said or ""),
            cell.answer.n_samples,
            cell.n_failed,
            [[shown_text(score.shown), score.change, score.is_better] for score in cell.scores],
        ],
        samples,
    ]


def _sample(answer: ShownAnswer) -> list[Any]:
    row = answer.row
    return [
        row["prediction_id"],
        row["sample_index"],
        row["outcome"],
        shown_text(cut(row["error"], LONGEST_ERROR)),
        None if answer.said is None else shown_text(shaped(answer.said)) or "",
        shown_text(cut(row["reasoning"])),
        shown_text(shaped(row["extra"])),
        answer.facts,
        [
            [score.metric, score.juror, shown_text(score.value), score.row["outcome"], _why(score.why)]
            for score in answer.scores
        ],
        answer.nodes,
    ]


def _why(said: str | None) -> str | None:
    return shown_text(cut(said, LONGEST_REASON))
