"""A candidate beside its former states: which one is meant, what changed since, what that did. Nothing is sent."""

import json

import polars as pl
import pytest

from eval_assets.errors import ConfigError, RowsGoneError, StorageError
from eval_assets.reports.computed.state_effects import FORMER_ANSWERS, NOT_TOLD_APART, PRESENT_ANSWERS, SAME
from eval_assets.reports.rendered.changes_json import changes_json
from eval_assets.reports.rendered.changes_text import changes_in_short, changes_lines, changes_markdown, changes_table
from eval_assets.reports.rendered.markdown import report_markdown
from eval_assets.reports.rendered.page.html import report_html
from eval_assets.stages.compared_since import compared_since
from eval_assets.stages.previews import changes_preview
from eval_assets.stages.releasing import release
from eval_assets.stages.report_reading import read_report
from eval_assets.storage.upkeep.table_upkeep import days_kept, maintain
from eval_assets.storage.warehouse import Warehouse
from eval_assets.wording.foreign_text import markdown_text
from tests.small_project import project_with
from tests.states import CANDIDATE, KINDLY, MILD, SHORT, StateLab, parts, rows, sentences
from tests.storage_ages import age

# 20 tickets, one in five unknown to the short bot: token_f1 of "Please reset 7 in the settings", where articles don't
# count, against "Reset 7" is 2 * 2 / (5 + 2), of "Reset 7" 1, of "No idea" 0.
KIND_F1, SHORT_F1 = 4 / 7, 16 / 20


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> StateLab:
    """Four states: kindly answered, shortly, judged by another rubric, with ten more rows."""
    lab = StateLab(tmp_path_factory.mktemp("states"))
    lab.run()
    lab.files["prompts/ask.md"] = SHORT
    lab.run()
    lab.rubric(MILD)
    lab.run()
    lab.files["datasets/qa.jsonl"] = rows(*range(30))
    lab.run()
    return lab


@pytest.fixture
def copied(lab: StateLab, tmp_path) -> StateLab:
    """The same, free to be changed."""
    return lab.copied(tmp_path)


def test_an_edited_prompt_is_told_with_its_lines_beside_what_it_did_to_each_metric(lab: StateLab) -> None:
    change = lab.since("run-1", until="run-2")
    (cause,) = change.causes
    assert (cause.what, cause.reaches, cause.before, cause.after) == ("prompt", "answers", 1, 2)
    assert cause.diff == ("-Answer kindly: {{ inputs }}", "+Answer short: {{ inputs }}")
    assert (change.row["n_same"], change.row["n_other_outputs"]) == (20, 20)
    whole = change.effects_of("all")
    assert whole["token_f1"]["difference"] == pytest.approx(SHORT_F1 - KIND_F1)
    assert [whole["token_f1"][name] for name in ("n_better", "n_worse", "n_equal", "scoring")] == [16, 4, 0, SAME]
    assert parts(change, "kind") == {"all": 2 - 5}
    assert [row[0] for row in change.worse_rows("token_f1", at_most=9)] == ["t0", "t10", "t15", "t5"]


def test_an_edited_rubric_is_no_change_of_the_answers(lab: StateLab) -> None:
    change = lab.since("run-2", until="run-3")
    assert sentences(change) == ['judge kind v1 → v2: rubric "1 rude, 5 kind" → "1 rude, plain will do, 5 kind"']
    assert change.row["n_other_outputs"] == 0
    # The unknown tickets are plain too.
    assert parts(change, "kind") == {"all": 2, "answers": 0, "scoring": 2}
    assert parts(change, "token_f1") == {"all": 0}


def test_new_rows_are_named_and_counted_and_in_no_difference(lab: StateLab) -> None:
    change = lab.since()
    assert sentences(change) == ["dataset qa: 10 rows added"]
    assert [change.row[f"n_{kind}"] for kind in ("same", "edited", "added", "removed")] == [20, 0, 10, 0]
    assert change.examples["added"] == [f"t{number}" for number in range(20, 30)]
    effect = change.effects_of("all")["token_f1"]
    assert (effect["n_pairs"], effect["difference"]) == (20, 0)
    assert (effect["mean_before"], effect["mean_now"]) == (SHORT_F1, pytest.approx(24 / 30))
    added = change.pairs.filter(row="added", metric="token_f1")
    assert (added.height, added["before"].null_count(), added["now"].null_count()) == (10, 10, 0)


def test_answers_and_scoring_are_told_apart_by_verdicts_that_were_given_in_between(lab: StateLab) -> None:
    change = lab.since("first")
    # The short answers were judged by the first rubric once, in the second state: 2 instead of 5, then 4.
    assert change.effects_of("all")["kind"]["scoring"] == PRESENT_ANSWERS
    assert parts(change, "kind") == {"all": -1, "answers": -3, "scoring": 2}


def test_answers_and_scoring_that_changed_at_once_are_said_to_be_inseparable(copied: StateLab) -> None:
    copied.files["prompts/ask.md"] = "## user\nBe brief, keep it short: {{ inputs }}\n"
    copied.rubric("1 rude, 3 plain, 5 kind")
    copied.run()
    with copied.room() as room:
        n_replies = room.warehouse.scan("responses").collect().height
    # The answers are the same texts, and a judge is asked about texts: nothing of this is open.
    assert copied.since().effects_of("all")["kind"]["scoring"] == FORMER_ANSWERS
    copied.files["prompts/ask.md"] = "## user\nAnswer kindly once more: {{ inputs }}\n"
    copied.rubric("0 rude, 5 kind")
    copied.run()
    change = copied.since()
    assert change.effects_of("all")["kind"]["scoring"] == NOT_TOLD_APART
    assert parts(change, "kind").keys() == {"all"}
    assert "can't be told apart" in changes_table_of(copied)
    with copied.room() as room:
        assert room.warehouse.scan("responses").collect().height > n_replies  # by the runs, which judged anew


def test_looking_back_sends_and_writes_nothing(lab: StateLab) -> None:
    def tables() -> dict[str, int | None]:
        with lab.room() as room:
            return {table: room.warehouse.version(table) for table in ("responses", "runs", "changes", "predictions")}

    before = tables()
    for since in ("first", "v1", "model:v1", "judge:v1", "run-2"):
        assert lab.since(since).has_former
    assert tables() == before


def test_another_version_of_a_metric_scores_the_former_answers_anew(copied: StateLab) -> None:
    copied.files["prompts/ask.md"] = "## user\nAnswer kindly again: {{ inputs }}\n"
    contains = {"metric": "contains", "parameters": {"case_sensitive": True}}
    copied.evaluation(metrics=["token_f1", contains])
    copied.run()
    change = copied.since()
    # The former answers never met `contains`; "Reset 7" holds its target, "No idea" and "Please reset 7" don't.
    new = change.effects_of("all")["contains"]
    assert (new["mean_before"], new["mean_now"], new["difference"]) == (24 / 30, 0, -24 / 30)
    assert "metric contains added" in " ".join(sentences(change))
    copied.files["prompts/ask.md"] = SHORT
    copied.evaluation(metrics=["token_f1", {**contains, "parameters": {"case_sensitive": False}}])
    copied.run()
    change = copied.since()
    assert change.effects_of("all")["contains"]["scoring"] == FORMER_ANSWERS
    # Any case: "Please reset 7" holds "Reset 7" now, so that the scoring alone wins all 30 and the answers lose 6.
    assert parts(change, "contains") == {"all": 24 / 30, "answers": -6 / 30, "scoring": 1}


def test_edited_and_removed_rows_are_apart_from_the_rest(copied: StateLab) -> None:
    copied.files["datasets/qa.jsonl"] = rows(*range(2, 30), t3="And how?", t5="But how?")
    copied.run()
    change = copied.since()
    assert sentences(change) == ["dataset qa: 2 rows edited, 2 rows removed"]
    assert (dict(change.examples)["edited"], dict(change.examples)["removed"]) == (["t3", "t5"], ["t0", "t1"])
    assert change.effects_of("all")["token_f1"]["n_pairs"] == 26


def test_the_state_before_is_the_last_one_made_from_anything_else(copied: StateLab) -> None:
    copied.evaluation(confidence=0.9)
    copied.run()
    assert sentences(copied.since()) == ["dataset qa: 10 rows added"]  # other intervals are no other state
    copied.files["prompts/ask.md"] = "## user\nAnswer kindly: {{ inputs }}\n"
    copied.run()
    change = copied.since()
    assert sentences(change)[0].startswith("prompt ask v2 → v3")
    assert change.row["former_run_id"] == "run-5"  # the last that was computed of it


def test_a_state_is_named_by_version_day_run_or_place(lab: StateLab) -> None:
    runs = {since: lab.since(since).row["former_run_id"] for since in ("v1", "v2", "judge:v1", "first", "run-2")}
    assert runs == {"v1": "run-1", "v2": "run-3", "judge:v1": "run-2", "first": "run-1", "run-2": "run-2"}
    with lab.room() as room:
        moments = room.warehouse.history("aggregate_reports")
        third = [float(commit.metadata["timestamp"]) for commit in moments if commit.metadata.get("run_id") == "run-3"]
    moment = pl.Series([int(third[0]) * 1000 + 1000]).cast(pl.Datetime("us"))[0]
    assert lab.since(moment.isoformat()).row["former_run_id"] == "run-3"


@pytest.mark.parametrize(
    ("since", "said"),
    [
        ("yesterday", "expected previous, first, released"),
        ("v9", "no candidate has another state 'v9'; its states are bot@ask of"),
        ("2020-01-01", "no candidate has another state '2020-01-01'"),
        ("released", "no candidate has another state 'released'"),
    ],
)
def test_a_state_that_there_isnt_is_refused_with_those_there_are(lab: StateLab, since: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        lab.since(since)


def test_a_candidate_that_there_isnt_is_refused_with_the_nearest(lab: StateLab) -> None:
    with lab.room() as room, pytest.raises(ConfigError, match="did you mean 'bot@ask'"):
        compared_since(room, "e", candidates=["bot@task"])


def test_a_released_state_is_kept_by_name_with_who_and_when(copied: StateLab) -> None:
    with copied.room() as room:
        marked = release(room.warehouse, "e", [CANDIDATE], name=None, released_by="ada", note="to all", verdict="GO")
        assert marked.select("release", "released_by", "note", "verdict").rows() == [("r1", "ada", "to all", "GO")]
        for name, said in (("r1", "has a release 'r1' already"), ("v3", "expected a name for a release")):
            with pytest.raises(ConfigError, match=said):
                release(room.warehouse, "e", [CANDIDATE], name=name, released_by="ada", note="", verdict="GO")
        with pytest.raises(StorageError, match="was never computed"):
            release(room.warehouse, "e", ["bot@other"], name="r2", released_by="ada", note="", verdict="GO")
    copied.files["prompts/ask.md"] = "## user\nAnswer kindly: {{ inputs }}\n"
    copied.run()
    for since in ("released", "r1"):
        change = copied.since(since)
        assert (change.row["former_run_id"], change.row["since"]) == ("run-4", since)
        assert parts(change, "token_f1") == {"all": pytest.approx(KIND_F1 - SHORT_F1)}


def test_maintenance_keeps_the_state_before_and_the_released_one_and_says_when_another_is_gone(
    copied: StateLab,
) -> None:
    with copied.room() as room:
        release(room.warehouse, "e", [CANDIDATE], name="good", released_by="ada", note="", verdict="GO")
    copied.files["prompts/ask.md"] = "## user\nAnswer kindly: {{ inputs }}\n"
    copied.run()
    copied.files["prompts/ask.md"] = "## user\nAnswer kindly, please: {{ inputs }}\n"
    copied.run()
    age(str(copied.folder / "data" / "warehouse"), 400)
    warehouse = Warehouse(str(copied.folder / "data" / "warehouse"))
    list(maintain(warehouse, copied.folder / "state", days_kept()))
    assert copied.since().row["former_run_id"] == "run-5"
    assert copied.since("good").row["former_run_id"] == "run-4"
    with pytest.raises(StorageError, match="keeps replaced rows for 30 days"):
        copied.since("run-1")


def changes_table_of(lab: StateLab) -> str:
    with lab.room() as room:
        return changes_table(compared_since(room, "e"))


def test_terminal_markdown_and_json_say_the_same(lab: StateLab) -> None:
    with lab.room() as room:
        found = compared_since(room, "e", since="first")
    table, markdown, values = changes_table(found), "\n".join(changes_markdown(found)), changes_json(found)
    (candidate,) = values["candidates"]
    for text in (table, markdown):
        assert "of it the answers: worse: -3" in text
        assert "10 added" in text
    assert all(len(line) <= 100 and line.isascii() for line in table.splitlines())
    assert candidate["metrics"]["kind"]["answers"]["difference"] == -3
    assert candidate["metrics"]["kind"]["worse"][0] == {"example_id": "t0", "before": 5, "now": 4}
    assert [cause["what"] for cause in candidate["causes"]] == ["prompt", "judge", "dataset"]
    assert "kind so far: 5 -> 2 (prompt 1 to 2) -> 4 (judge 1 to 2) -> 4 (dataset 20 to 30" in table


def test_the_first_screen_says_in_a_sentence_what_changed_and_what_that_did(lab: StateLab) -> None:
    with lab.room() as room:
        report = read_report(room, "e")
        in_the_ui = changes_preview(room, "e")
    (said,) = changes_in_short(report.changes)
    # 24 of 30 are known to the short bot, as 16 of 20 were.
    assert said == (
        "Since last time, bot@ask: dataset qa: 10 rows added; token_f1 0.8 → 0.8: nothing, the same on every row."
    )
    page, markdown = report_html(report), report_markdown(report)
    assert said in page[: page.index('id="leaderboard"')]
    assert markdown_text(said) in markdown.partition("<details>")[0]
    assert in_the_ui["answer"] == markdown_text(said)


def test_what_the_file_names_is_told_first_and_alone_where_it_is_told_briefly(copied: StateLab) -> None:
    copied.evaluation(metrics=["contains"], without_metrics=["toxicity", "ari_grade_level"])
    copied.files["prompts/ask.md"] = KINDLY
    copied.run()
    with copied.room() as room:
        found = compared_since(room, "e")
    assert [row["metric"] for row in found.candidates[0].effects][:2] == ["contains", "kind"]
    whole, brief = (
        [text.split()[0] for head, text in changes_lines(found, brief=brief) if head == "    "]
        for brief in (False, True)
    )
    assert "token_count" in whole
    assert not {"token_count", "flesch_kincaid_grade_level"} & {*brief}
    assert {"contains", "kind"} <= {*brief}


def test_a_trial_is_held_against_the_whole_state_before_and_never_the_other_way(tmp_path) -> None:
    lab = StateLab(tmp_path)
    lab.run()
    lab.files["prompts/ask.md"] = SHORT
    lab.run(limit=8)
    trial = lab.since()
    assert (trial.row["former_run_id"], trial.row["n_same"], trial.row["n_removed"]) == ("run-1", 8, 12)
    lab.run()
    whole = lab.since()
    assert (whole.row["former_run_id"], whole.row["n_same"], whole.row["n_added"]) == ("run-1", 20, 0)
    assert "before, only the first 8 rows were run (--limit)" in sentences(lab.since("run-2"))


HOSTILE = "<script>alert(1)</script> ``` | [x](https://example.org) \x1b[31m"


def test_what_a_prompt_or_an_id_says_is_text_in_every_output(tmp_path) -> None:
    lab = StateLab(tmp_path)
    lab.run()
    lab.files["prompts/ask.md"] = f"## user\nAnswer short {HOSTILE}: {{{{ inputs }}}}\n"
    lab.files["datasets/qa.jsonl"] = rows(*range(20)) + rows(21).replace("t21", json.dumps(HOSTILE)[1:-1])
    lab.run()
    with lab.room() as room:
        found, page = compared_since(room, "e"), report_html(read_report(room, "e"))
    table, markdown = changes_table(found), "\n".join(changes_markdown(found))
    assert HOSTILE[:20] in found.candidates[0].causes[0].diff[1]
    section = page[page.index('id="since"') : page.index("</section>", page.index('id="since"'))]
    assert "<script>" not in section
    assert "&lt;script&gt;" in section
    assert "\x1b" not in table + markdown + page
    fence = next(line for line in markdown.splitlines() if line.endswith("diff"))
    assert fence == "````diff"  # longer than what the prompt holds
    outside = markdown[: markdown.index(fence)] + markdown[markdown.rindex("````") :]
    assert "<script>" not in outside
    assert "](https" not in outside


def test_before_the_first_run_there_is_nothing_to_compare(tmp_path) -> None:
    lab = StateLab(tmp_path)
    project_with(lab.folder, **lab.files)
    with pytest.raises(StorageError, match="e has no results yet: `eval-assets run e` computes them"):
        lab.since()
    lab.run()
    with pytest.raises(ConfigError, match="no candidate has a state 'v9'"):
        lab.since(until="v9")
    assert not lab.since().has_former


def test_of_several_candidates_the_one_that_changed_last_is_told_first(tmp_path) -> None:
    lab = StateLab(tmp_path)
    lab.files["prompts/tell.md"] = KINDLY
    lab.evaluation(prompts=["ask", "tell", "new"])
    lab.files["prompts/new.md"] = KINDLY
    lab.run()
    for prompt in ("tell", "ask"):
        lab.files[f"prompts/{prompt}.md"] = SHORT
        lab.run()
    with lab.room() as room:
        table = changes_table(compared_since(room, "e"))
    named = [line.split(",")[0].strip() for line in table.splitlines() if ", against its state of" in line]
    assert named == ["bot@ask", "bot@tell"]
    assert "without a former state: bot@new" in table


def test_a_run_goes_on_where_the_rows_of_the_state_before_are_gone_and_says_so(copied: StateLab) -> None:
    copied.files["prompts/ask.md"] = KINDLY
    copied.run()
    warehouse = Warehouse(str(copied.folder / "data" / "warehouse"))
    for table in ("predictions", "heuristic_metrics", "judge_scores"):
        warehouse.delta_table(table).vacuum(0, dry_run=False, enforce_retention_duration=False)
    copied.evaluation(confidence=0.9)
    copied.run()
    stored = Warehouse(warehouse.root).scan("changes").collect()
    assert stored.select("n_same", "former_run_id").rows() == [(None, "run-4")]
    with copied.room() as room:
        told = "\n".join(changes_markdown(read_report(room, "e").changes))
    assert "prompt ask v2 → v3: user message changed; maintenance has removed the rows of its state of" in told
    with pytest.raises(RowsGoneError):
        copied.since()
