"""Gate results for machines and pull requests: JUnit XML and Markdown. What is asked and answered is in `gates`."""

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

import polars as pl

from eval_assets.config.candidate import Candidate
from eval_assets.reports.computed.gating import OverallVerdict, outdated_text
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.wording.foreign_text import markdown_text, visible_text
from eval_assets.wording.numbers import interval_text, number_text, share_text
from eval_assets.wording.valid_json import valid_json

MARKS = {"GO": "✅ GO", "NO-GO": "❌ NO-GO", "INCONCLUSIVE": "❔ INCONCLUSIVE"}


def gates_junit(rows: pl.DataFrame, overall: OverallVerdict, *, evaluation: str) -> str:
    """Write gate results as JUnit XML, one test case per condition and candidate.

    A critical NO-GO is a failure, a critical INCONCLUSIVE an error (both stop a pipeline); an advisory one that is
    not GO is skipped, with its reason.

    Args:
        rows: Rows of `GATE_RESULTS`; without any the suite is empty.
        overall: What they say together; where they are out of date, a test case more, with an error.
        evaluation: Name of the test suite.
    """
    suite = ET.Element("testsuite", name=evaluation)
    counts = {"failure": 0, "error": 0, "skipped": 0}
    for row in rows.iter_rows(named=True):
        case = ET.SubElement(
            suite,
            "testcase",
            classname=f"{evaluation}:{Candidate.of_row(row)}",
            name=visible_text(f"{row['metric']}: {row['condition']}"),
        )
        kind = _junit_kind(row["verdict"], row["tier"])
        if kind:
            counts[kind] += 1
            ET.SubElement(case, kind, type=row["verdict"], message=visible_text(row["reason"] or ""))
        else:
            ET.SubElement(case, "system-out").text = visible_text(row["reason"] or "")
    if overall.outdated:
        counts["error"] += 1
        case = ET.SubElement(suite, "testcase", classname=evaluation, name="results are up to date")
        ET.SubElement(case, "error", type="INCONCLUSIVE", message=visible_text(outdated_text(overall.outdated)))
    suite.set("tests", str(rows.height + bool(overall.outdated)))
    suite.set("failures", str(counts["failure"]))
    suite.set("errors", str(counts["error"]))
    suite.set("skipped", str(counts["skipped"]))
    ET.indent(suite)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(suite, encoding="unicode")}\n'


def gates_markdown(rows: pl.DataFrame, overall: OverallVerdict, *, evaluation: str) -> str:
    """Write gate results as Markdown: the verdict, then a table of the conditions.

    Args:
        rows: Rows of `GATE_RESULTS`.
        overall: What they say together.
        evaluation: Named in front of the verdict.
    """
    head = f"**{MARKS[overall.verdict.value]}** · {markdown_text(evaluation)}: {markdown_text(overall.note)}."
    return "\n".join([head, *(["", *gates_table(rows)] if rows.height else [])]) + "\n"


def gates_table(rows: pl.DataFrame) -> list[str]:
    """The conditions as lines of a Markdown table."""
    lines = [
        "| | candidate | metric | condition | observed | interval | failed | why |",
        "| --- | --- | --- | --- | ---: | --- | ---: | --- |",
    ]
    for row in rows.iter_rows(named=True):
        tier = "" if row["tier"] == "critical" else " (advisory)"
        within = (row["ci_low"], row["ci_high"])
        cells = (
            f"{MARKS[row['verdict']]}{tier}",
            Candidate.of_row(row),
            row["metric"],
            row["condition"],
            number_text(row["observed"], within=within),
            interval_text(*within),
            share_text(row["failed_share"]),
            row["reason"] or "",
        )
        lines.append(f"| {' | '.join(markdown_text(cell) for cell in cells)} |")
    return lines


def gates_json(rows: pl.DataFrame, overall: OverallVerdict, *, evaluation: str) -> str:
    """Write gate results as JSON: the verdict, its reason, and the rows."""
    verdict = {"evaluation": evaluation, "verdict": overall.verdict.value, "note": overall.note}
    return valid_json({**verdict, "gates": rows.to_dicts()})


def gates_sentence(report: EvaluationReport) -> str:
    """What the gates say together; of an evaluation without any, that there are none."""
    if report.gates.is_empty() and not report.outdated:
        return "none are declared"
    return f"{report.verdict.verdict.value}: {report.verdict.note}"


def condition_text(row: Mapping[str, Any]) -> str:
    """One condition as a line: of whom, what was asked, and what came of it."""
    tier = ", advisory" if row["tier"] == "advisory" else ""
    return f"{Candidate.of_row(row)}, {row['metric']}, {row['condition']}{tier}: {row['reason']}"


def _junit_kind(verdict: str, tier: str) -> str | None:
    if verdict == "GO":
        return None
    if tier == "advisory":
        return "skipped"
    return "failure" if verdict == "NO-GO" else "error"
