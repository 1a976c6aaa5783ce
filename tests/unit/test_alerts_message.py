"""What receivers get: every change once, nothing that speaks to Slack, no secret."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from eval_assets.alerting.change import AlertChange
from eval_assets.alerting.message import SLACK_BLOCK_CHARACTERS, AlertMessage, message_of
from eval_assets.cli.main import commands
from eval_assets.config.alert import Alert, AlertFile
from eval_assets.storage.report_pages import ReportPages
from eval_assets.storage.warehouse import Warehouse
from tests.small_project import problems_of, project_with

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
CONDITION = "bot@ask, kind, mean at least 4"
DETAIL = {
    "said": "1 of 1 critical conditions failed",
    "conditions": [f"NO-GO {CONDITION}: mean 2"],
    "since_last_time": [
        {"candidate": "bot@ask", "causes": ["prompt ask v1 → v2"], "effects": ["kind 5 → 2: worse; worst t1 (5 → 2)"]}
    ],
}


def change(
    kind: str = "verdict", subject: str | None = None, before: str = "GO", now: str = "NO-GO", **detail: object
) -> AlertChange:
    evaluation = None if kind == "model" else "support"
    said = json.dumps(detail)
    return AlertChange("c", kind, evaluation, subject, before, now, NOON, "waiting", said, "m-1")  # type: ignore[arg-type]


def message(*changes: AlertChange, **fields: object) -> AlertMessage:
    alert = Alert(name="team", file=AlertFile.model_validate({"command": ["notify"], **fields}))
    return message_of(alert, changes, "bot & <co>", ReportPages(Warehouse("/nowhere")))


FLIPPED = (change(**DETAIL), change(subject=CONDITION, said="mean 2"))


def test_a_flipped_gate_is_told_with_what_flipped_it_and_where_to_look():
    assert message(*FLIPPED, report_url="https://ci.example.org/{evaluation}.html").text.splitlines() == [
        "bot & <co>, alert team",
        "support: gates GO → NO-GO: 1 of 1 critical conditions failed",
        "  GO → NO-GO: bot@ask, kind, mean at least 4: mean 2",
        "  bot@ask: prompt ask v1 → v2",
        "  bot@ask: kind 5 → 2: worse; worst t1 (5 → 2)",
        "what flipped: https://ci.example.org/support.html#since or eval-assets compare support",
    ]


def test_a_condition_that_flips_is_told_where_the_gates_together_say_what_they_said():
    assert message(FLIPPED[1]).paragraphs == [
        (
            "support: 1 condition decided otherwise, the gates together as before",
            ["GO → NO-GO: bot@ask, kind, mean at least 4: mean 2"],
        )
    ]


def test_models_runs_and_candidates_have_a_line_each():
    found = message(
        change("model", "gpt", "", "gpt-5", said="since noon"),
        change("no_data", "run", "runs", "failed", said="support:bot@ask (run 1): HTTP 401"),
        change("no_data", "bot@ask", "data", "no answers", said="4 of 4 http_500: down"),
        change("no_data", "bot@ask", "no answers", "data", said=""),
    )
    assert found.paragraphs == [
        ("model gpt answers as gpt-5", ["since noon"]),
        ("support: its last run failed", ["support:bot@ask (run 1): HTTP 401"]),
        ("support: bot@ask has no answers", ["4 of 4 http_500: down"]),
        ("support: bot@ask has answers again", []),
    ]


def test_the_json_has_the_id_every_change_and_the_links():
    told = json.loads(message(*FLIPPED).as_json())
    assert (told["schema"], told["id"], told["alert"], told["is_test"], told["project"]) == (
        1,
        "m-1",
        "team",
        False,
        "bot & <co>",
    )
    assert [(one["kind"], one["evaluation"], one["before"], one["now"]) for one in told["changes"]] == [
        ("verdict", "support", "GO", "NO-GO")
    ] * 2
    assert told["changes"][0]["detail"] == DETAIL
    assert told["links"] == [{"evaluation": "support", "command": "eval-assets compare support"}]


def test_slack_shows_texts_as_they_stand_and_only_our_links():
    evil = change("no_data", "run", "runs", "failed", said="<!channel> <https://evil.example|click> & \x1b[31m")
    body = message(evil, report_url="https://ci.example.org/{evaluation}.html").as_slack()
    texts = [block["text"]["text"] for block in json.loads(body)["blocks"]]
    assert texts == [
        "*bot &amp; &lt;co&gt;*, alert team",
        "*support: its last run failed*\n• &lt;!channel&gt; &lt;https://evil.example|click&gt; &amp; \\u001b[31m",
        "<https://ci.example.org/support.html#since|what flipped in support>, `eval-assets compare support`",
    ]


def test_slack_gets_no_more_than_it_takes():
    many = [replace(change(said="&" * 5_000), evaluation=f"e{number}") for number in range(60)]
    blocks = json.loads(message(*many).as_slack())["blocks"]
    assert len(blocks) <= 50
    assert max(len(block["text"]["text"]) for block in blocks) <= SLACK_BLOCK_CHARACTERS
    assert any("and 16 more changes" in block["text"]["text"] for block in blocks)


def test_a_test_message_says_that_it_is_one():
    test = AlertMessage("m-2", "team", "shop", (), {}, is_test=True)
    assert test.text == "TEST of the alert team, project shop: nothing has changed"
    assert json.loads(test.as_json())["is_test"] is True
    assert json.loads(test.as_slack()) == {"text": test.text}


MISTAKES = [  # the file, and what is said of it
    (
        "webhook_env: https://hooks.slack.com/services/T0/B0/secret\n",
        "name of an environment variable, such as SLACK_WEBHOOK",
    ),
    ("webhook: https://hooks.slack.com/services/T0/B0/secret\n", "unknown field; did you mean 'webhook_env'?"),
    ("description: nobody\n", "either 'webhook_env' or 'command', to which alerts go, got neither"),
    ("webhook_env: A\ncommand: [a]\n", "got both"),
    ("command: notify.sh\n", "as in `command: [notify.sh]`"),
    ("command: [curl, https://hooks.slack.com/services/T0/B0/secret]\n", "holds a secret"),
    ("command: [a]\nshape: slack\n", "a command reads JSON"),
    ("webhook_env: A\nwhen: [verdicts]\n", "did you mean 'verdict'?"),
    ("webhook_env: A\ncooldown_minutes: -1\n", "at least 0"),
    ("webhook_env: A\nevaluations: [f]\n", "expected a file of data/evaluations, got 'f'"),
    ("webhook_env: A\nreport_url: ci.example.org/x\n", "an address such as https://"),
    ("webhook_env: A\nreport_url: https://me:secret@ci.example.org/{run}\n", "https://***@ci.example.org"),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES)
def test_a_mistake_in_an_alert_is_said_with_its_place_and_no_secret(tmp_path, text, said):
    (found,) = problems_of(project_with(tmp_path, **{"alerts/team.yaml": text}))
    assert found.startswith("data/alerts/team.yaml:")
    assert said in found
    assert "secret" not in found.replace("holds a secret", "").replace("hold secrets", "")


def test_a_file_of_another_suffix_is_told_apart(tmp_path):
    (found,) = problems_of(project_with(tmp_path, **{"alerts/team.yml": "command: [a]\n"}))
    assert found.startswith("data/alerts/team.yml: expected a name that ends in .yaml")


def test_the_command_lists_what_is_declared_and_never_the_url(tmp_path, monkeypatch):
    monkeypatch.setenv("TEAM_HOOK", "https://hooks.example/secret")
    webhook = "webhook_env: TEAM_HOOK\nshape: slack\nevaluations: [e]\n"
    project_with(tmp_path, **{"alerts/team.yaml": webhook, "alerts/own.yaml": "command: [notify, -v]\nwhen: [model]\n"})
    printed = CliRunner().invoke(commands, ["--data", str(tmp_path / "data"), "alerts"]).stdout
    assert printed.splitlines() == [
        "own: model of all evaluations → command notify; cool-down 15 min",
        "  has not looked yet: switch on the sensor `send_alerts`, or run `eval-assets alerts --once`",
        "team: verdict, model, no_data of e → webhook in TEAM_HOOK, slack; cool-down 15 min",
        "  has not looked yet: switch on the sensor `send_alerts`, or run `eval-assets alerts --once`",
    ]
