"""Alerts from edit to receiver: one message for a flipped gate, none after it, none lost and none from two at once."""

import json
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import dagster as dg
import polars as pl
import pytest

from eval_assets.alerting.ledger import known_changes
from eval_assets.alerting.tick import Teller
from eval_assets.config.settings import settings_from
from eval_assets.providers.identity import lane_of_model
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.schemas import SCHEMAS
from tests.command_line import exit_code
from tests.loopback import Fault
from tests.raw_server import RawServer
from tests.states import KINDLY, SHORT, StateLab

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
DOWN = b"HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n"
MINUTE = timedelta(minutes=1)
GATE = {"metric": "kind", "min": 4}


class Watched:
    """A project with a gate, an alert, and what its receiver got."""

    def __init__(self, lab: StateLab, receiver: RawServer) -> None:
        self.lab, self.receiver = lab, receiver
        self.now = datetime.now(UTC)

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(str(self.lab.folder / "data" / "warehouse"))

    def teller(self) -> Teller:
        return Teller(settings_from({}, data_dir=self.lab.folder / "data"), self.warehouse, lambda: self.now)

    def tick(self, *, failed_runs=None, teller: Teller | None = None, after: timedelta = MINUTE) -> list[dict]:
        """What a tick some time later brings to the receiver."""
        self.now += after
        before = len(self.receiver.bodies)
        with self.lab.room() as room:
            (teller or self.teller()).tick(room.project, failed_runs or {})
        return [json.loads(body) for body in self.receiver.bodies[before:]]

    def edit(self, prompt: str) -> None:
        self.lab.files["prompts/ask.md"] = prompt
        self.lab.run()


@pytest.fixture
def answer() -> list[bytes]:
    """What the receiver answers."""
    return [OK]


@pytest.fixture(scope="module")
def flipped(tmp_path_factory) -> StateLab:
    """A gate said GO when the alert looked, and an edit has made that NO-GO since."""
    lab = StateLab(tmp_path_factory.mktemp("alerts"))
    lab.evaluation(gates=[GATE])
    lab.files["alerts/team.yaml"] = "webhook_env: TEAM_HOOK\ncooldown_minutes: 10\n"
    lab.run()
    with RawServer(lambda _: [OK]) as receiver:
        assert Watched(lab, receiver).tick(after=timedelta(0)) == []
    lab.files["prompts/ask.md"] = SHORT
    lab.run()
    return lab


@pytest.fixture
def watched(flipped, tmp_path, monkeypatch, answer):
    lab = flipped.copied(tmp_path)
    with RawServer(lambda _: [answer[0]]) as receiver:
        monkeypatch.setenv("TEAM_HOOK", f"{receiver.base_url}/T0SECRET")
        yield Watched(lab, receiver)


def test_an_edit_that_flips_a_gate_is_told_once_and_so_is_the_way_back(watched):
    (told,) = watched.tick()
    whole = next(change for change in told["changes"] if change["subject"] is None)
    assert (whole["kind"], whole["evaluation"], whole["before"], whole["now"]) == ("verdict", "e", "GO", "NO-GO")
    (since,) = whole["detail"]["since_last_time"]
    assert since["candidate"] == "bot@ask"
    assert "prompt ask" in since["causes"][0]
    assert any(line.startswith("kind 5 → 2") and "0 better, 20 worse" in line for line in since["effects"])
    assert told["links"][0]["command"] == "eval-assets compare e"
    assert told["links"][0]["page"].endswith("/reports/e.html#since")
    assert watched.tick() == []
    watched.edit(KINDLY)
    (back,) = watched.tick(after=10 * MINUTE)
    assert {(change["before"], change["now"]) for change in back["changes"]} == {("NO-GO", "GO")}
    assert back["id"] != told["id"]
    stored = json.dumps([change.columns for change in known_changes(watched.warehouse, "team")], default=str)
    assert "T0SECRET" not in stored


def test_what_gates_say_of_a_trial_is_not_told(watched):
    watched.tick()
    watched.lab.files["prompts/ask.md"] = KINDLY
    watched.lab.run(limit=3)  # too few rows to decide anything
    assert watched.tick(after=10 * MINUTE) == []
    watched.lab.run()
    (told,) = watched.tick(after=10 * MINUTE)
    assert told["changes"][0]["now"] == "GO"


def test_a_receiver_that_is_down_gets_the_message_when_it_is_back(watched, answer):
    answer[0] = DOWN
    (first,) = watched.tick()
    assert watched.tick(after=MINUTE / 2) == []
    answer[0] = OK
    (again,) = watched.tick()
    assert again == first
    assert watched.tick(after=60 * MINUTE) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from eval_assets.alerting import tick
from eval_assets.config.project_files import load_project
from eval_assets.config.settings import settings_from
from eval_assets.storage.warehouse import Warehouse

data = Path(sys.argv[1])
tick.settle = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
tick.Teller(settings_from({}, data_dir=data), Warehouse(str(data / "warehouse"))).tick(load_project(data), {})
"""


def test_a_message_whose_sender_was_killed_after_it_was_taken_is_sent_again_with_its_id(watched):
    killed = subprocess.run([sys.executable, "-c", KILLED, str(watched.lab.folder / "data")], check=False)
    assert killed.returncode == -signal.SIGKILL
    (first,) = watched.receiver.bodies
    watched.now = datetime.now(UTC)
    assert watched.tick() == []  # another tick may still be sending it
    (again,) = watched.tick()
    assert again == json.loads(first)
    assert watched.tick(after=60 * MINUTE) == []


def test_of_ticks_at_once_one_sends(watched):
    watched.now += MINUTE
    start = threading.Barrier(3)

    def tick() -> None:
        with watched.lab.room() as room:
            start.wait()
            watched.teller().tick(room.project, {})

    threads = [threading.Thread(target=tick) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(watched.receiver.bodies) == 1


def test_a_run_that_fails_and_a_candidate_without_an_answer_are_told_and_when_they_are_over(watched):
    teller = watched.teller()
    watched.tick(teller=teller)
    (told,) = watched.tick(failed_runs={"e": "e:bot@ask (run 1): no key"}, teller=teller, after=10 * MINUTE)
    assert [(change["subject"], change["now"], change["detail"]["said"]) for change in told["changes"]] == [
        ("run", "failed", "e:bot@ask (run 1): no key")
    ]
    assert watched.tick(failed_runs={"e": None}, teller=teller, after=10 * MINUTE) == []
    watched.edit("## user\nNothing to see: {{ inputs | upper }}\n")  # the bot finds no ticket, and raises
    (told,) = watched.tick(teller=teller, after=10 * MINUTE)
    assert [(change["subject"], change["now"]) for change in told["changes"] if change["kind"] == "no_data"] == [
        ("bot@ask", "no answers"),
        ("run", "runs"),
    ]
    said = next(change["detail"]["said"] for change in told["changes"] if change["subject"] == "bot@ask")
    assert said.startswith("20 of 20 ")


def test_another_model_behind_a_name_is_told(watched):
    teller = watched.teller()
    noon = datetime(2026, 11, 28, 12, tzinfo=UTC)

    def answered(by: str, at: datetime) -> None:
        with watched.lab.room() as room:
            lane = lane_of_model(room.project.model("bot"))
        row = {"lane": lane, "answered_by": by, "requested_at": at}
        watched.warehouse.append("responses", pl.DataFrame([row], schema=SCHEMAS["responses"]))

    answered("bot-1", noon - MINUTE)
    watched.tick(teller=teller)
    answered("bot-2", noon)
    (told,) = watched.tick(teller=teller, after=10 * MINUTE)
    assert [(one["kind"], one["subject"], one["now"]) for one in told["changes"]] == [("model", "bot", "bot-2")]
    assert "since 2026-11-28 12:00 UTC, before as bot-1" in told["text"]


def test_the_sensor_tells_of_a_flipped_gate_and_of_a_failed_run_once(lab, provider, monkeypatch, answer):
    gate = {"metric": "brevity", "min": 0.5}
    brevity = lab.files.read("evaluations", "main")["metrics"]
    lab.files.change("evaluations", "other", metrics=brevity, gates=[gate])
    lab.files.remove("evaluations", "main")
    lab.files.write_rows(0, 12)
    lab.files.write("alerts", "team", {"webhook_env": "TEAM_HOOK", "cooldown_minutes": 0})
    lab.run()
    with RawServer(lambda _: answer) as receiver, lab.engine_room() as engine_room:
        monkeypatch.setenv("TEAM_HOOK", receiver.base_url)
        sensor = lab.definitions(engine_room).resolve_sensor_def("send_alerts")

        def tick() -> list[tuple]:
            before = len(receiver.bodies)
            sensor(dg.build_sensor_context(instance=lab.instance))
            told = [json.loads(body) for body in receiver.bodies[before:]]
            return [(one["subject"], one["now"]) for message in told for one in message["changes"]]

        assert tick() == []
        lab.files.write_prompt("short", "At length, please, in at least a hundred words, and then more: {{ inputs }}")
        lab.run()
        assert tick() == [(None, "NO-GO"), ("alpha@short, brevity, mean at least 0.5", "NO-GO")]
        assert tick() == []
        provider.script(*[Fault(401)] * 12)
        lab.files.edit_prompt("short")
        lab.run()
        assert ("run", "failed") in tick()
        assert tick() == []


def test_the_command_looks_once_tests_and_lists(watched, monkeypatch, tmp_path, answer, capsys):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    data = watched.lab.folder / "data"

    def said(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = exit_code(data, "alerts", *arguments)
        out, err = capsys.readouterr()
        return code, (out + err.partition("\n")[2]).strip()

    assert said("--test", "team") == (0, "team: the webhook in TEAM_HOOK, json took a test")
    assert json.loads(watched.receiver.bodies[0])["is_test"] is True
    answer[0] = DOWN
    code, line = said("--once")
    assert code == 5
    assert line.startswith("team: 2 changes not told, HTTP 503; tried again after ")
    assert "  waits: verdict of e, GO → NO-GO; tried 1 time: HTTP 503" in said()[1]
    assert said("--test", "team") == (5, "team: not sent, HTTP 503")
    code, line = said("--test", "tame")
    assert (code, line) == (2, "ConfigError: data/alerts: there is no 'tame'; files: team")
