"""What a run says last and how it exits, so that a pipeline can tell apart what happened."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from eval_assets.cli.exit_codes import ExitCode
from tests.loopback import Fault
from tests.projects import Files

CHECKOUT = Path(__file__).resolve().parents[2]

# Every verdict is 4 of 5, so that all 4 rows of a candidate score 4, on a scale that ends at 1 and 5.
MET = {"metric": "grader", "min": 1, "min_scored": 2}
NOT_MET = {"metric": "grader", "min": 5, "min_scored": 2}
UNDECIDED = {"metric": "grader", "min": 4, "min_scored": 2}  # the mean lies on the threshold


def refuse_question(number: int):
    """A provider that answers one question with HTTP 500, whoever asks."""
    return lambda body: Fault(500) if f"question {number}" in body["messages"][-1]["content"] else None


def test_a_run_without_failures_exits_with_0(cli) -> None:
    assert cli("run", "other")[0] == ExitCode.DONE == 0
    assert cli("run", "other")[0] == 0


def test_a_run_with_nothing_to_do_leaves_dagster_alone_until_it_has_forgotten(
    cli_after_run, files_after_run: Files
) -> None:
    cli, files = cli_after_run, files_after_run
    assert cli("run", "other")[0] == 0
    told = "try:\n    main()\nfinally:\n    print('dagster' in sys.modules)"
    command = f"import sys; from eval_assets.cli.main import main\n{told}"
    run = [sys.executable, "-c", command, "--data", str(files.data), "run", "other"]
    assert subprocess.run(run, capture_output=True, text=True, check=False, cwd=files.folder).stdout == "False\n"
    with dg.DagsterInstance.get() as instance:
        instance.wipe_assets([dg.AssetKey("comparison")])
    code, _, said = cli("run", "other")
    assert code == 0
    assert "compare_candidates[other]" in said
    assert "evaluate_cell" not in said


@pytest.mark.parametrize(
    ("gate", "code", "said"),
    [
        (NOT_MET, 1, "NO-GO alpha@short, grader, mean at least 5: "),
        (UNDECIDED, 3, "INCONCLUSIVE alpha@short, grader, mean at least 4: 4.0 (95% interval "),
        (MET, 0, ""),
    ],
)
def test_run_and_gate_exit_alike_and_name_each_condition_with_its_figures(
    cli_after_run, files_after_run: Files, gate, code: int, said: str
) -> None:
    cli, files = cli_after_run, files_after_run
    files.change("evaluations", "main", models=["alpha"], prompts=["short"], gates=[gate])
    first, _, err = cli("run", "main")
    assert first == code, err
    assert said in err
    assert "compare_candidates[main]" in err
    assert "goes on from there" not in err  # nothing is left to do
    again, _, err = cli("run", "main")
    assert again == code
    assert said in err
    assert "Everything is up to date" in err
    assert cli("gate", "main")[0] == code
    assert cli("run", "main", "--no-gate")[0] == 0


def test_a_gate_that_fails_is_not_called_a_failed_run(cli_after_run, files_after_run: Files) -> None:
    cli, files = cli_after_run, files_after_run
    files.change("evaluations", "main", models=["alpha"], prompts=["short"], gates=[NOT_MET])
    _, _, err = cli("run", "main")
    assert "gate of main: NO-GO: 1 of 1 critical conditions failed" in err
    assert ", 0 failed; " in err
    assert err.splitlines()[-1] == "0 requests sent, 4 predictions reused"


def test_failed_rows_are_named_with_their_number_reason_and_first_examples(cli, provider) -> None:
    provider.faults = refuse_question(2)
    code, _, err = cli("run", "other")
    assert code == 4
    (line,) = [line for line in err.splitlines() if line.startswith("failed rows: ")]
    assert line.startswith("failed rows: other:alpha@short: 1 of 4 predictions (25 %), http_500: ")
    assert "; first q2; see `eval-assets trace " in line
    trace_id = line.split("trace ")[1].rstrip("`")
    code, out, _ = cli("trace", trace_id)
    assert code == 0
    assert "http_500" in out
    assert "goes on from there" in err


def test_rows_that_failed_before_are_named_by_a_run_that_has_nothing_to_do(cli, provider) -> None:
    provider.faults = lambda _body: Fault("refusal")  # final: it is not asked for again
    code, _, err = cli("run", "other")
    assert code == 4
    assert "4 of 4 predictions (100 %), " in err
    assert "; first q0, q1, q2; " in err
    sent = provider.requests
    again, _, err = cli("run", "other")
    assert (again, "4 of 4 predictions (100 %), " in err) == (4, True)
    assert "Everything is up to date" in err
    assert provider.requests == sent


def test_a_metric_that_fails_is_named_beside_the_failed_predictions(cli, files: Files, provider) -> None:
    (files.folder / f"{files.metric_module}.py").write_text(
        "def brevity(output, limit=10) -> float:\n    return 1 / output.count('absent')\n"
    )
    provider.faults = refuse_question(0)
    files.change("evaluations", "main", models=["alpha"], prompts=["short"], judges=[])
    code, _, err = cli("run", "main")
    assert code == 4
    # 3 of 4 predictions were answered; the metric is only asked about those.
    assert "main:alpha@short: 3 of 3 scores of brevity (100 %), error: ZeroDivisionError" in err
    assert "1 of 4 predictions (25 %), http_500: " in err


def test_a_failed_verdict_is_named_with_its_judge(cli_after_run, files_after_run: Files, provider_after_run) -> None:
    cli, files, provider = cli_after_run, files_after_run, provider_after_run
    files.change("evaluations", "main", models=["alpha"], prompts=["short"])
    files.edit_rubric()
    fault = refuse_question(2)
    provider.faults = lambda body: fault(body) if body["model"] == "judge-1" else None
    code, _, err = cli("run", "main")
    assert code == 4, err
    assert "main:alpha@short: 1 of 4 verdicts of grader (25 %)" in err


def test_failed_rows_can_be_allowed_by_share_and_by_count(cli, provider) -> None:
    final = Fault("refusal")  # is not asked for again: 1 of 4 rows stays failed in every run
    provider.faults = lambda body: final if refuse_question(1)(body) else None
    exits = {"0": 4, "1": 0, "24%": 4, "25%": 0, "25 %": 0, "100%": 0, "0%": 4}
    found = {}
    for allowed, code in exits.items():
        found[allowed], _, err = cli("run", "other", "--allow-failed", allowed)
        assert "failed rows: other:alpha@short: 1 of 4" in err, allowed  # said all the same
        assert ("allowed by --allow-failed" in err) == (code == 0), allowed
        assert ("Everything is up to date" in err) == (allowed != "0"), allowed
    assert found == exits


def test_failed_rows_are_allowed_in_the_run_that_has_them(cli, provider) -> None:
    provider.faults = refuse_question(1)
    code, _, err = cli("run", "other", "--allow-failed", "25%")
    assert (code, "failed rows: other:alpha@short: 1 of 4" in err, "allowed by --allow-failed" in err) == (
        0,
        True,
        True,
    )


@pytest.mark.parametrize("allowed", ["two", "-1", "101%", "2.5", "%", ""])
def test_what_cannot_be_an_allowance_is_refused(cli, allowed: str) -> None:
    code, _, err = cli("run", "other", "--allow-failed", allowed)
    assert code == 2
    assert "expected a count of rows such as 3 or a share such as 2%" in err


def test_an_allowed_share_holds_for_each_candidate(cli, files: Files, provider) -> None:
    # One of two candidates fails on half of its rows: 2 of 8 rows in all are 25 %, 2 of its own 4 are 50 %.
    files.change("evaluations", "main", prompts=["short"], judges=[])
    fails = [refuse_question(1), refuse_question(3)]
    final = Fault("refusal")  # is not asked for again
    provider.faults = lambda body: final if body["model"] == "beta-1" and any(fail(body) for fail in fails) else None
    assert cli("run", "main", "--allow-failed", "30%")[0] == 4
    assert cli("run", "main", "--allow-failed", "2")[0] == 0


def test_a_run_that_cannot_be_finished_exits_with_5(cli, provider) -> None:
    provider.api_key = "another"  # every request gets a 401, which ends the cell
    code, _, err = cli("run", "other")
    assert code == 5
    assert "failed evaluate_cell[other:alpha@short]" in err


@pytest.mark.parametrize(
    "arguments",
    [["mian"], ["other", "--cache", "never"], ["other", "--max-cost-usd", "-1"], ["other", "--max-cost-usd", "nan"]],
)
def test_a_command_that_cannot_be_used_exits_with_2(cli, arguments: list[str]) -> None:
    assert cli("run", *arguments)[0] == 2


@pytest.mark.parametrize("age", ["99999999999d", "36501d", "9" * 5_000 + "m", "-5d", "1w", "٣d"])
def test_an_age_that_is_none_is_refused(cli, age: str) -> None:
    code, _, err = cli("cache", "prune", "--older-than", age)
    assert code == 2
    assert "expected an age" in err


def test_a_crash_of_the_program_does_not_look_like_a_refusing_gate(cli, monkeypatch) -> None:
    monkeypatch.setattr("eval_assets.planning.plan.make_plan", lambda *_, **__: 1 / 0)
    code, _, err = cli("plan", "other")
    assert code == 5
    assert "ZeroDivisionError" in err


def test_a_stopped_run_exits_with_130_and_goes_on_when_it_is_asked_again(files: Files, provider, tmp_path) -> None:
    provider.latency_seconds = 0.5
    files.write_rows(0, 60)
    environment = {"DAGSTER_HOME": str(tmp_path / "dagster"), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, "-m", "eval_assets", "run", "other", "--data", str(files.data)]
    running = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    while provider.requests < 5:
        assert running.poll() is None, running.stderr.read()
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert "the same command goes on from there" in err


@pytest.mark.parametrize("module", ["eval_assets", "eval_assets.cli", "eval_assets.cli.main"])
def test_the_command_line_can_be_started_as_a_module(module: str, tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(CHECKOUT), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", module, "check", "--data", str(tmp_path / "nowhere")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert "nowhere: expected the folder with datasets" in done.stderr


def test_a_report_before_the_first_run_says_which_command_comes_first(cli) -> None:
    for command in ("report", "gate"):
        code, _, err = cli(command, "other")
        assert code == 2
        assert "other has no results yet: `eval-assets run other` computes them" in err
        assert "materialize" not in err


def test_data_may_stand_after_the_command(cli, files: Files, tmp_path) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    code, out, _ = cli("check", "--data", str(files.data))
    assert (code, "ok: 1 dataset, 2 prompts, 3 models, 1 judge, 2 evaluations" in out) == (0, True)
    assert "\nok: 0 datasets" in cli("check", "--data", str(other))[1]
    code, out, _ = cli("cache", "stats", "--data", str(other))
    assert (code, out) == (0, "no reply is stored yet\n")


def test_a_wrong_output_is_answered_with_what_would_be_right(cli_after_run, tmp_path) -> None:
    cli = cli_after_run
    code, _, err = cli("report", "other", "--format", "tsv")
    assert code == 2
    assert "'tsv' is not one of 'table', 'json', 'md', 'html', 'csv', 'xlsx', 'parquet', 'junit'" in " ".join(
        err.split()
    )
    code, _, err = cli("report", "other", "--format", "parquet")
    assert code == 2
    assert "`eval-assets report other --format parquet --output other.parquet`; a folder gets every table" in err
    for style, output in (("json", tmp_path), ("parquet", tmp_path / "a-file")):
        (tmp_path / "a-file").write_text("")
        code, _, err = cli("report", "other", "--format", style, "--output", str(output))
        assert (code, "can't be written" in err) == (2, True)
    deep = tmp_path / "not" / "there" / "report.json"
    assert cli("report", "other", "--format", "json", "-o", str(deep))[0] == 0
    assert json.loads(deep.read_text())["evaluation"] == "other"
