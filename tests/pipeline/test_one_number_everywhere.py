"""The shipped evaluations, run once: every number that a surface shows is that of the tables, read by its place."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

import eval_assets as ea
from eval_assets.reports.metric_keys import metric_key
from tests.command_line import isolated
from tests.shown_numbers import (
    EVALUATIONS,
    INTERVAL,
    NUMBER,
    SENTENCE,
    STATISTICS,
    Row,
    Shown,
    fits,
    named,
    titled,
    write_shipped,
)
from tests.shown_tables import html_tables

ARROWS = r" [↑↓+-]$"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("everywhere")
    with pytest.MonkeyPatch.context() as patch:
        isolated(patch, folder / "dagster")
        write_shipped(folder)
        yield folder


@pytest.fixture(scope="module", params=EVALUATIONS)
def shown(request: pytest.FixtureRequest, folder: Path) -> Shown:
    return Shown(request.param, folder)


def is_mean(cell: str, row: Row) -> bool:
    """Whether a cell shows an aggregate: its mean, its interval if one is shown, how many were scored if not all."""
    parts = re.fullmatch(rf"({NUMBER})(?: \[({NUMBER}), ({NUMBER})\])?(?: ([a-z]{{1,3}}))?(?: (\d+)/(\d+))?", cell)
    assert parts, cell
    mean, low, high, _, n_scored, n_total = parts.groups()
    assert fits(mean, row["mean"]), (cell, row)
    assert low is None or (fits(low, row["ci_low"]) and fits(high, row["ci_high"])), (cell, row)
    assert n_scored is None or (int(n_scored), int(n_total)) == (row["n_scored"], row["n_total"]), (cell, row)
    return True


def test_means_intervals_and_counts_of_the_pages(shown: Shown) -> None:
    for page, tables in shown.pages.items():
        seen = set()
        for metric in shown.metrics:
            for line in titled(tables, f"{metric} by candidate"):
                candidate = named(line["Candidate"])
                row = shown.aggregates[candidate, metric]
                mean = re.match(rf"({NUMBER})(?: [a-z]+)?(?: ({NUMBER}) to ({NUMBER}))?$", line["Mean"])
                assert mean, (page, line)
                assert fits(mean[1], row["mean"]), (page, metric, line, row["mean"])
                assert fits(mean[2] or "-", row["ci_low"]), (page, metric, line)
                assert fits(mean[3] or "-", row["ci_high"]), (page, metric, line)
                counts = re.match(r"([\d,]+) of ([\d,]+)", line["Scored"])
                assert counts, (page, line)
                assert (int(counts[1]), int(counts[2])) == (row["n_scored"], row["n_total"])
                seen.add((candidate, metric))
        assert seen == shown.aggregates.keys(), page


def test_the_ranking_on_pages_in_the_terminal_and_in_markdown(shown: Shown) -> None:
    rankings = {page: titled(tables, "Candidates, best first") for page, tables in shown.pages.items()}
    rankings |= {text: tables[0].by_head() for text, tables in shown.texts.items()}
    for surface, lines in rankings.items():
        names = [named(line.get("Candidate") or line["candidate"]) for line in lines]
        assert names == shown.json["ranking"], surface
        for name, line in zip(names, lines, strict=True):
            cells = {re.sub(ARROWS, "", head): cell for head, cell in line.items()}
            shown_metrics = [metric for metric in shown.metrics if metric in cells]
            assert shown.primary in shown_metrics, surface
            assert all(is_mean(cells[metric], shown.aggregates[name, metric]) for metric in shown_metrics)
            if (name, shown.primary) in shown.against_baseline:
                row = shown.against_baseline[name, shown.primary]
                found = INTERVAL.fullmatch(cells["vs baseline, points"])
                assert found, (surface, cells)
                ends = (row["difference"], row["difference_ci_low"], row["difference_ci_high"])
                assert all(fits(text, end, 100) for text, end in zip(found.groups(), ends, strict=True)), cells


def test_the_other_metrics_in_the_terminal_and_in_markdown(shown: Shown) -> None:
    places = dict(enumerate(shown.json["ranking"], 1))
    for text, tables in shown.texts.items():
        seen = {metric for metric in shown.metrics for head in tables[0].rows[0] if re.sub(ARROWS, "", head) == metric}
        for table in tables:
            if table.rows[0][0] != "metric":
                continue
            for line in table.rows[1:]:
                metric = re.sub(ARROWS, "", line[0])
                for head, cell in zip(table.rows[0][1:], line[1:], strict=True):
                    place = re.fullmatch(r"(\d+)(?: \*)?", head)
                    candidate = places[int(place[1])] if place else named(head)
                    assert is_mean(cell, shown.aggregates[candidate, metric])
                    seen.add(metric)
        assert seen == set(shown.metrics), text


def test_json_python_and_the_asset_hold_the_aggregates_to_the_last_digit(shown: Shown, folder: Path) -> None:
    found = {f"{one['model']}@{one['prompt']}": one["metrics"] for one in shown.json["candidates"]}
    python = ea.open_project(folder).report(shown.name)
    by_name = dict(zip(python.summary.select("candidate", "metric").rows(), python.summary["mean"], strict=True))
    runs = {row["candidate"]: row for row in ea.open_project(folder).search_runs(evaluations=shown.name).to_dicts()}
    for (candidate, metric), row in shown.aggregates.items():
        told = found[candidate][metric]
        names = ("mean", "ci_low", "ci_high", "variance", "p90", "n_scored", "n_total")
        assert {name: told[name] for name in names} == {name: row[name] for name in names}
        assert by_name[candidate, metric] == row["mean"]
        assert runs[candidate][f"metrics.{metric_key(metric, row['version'], 'mean')}"] == row["mean"]
        assert shown.cell("aggregate_reports", candidate)[f"{metric}_mean"] == row["mean"]


def sentences(shown: Shown) -> Iterator[tuple[str, str, str, str]]:
    """Surface, candidate, metric and what is said of the comparison with the baseline."""
    for page, tables in shown.pages.items():
        for candidate in shown.candidates:
            for line in titled(tables, f"{candidate} against the baseline"):
                yield page, candidate, line["Metric"], line["In words"]
                yield page, candidate, line["Metric"], f"{line['Difference']}"
    for row in shown.json["comparisons"]:
        if row["is_baseline_comparison"]:
            yield "json", f"{row['model']}@{row['prompt']}", row["metric"], row["sentence"]
    text = shown.printed("report", shown.name)
    told = text.partition(", example by example:\n")[2].partition("\n\n")[0].replace("\n    ", " ")
    for line in told.splitlines():
        candidate, _, rest = line.strip().partition(" ")
        yield "terminal", candidate, *rest.split(": ", 1)
    markdown = shown.printed("report", shown.name, "--format", "md")
    for line in markdown.partition("### Against the baseline\n\n")[2].partition("\n\n")[0].splitlines():
        candidate, metric, said = re.fullmatch(r"- `(\S+)` (\S+): (.*)", line).groups()
        yield "markdown", candidate, metric.replace("\\", ""), said


def test_differences_intervals_and_p_values_are_the_comparisons(shown: Shown) -> None:
    seen = set()
    for surface, candidate, metric, said in sentences(shown):
        row = shown.against_baseline[candidate, metric]
        seen.add(surface)
        if re.fullmatch(NUMBER, said):
            assert fits(said, row["difference"]), (surface, said, row)
            continue
        found = SENTENCE.match(said)
        if found is None:
            assert row["difference_ci_low"] is None or not row["difference"], (surface, metric, said)
            continue
        difference, points, low, high, p = found.groups()
        factor = 100 if points else 1
        assert fits(difference, row["difference"], factor), (surface, metric, said, row["difference"])
        assert fits(low, row["difference_ci_low"], factor), (surface, metric, said)
        assert fits(high, row["difference_ci_high"], factor), (surface, metric, said)
        assert p is None or fits(p, row["p_value_adjusted"]), (surface, metric, said, row["p_value_adjusted"])
        assert (p is None) == (row["p_value_adjusted"] is None), (surface, metric, said)
    assert seen == {*shown.pages, "json", "terminal", "markdown"}


def test_wins_and_losses_are_the_comparisons(shown: Shown) -> None:
    won = {
        candidate: (row["wins"], row["losses"], row["n_pairs"])
        for (candidate, metric), row in shown.against_baseline.items()
        if metric == shown.primary
    }
    for page in ("viewer", "exported page"):
        told = {
            named(line["Candidate"]): tuple(int(line[head].split()[0]) for head in ("Better", "Worse", "Of pairs"))
            for line in titled(shown.pages[page], "Examples better and worse than the baseline")
        }
        assert told == won, page
    report = (shown.folder / "data" / "warehouse" / "reports" / f"{shown.name}.html").read_text()
    summaries = re.findall(r"<summary>([^<:]+@[^<:]+): ([\d,]+) worse, ([\d,]+) better", report)
    assert {name: (int(better), int(worse)) for name, worse, better in summaries} == {
        name: counts[:2] for name, counts in won.items()
    }
    (heads, *_) = shown.grid().rows
    in_heads = {
        named(head.split(" ")[0] + "@" + head.split(" ")[2]): re.search(r"(\d+) better (\d+) worse", head)
        for head in heads[1:]
    }
    assert {name: (int(one[1]), int(one[2])) for name, one in in_heads.items() if one} == {
        name: counts[:2] for name, counts in won.items()
    }


def test_the_grid_and_its_csv_have_the_means(shown: Shown) -> None:
    for head in shown.grid().rows[0][1:]:
        model, _, prompt, *rest = head.split(" ")
        row = shown.aggregates[f"{model}@{prompt}", shown.primary]
        found = INTERVAL.search(" ".join(rest))
        assert found, head
        assert fits(found[1], row["mean"])
        assert (fits(found[2], row["ci_low"]), fits(found[3], row["ci_high"])) == (True, True)
    table = pl.read_csv(shown.viewed(f"/evaluations/{shown.name}/grid.csv").encode(), infer_schema_length=None)
    columns = [column for column in table.columns if " of " in column and column.partition(" of ")[0] in shown.metrics]
    for column in columns:
        metric, _, candidate = column.partition(" of ")
        row = shown.aggregates[candidate, metric]
        scores = table[column].cast(pl.Float64).drop_nulls()
        assert (scores.len(), scores.mean()) == (row["n_scored"], pytest.approx(row["mean"], rel=1e-12)), column
    assert {column.partition(" of ")[2] for column in columns} == set(shown.candidates)


def test_the_leaderboard_as_csv_has_them(shown: Shown) -> None:
    rows = pl.read_csv(shown.printed("report", shown.name, "--format", "csv").encode()).to_dicts()
    assert [row["candidate"] for row in rows] == shown.json["ranking"]
    for row in rows:
        primary = shown.aggregates[row["candidate"], shown.primary]
        assert {name: row[name] for name in ("mean", "ci_low", "ci_high", "n_scored")} == {
            name: primary[name] for name in ("mean", "ci_low", "ci_high", "n_scored")
        }
        compared = shown.against_baseline.get((row["candidate"], shown.primary), {})
        for name in ("difference", "difference_ci_low", "difference_ci_high", "p_value_adjusted"):
            assert row[name] == compared.get(name), (row["candidate"], name)
        for metric in set(shown.metrics) - {shown.primary}:
            told = shown.aggregates[row["candidate"], metric]
            assert (row[f"{metric}/mean"], row[f"{metric}/ci_low"]) == (told["mean"], told["ci_low"])


def test_the_list_of_evaluations_names_the_first_with_its_mean(shown: Shown) -> None:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", shown.viewed("/")))
    part = text.partition(f" {shown.name} Dataset")[2]
    first = re.match(rf".*? First by (\S+) (\S+) @ (\S+) ({NUMBER}) \[({NUMBER}), ({NUMBER})\]", part)
    assert first, part[:300]
    metric, model, prompt, mean, low, high = first.groups()
    assert (metric, f"{model}@{prompt}") == (shown.primary, shown.json["ranking"][0])
    row = shown.aggregates[f"{model}@{prompt}", metric]
    assert (fits(mean, row["mean"]), fits(low, row["ci_low"]), fits(high, row["ci_high"])) == (True, True, True)


def test_gates_are_the_same_everywhere(shown: Shown) -> None:
    gates = shown.table("gate_results").to_dicts()
    keys = [name for name in gates[0] if name not in ("evaluation", "run_id")] if gates else []
    stored = [{name: gate[name] for name in keys} for gate in gates]
    assert [{name: gate[name] for name in keys} for gate in shown.json["gates"]] == stored
    if gates:
        told = json.loads(shown.printed("gate", shown.name, "--format", "json"))
        assert [{name: gate[name] for name in keys} for gate in told["gates"]] == stored
    for page, tables in shown.pages.items():
        lines = titled(tables, "Gate results")
        assert [(line["Verdict"], named(line["Candidate"]), line["Why"]) for line in lines] == [
            (gate["verdict"], f"{gate['model']}@{gate['prompt']}", gate["reason"]) for gate in gates
        ], page
    in_texts = [shown.texts["markdown"], shown.texts["asset"]] if gates else []
    for tables in in_texts:
        (table,) = [table for table in tables if "observed" in table.rows[0]]
        for line, gate in zip(table.by_head(), gates, strict=True):
            assert fits(line["observed"], gate["observed"])
            low, high = re.fullmatch(rf"\[({NUMBER}), ({NUMBER})\]", line["interval"]).groups()
            assert (fits(low, gate["ci_low"]), fits(high, gate["ci_high"])) == (True, True)
            assert fits(line["failed"], gate["failed_share"], 100)


def test_cost_and_speed_are_the_same_everywhere(shown: Shown) -> None:
    predictions, judged = shown.table("predictions"), shown.table("judge_scores")
    for candidate in shown.candidates:
        model, prompt = candidate.split("@")
        rows = predictions.filter(model=model, prompt=prompt)
        came = rows.filter(pl.col("outcome") != "error")["latency_seconds"].drop_nulls()
        truth = {
            "answered": rows.filter(outcome="ok").height,
            "n": rows.height,
            "cost": rows["cost_usd"].sum() if rows["cost_usd"].is_not_null().any() else None,
            "judging": _known(judged.filter(model=model, prompt=prompt)["cost_usd"]),
            "latency": [came.quantile(quantile, "linear") for quantile in (0.5, 0.9, 0.99)],
        }
        (told,) = [
            one["performance"] for one in shown.json["candidates"] if f"{one['model']}@{one['prompt']}" == candidate
        ]
        names = ("latency_p50_seconds", "latency_p90_seconds", "latency_p99_seconds")
        assert [told[name] for name in names] == truth["latency"]
        assert told["cost_usd"] == pytest.approx(truth["cost"])
        in_ui = shown.cell("predictions", candidate)
        assert in_ui.get("cost_usd") == pytest.approx(truth["cost"])
        assert in_ui["latency_seconds_mean"] == pytest.approx(came.mean())
        assert (in_ui["n_total"], in_ui["n_failed"]) == (truth["n"], truth["n"] - truth["answered"])
        for surface, cells in _speeds(shown, candidate):
            answered, n = re.match(r"(?:\S+ )?(\d+)(?:/| of )(\d+)", cells["answered"]).groups()
            assert (int(answered), int(n)) == (truth["answered"], truth["n"]), surface
            assert fits(cells["cost"], truth["cost"]), (surface, cells)
            assert fits(cells["judging"], truth["judging"]), (surface, cells)
            for text, seconds in zip(cells["latency"], truth["latency"], strict=True):
                number, unit = text.split()
                assert fits(number, seconds, {"ms": 1000, "s": 1}[unit]), (surface, cells, truth["latency"])


def _known(values: pl.Series) -> float | None:
    return float(values.sum()) if values.is_not_null().any() else None


def _speeds(shown: Shown, candidate: str) -> Iterator[tuple[str, dict]]:
    """Surface, and what it says of a candidate's cost and speed: latencies each with its unit."""
    for page, tables in shown.pages.items():
        (line,) = [row for row in titled(tables, "Cost and speed by candidate") if named(row["Candidate"]) == candidate]
        latency = _each_with_unit(line["Latency p50/p90/p99"])
        yield page, {"answered": line["Answered"], "cost": line["Cost"], "judging": line["Judging"], "latency": latency}
    for text, tables in shown.texts.items():
        (table,) = [table for table in tables if "judging" in table.rows[0]]
        column = next(head for head in table.rows[0] if head in ("candidate", "cost and speed"))
        (line,) = [row for row in table.by_head() if named(row[column]) == candidate]
        latency = [line[f"p{n}"] for n in (50, 90, 99)] if "p50" in line else _each_with_unit(line["p50/p90/p99"])
        yield text, {**line, "latency": latency}


def _each_with_unit(text: str) -> list[str]:
    numbers, unit = text.rsplit(" ", 1)
    return [f"{number} {unit}" for number in numbers.split("/")]


def test_agreement_is_the_same_everywhere(shown: Shown) -> None:
    rows = shown.table("judge_agreement").filter(
        pl.col("slice_column").is_null(), pl.col("other_judge").is_null(), pl.col("model").is_null()
    )
    for judge in rows["judge"].unique():
        stored = {row["statistic"]: row for row in rows.filter(judge=judge).iter_rows(named=True)}
        (trust,) = [one for one in shown.json["judge_trust"] if one["judge"] == judge]
        metadata = shown.metadata("judge_agreement", shown.name)
        for title, statistic in STATISTICS.items():
            row = stored[statistic]
            names = ("value", "ci_low", "ci_high", "n")
            assert [trust["statistics"][statistic][name] for name in names] == [row[name] for name in names]
            assert metadata.get(f"{judge}_{statistic}", row["value"]) == row["value"]
            for surface, line in _statistics(shown, judge, title):
                factor = 100 if "%" in line[0] else 1
                low, high = re.fullmatch(rf"\[({NUMBER})(?: %)?, ({NUMBER})(?: %)?\]", line[1]).groups()
                assert fits(line[0], row["value"], factor), (surface, title, line)
                assert (fits(low, row["ci_low"], factor), fits(high, row["ci_high"], factor)) == (True, True)
                assert line[2] == f"{row['n']:,}", (surface, title, line)


def _statistics(shown: Shown, judge: str, title: str) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Surface, and the value, interval and number of outputs that it gives for a statistic."""
    for page, tables in shown.pages.items():
        lines = titled(tables, f"{judge}: agreement and biases")
        (line,) = [row for row in lines if row["Statistic"] == title]
        yield page, (line["Value"], line["Interval"], line["n"])
    page = shown.viewed(f"/evaluations/{shown.name}/agreement?what=judge:{judge}&rater=ann")
    for line in titled(html_tables(page), "Agreement, by all labels of this moment"):
        if line["Statistic"] == title:
            yield "review", (line["Value"], line["Interval"], line["Outputs"])
    for text in ("markdown", "asset"):
        for table in shown.texts[text]:
            if table.rows[0][0] == "statistic":
                (line,) = [row for row in table.by_head() if row["statistic"] == title]
                yield text, (line["value"], line["interval"], line["n"])
    said = shown.printed("report", shown.name)
    found = re.search(rf"^  {re.escape(title)}: (.*?) (\[.*?\]), n = (\d+)$", said, re.MULTILINE)
    assert found, title
    yield "terminal", (found[1], found[2], found[3])
