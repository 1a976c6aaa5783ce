"""The report as one HTML file that works from disk: no network, no other files, safe with any text in it.

A leaderboard is a picture of its own too, for where a page can't stand.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.flips import Flip
from eval_assets.reports.note import notes_count_text
from eval_assets.reports.noting import report_notes
from eval_assets.reports.rendered.answer import answer_sentence
from eval_assets.reports.rendered.answer_table import MOST_ROWS, answer_table
from eval_assets.reports.rendered.changes_text import NOTHING_CHANGED, changes_in_short
from eval_assets.reports.rendered.judging_text import (
    corrected_text,
    duel_cells,
    ends_text,
    part_text,
    slice_title,
    strength_text,
    value_text,
)
from eval_assets.reports.rendered.measures import (
    MOST_IN_FULL,
    best_first,
    bounds_text,
    mean_text,
    measures,
    side_by_side,
)
from eval_assets.reports.rendered.page.page_changes import change_sections
from eval_assets.reports.rendered.page.page_data import differences, metric_section, metric_sections
from eval_assets.reports.rendered.page.page_examples import page_examples
from eval_assets.reports.rendered.page.page_figures import figures, trends
from eval_assets.reports.rendered.page.page_slices import page_slices
from eval_assets.reports.rendered.success_lines import success_lines
from eval_assets.wording.foreign_text import shortened, targets_text, visible_text
from eval_assets.wording.numbers import (
    confidence_text,
    count_text,
    interval_text,
    latency_text,
    money_text,
    number_text,
    seconds_text,
    share_text,
    shares_text,
    speed_text,
)

FLIPS_EACH_WAY = 5
WORST_DISAGREEMENTS = 10
MOST_PARTS = 400  # slices and other judges that a judge is measured with

_TEXTS = (
    confidence_text, count_text, interval_text, latency_text, money_text, number_text, seconds_text, share_text,
    shares_text, speed_text, targets_text, bounds_text, mean_text, notes_count_text,
)  # fmt: skip
_JUDGING_TEXTS = (
    shortened, value_text, ends_text, corrected_text, duel_cells, strength_text, part_text, slice_title,
)  # fmt: skip


def report_html(report: EvaluationReport) -> str:
    """Write the report as a page.

    Args:
        report: From `load_report`.

    Returns:
        One HTML file. Its policy allows the one script it carries and nothing from elsewhere, so that text from a model
        could neither run nor load anything even if it were not escaped, which it is. The outputs of all examples lie
        in a JSON block that the script pages through.
    """
    examples = page_examples(report)
    script = page_asset("report.js") + page_asset("slices.js")
    # The three below are written by this package, not by users or models.
    trusted = {
        "style": Markup(page_style()),  # noqa: S704
        "script": Markup(script),  # noqa: S704
        "examples_json": Markup(script_json(examples.data)),  # noqa: S704
    }
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            **page_parts(report),
            shown=examples,
            flips=_flips(report),
            flips_each_way=FLIPS_EACH_WAY,
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            **trusted,
        )
    )


def page_parts(report: EvaluationReport) -> dict[str, Any]:
    """What the template shows of an evaluation, but for its outputs: none of it needs a text of a prediction."""
    return {
        "report": report,
        "answer": answer_sentence(report),
        "table": answer_table(report),
        "most_rows": MOST_ROWS,
        "notes": report_notes(report),
        "in_order": best_first(report),
        "side_by_side": side_by_side(report),
        "is_in_full": len(report.candidates) <= MOST_IN_FULL,
        "sections": metric_sections(report),
        "differences": differences(report),
        "repeated": list(success_lines(report)),
        "figures": list(figures(report)),
        "changes_in_short": list(changes_in_short(report.changes)),
        "changed_sections": change_sections(report),
        "nothing_changed": NOTHING_CHANGED,
        "trends": list(trends(report)),
        "slices": page_slices(report),
        "worst_disagreements": WORST_DISAGREEMENTS,
        "most_parts": MOST_PARTS,
    }


def leaderboard_svg(report: EvaluationReport, metric: str) -> str:
    """Draw a metric's leaderboard as the page shows it: means, intervals, and where unscored rows could move a mean.

    Args:
        report: From `load_report`.
        metric: One of the report's.

    Returns:
        One SVG file in colours that read on white and on black.
    """
    measure = next(measure for measure in measures(report) if measure.metric == metric)
    style = Markup(page_asset("marks.css"))  # noqa: S704 - written by this package
    template = _environment().get_template("leaderboard.svg.j2")
    return template.render(section=metric_section(report, measure), style=style)


def script_json(value: Mapping[str, Any]) -> str:
    r"""Write JSON that can stand inside a script element, whatever text is in it.

    >>> script_json({"output": "</script>"})
    '{"output":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _flips(report: EvaluationReport) -> list[tuple[str, Mapping[str, Any], tuple[Flip, ...]]]:
    if report.headline is None:
        return []
    others = [candidate.name for candidate in side_by_side(report) if not candidate.is_baseline]
    return [
        (
            name,
            report.against_baseline(name, report.headline) or {},
            report.flips(name, report.headline, at_most=FLIPS_EACH_WAY),
        )
        for name in others
    ]


@cache
def _environment() -> Environment:
    """Kept, as compiling the page takes longer than rendering a small one."""
    return page_environment()


def page_environment(*packages: str) -> Environment:
    """What templates are compiled and rendered with: everything escaped, control characters shown as their codes.

    Args:
        packages: Whose templates come before those of the report.
    """
    own = "eval_assets.reports.rendered.page"
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in (*packages, own)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters.update({text.__name__: text for text in (*_TEXTS, *_JUDGING_TEXTS)})
    return environment


def _visible(value: Any) -> Any:
    """Text from outside with its control characters shown; what this package writes stays as it is."""
    return visible_text(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def page_style() -> str:
    """The style sheet of the page, both themes."""
    return page_asset("report.css") + page_asset("marks.css")


def page_asset(name: str) -> str:
    """A file beside the templates."""
    return (resources.files("eval_assets.reports.rendered.page") / "templates" / name).read_text(encoding="utf-8")
