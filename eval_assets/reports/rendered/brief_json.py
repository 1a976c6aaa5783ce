"""The report as JSON within a budget of tokens, for coding agents: what tells most comes first, the rest is counted.

What is left out is named with the command that shows it. The whole report is in `json_report`.
"""

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from eval_assets.errors import ExportError
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.rendered.answer import answer_sentence
from eval_assets.reports.rendered.brief_pieces import Piece, brief_pieces
from eval_assets.wording.foreign_text import shortened, visible_text
from eval_assets.wording.valid_json import finite_values

ANSWER_CHARACTERS = (2_000, 400, 200, 100, 50)
"""To what the first sentence is cut where names are so long that even it would not fit."""

Counting = Callable[[str], int]


def brief_json(report: EvaluationReport, *, max_tokens: int, count: Counting) -> str:
    """Write as much of the report as fits.

    Args:
        report: From `load_report`.
        max_tokens: What the text has at most, by `count`.
        count: Counts the tokens of a text.

    Returns:
        One line of JSON: `evaluation`, `answer`, then lists by what they are about, `left_out` with how many entries
        of each are missing, and `more` with the commands that show them. A larger budget only adds to it.

    Raises:
        ExportError: Not even the evaluation's name fits.
    """
    pieces = list(brief_pieces(report))

    def text_of(n: int) -> str:
        return _written(_head(report, answer), pieces[:n], pieces[n:])

    for length in ANSWER_CHARACTERS:
        answer = shortened(answer_sentence(report), length)
        if count(text_of(0)) <= max_tokens:
            # Each piece adds to the text, so that the first that is too much can be looked up.
            fitting = bisect_right(range(1, len(pieces) + 1), max_tokens, key=lambda n: count(text_of(n)))
            return text_of(fitting)
    raise ExportError(
        f"expected a budget in which the name of {report.evaluation.name} and the commands to ask with fit, "
        f"got --max-tokens {max_tokens}, and they take {count(text_of(0))}"
    )


def _head(report: EvaluationReport, answer: str) -> dict[str, Any]:
    verdict = {"verdict": report.verdict.verdict.value} if report.gates.height or report.outdated else {}
    return {"evaluation": report.evaluation.name, "answer": answer, "primary": report.headline, **verdict}


def _written(head: Mapping[str, Any], shown: list[Piece], left_out: list[Piece]) -> str:
    by_section: dict[str, list[Any]] = {}
    for piece in shown:
        by_section.setdefault(piece.section, []).append(piece.content)
    missing = dict(Counter(piece.section for piece in left_out))
    report = f"eval-assets report {head['evaluation']}"
    more = {
        "example": f"{report} --example EXAMPLE_ID",
        "trace": "eval-assets trace PREDICTION_ID",
        "all": f"{report} --format json",
    }
    whole, _ = finite_values({**head, **by_section, **({"left_out": missing} if missing else {}), "more": more})
    return visible_text(json.dumps(whole, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str))
