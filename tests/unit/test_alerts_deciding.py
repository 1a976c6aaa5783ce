"""Which facts are told, when, and what follows from an attempt to tell them."""

import itertools
import json
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from eval_assets.alerting.change import AlertChange, Fact
from eval_assets.alerting.deciding import MOST_TRIES, Delivery, after, claimed, due, noticed
from eval_assets.alerting.facts import verdicts
from eval_assets.alerting.ledger import KEPT, add, known_changes, read, settle
from eval_assets.config.alert import Alert, AlertFile
from eval_assets.errors import OvertakenError
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.evaluation_tables import GATE_RESULTS

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TAKEN = Delivery(is_taken=True)
DOWN = Delivery(is_taken=False, said="can't be reached")


def alert(**fields: object) -> Alert:
    return Alert(name="team", file=AlertFile.model_validate({"command": ["notify"], **fields}))


def verdict(value: str, subject: str | None = None, evaluation: str = "support") -> Fact:
    return Fact("verdict", evaluation, subject, value, frozenset([evaluation]))


def data(value: str, subject: str = "m@p") -> Fact:
    return Fact("no_data", "support", subject, value, frozenset(["support"]))


def model(value: str) -> Fact:
    return Fact("model", None, "gpt", value, frozenset(["support", "other"]))


@pytest.fixture
def new_id() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"id-{next(numbers)}"


class Diary:
    """What one alert knows, over looks at certain times."""

    def __init__(self, alert: Alert, new_id: Callable[[], str]) -> None:
        self.alert, self.new_id, self.changes = alert, new_id, list[AlertChange]()

    def look(self, *facts: Fact, at: datetime = NOON) -> list[str]:
        """What is noticed and will be told."""
        new = noticed(self.changes, self.alert, facts, at, self.new_id)
        self.changes += new
        return [f"{change.before} → {change.now}" for change in new if change.status == "waiting"]

    def send(self, delivery: Delivery, at: datetime) -> list[str]:
        """What a message that is due holds, and what becomes of it."""
        message = claimed(due(self.changes, self.alert, at, self.new_id), at + MINUTE)
        ended = {change.change_id: change for change in after(message, delivery, at)}
        self.changes = [ended.get(change.change_id, change) for change in self.changes]
        return [f"{change.message_id}: {change.now}" for change in message]


def test_the_first_look_takes_everything_as_it_is(new_id):
    diary = Diary(alert(), new_id)
    assert diary.look(verdict("NO-GO"), data("no rows"), model("gpt-4")) == []
    assert diary.look(verdict("NO-GO"), data("no rows"), model("gpt-4")) == []
    assert [change.kind for change in diary.changes] == ["began", "verdict", "no_data", "model"]


def test_a_verdict_is_told_when_it_changes_and_when_it_changes_back(new_id):
    diary = Diary(alert(), new_id)
    diary.look(verdict("GO"))
    assert diary.look(verdict("NO-GO")) == ["GO → NO-GO"]
    assert diary.look(verdict("NO-GO")) == []
    assert diary.look(verdict("GO")) == ["NO-GO → GO"]


def test_of_what_is_new_to_an_alert_only_what_is_bad_is_told(new_id):
    diary = Diary(alert(), new_id)
    diary.look()
    assert diary.look(verdict("GO"), verdict("NO-GO", evaluation="new")) == ["None → NO-GO"]
    assert diary.look(verdict("NO-GO", "m@p, f1, mean at least 1", evaluation="new")) == []  # its evaluation was told
    assert diary.look(data("data"), data("no answers", "m@q")) == ["None → no answers"]


def test_data_is_told_when_it_goes_missing_and_when_it_is_back(new_id):
    diary = Diary(alert(), new_id)
    diary.look(data("data"), data("runs", "run"))
    assert diary.look(data("no answers")) == ["data → no answers"]
    assert diary.look(data("no rows")) == ["no answers → no rows"]
    assert diary.look(data("data")) == ["no rows → data"]
    assert diary.look(data("failed", "run")) == ["runs → failed"]
    assert diary.look(data("", "run")) == []  # a run is under way: nobody knows yet
    assert diary.look(data("failed", "run")) == []


def test_a_model_that_answers_in_turns_with_another_is_told_once(new_id):
    diary = Diary(alert(), new_id)
    diary.look(model(""))
    assert diary.look(model("gpt-4-0613")) == [" → gpt-4-0613"]
    assert diary.look(model("")) == []
    assert diary.look(model("gpt-4-0613")) == []
    assert diary.look(model("gpt-5")) == ["gpt-4-0613 → gpt-5"]


def test_an_alert_tells_only_what_it_is_about(new_id):
    diary = Diary(alert(when=["model"], evaluations=["other"]), new_id)
    diary.look(model(""), verdict("GO"), verdict("GO", evaluation="other"))
    assert diary.look(verdict("NO-GO"), verdict("NO-GO", evaluation="other")) == []
    assert diary.look(model("gpt-5")) == [" → gpt-5"]  # `other` uses it


def test_what_changes_during_the_cool_down_is_told_together_when_it_ends(new_id):
    diary = Diary(alert(cooldown_minutes=10), new_id)
    diary.look(verdict("GO"))
    diary.look(verdict("NO-GO"))
    (first,) = diary.send(TAKEN, NOON)
    diary.look(verdict("GO"))
    diary.look(verdict("NO-GO"), data("no rows"))
    assert diary.send(TAKEN, NOON + 9 * MINUTE) == []
    told = diary.send(TAKEN, NOON + 10 * MINUTE)
    assert [line.partition(": ")[2] for line in told] == ["GO", "NO-GO", "no rows"]
    assert {line.partition(":")[0] for line in told}.isdisjoint({first.partition(":")[0]})
    assert diary.send(TAKEN, NOON + 60 * MINUTE) == []


def test_a_message_is_tried_later_and_later_unchanged_and_what_comes_after_it_waits(new_id):
    diary = Diary(alert(cooldown_minutes=0), new_id)
    diary.look(verdict("GO"))
    diary.look(verdict("NO-GO"))
    (message,) = diary.send(DOWN, NOON)
    diary.look(verdict("GO"))
    assert diary.send(DOWN, NOON + MINUTE / 2) == []
    assert diary.send(DOWN, NOON + MINUTE) == [message]
    assert diary.send(DOWN, NOON + 2 * MINUTE) == []  # two minutes after the second attempt, four after the third
    assert diary.send(TAKEN, NOON + 3 * MINUTE) == [message]
    (later,) = diary.send(TAKEN, NOON + 3 * MINUTE)
    assert later.endswith(": GO")
    assert later.partition(":")[0] != message.partition(":")[0]


def test_pauses_are_as_long_as_the_receiver_asks_but_no_longer_than_an_hour(new_id):
    diary = Diary(alert(), new_id)
    diary.look(verdict("GO"))
    diary.look(verdict("NO-GO"))
    diary.send(Delivery(is_taken=False, said="HTTP 429", pause=5 * MINUTE), NOON)
    assert diary.changes[-1].try_at == NOON + 5 * MINUTE
    diary.send(Delivery(is_taken=False, said="HTTP 503", pause=timedelta(days=3)), NOON + 5 * MINUTE)
    assert diary.changes[-1].try_at == NOON + 65 * MINUTE


def test_what_is_refused_is_given_up_with_its_reason_and_the_next_change_is_told(new_id):
    diary = Diary(alert(), new_id)
    diary.look(verdict("GO"))
    diary.look(verdict("NO-GO"))
    diary.send(Delivery(is_taken=False, said="HTTP 404: no_service", is_lasting=True), NOON)
    assert (diary.changes[-1].status, diary.changes[-1].fault) == ("given_up", "HTTP 404: no_service")
    diary.look(verdict("GO"))
    assert len(diary.send(TAKEN, NOON)) == 1


def test_a_receiver_that_stays_away_is_given_up_after_about_a_week(new_id):
    diary = Diary(alert(), new_id)
    diary.look(verdict("GO"))
    diary.look(verdict("NO-GO"))
    now = NOON
    for _ in range(MOST_TRIES):
        assert len(diary.send(DOWN, now)) == 1
        now = diary.changes[-1].try_at or now
    assert diary.changes[-1].status == "given_up"
    assert timedelta(days=6) < now - NOON < timedelta(days=8)


def test_a_message_that_is_being_sent_is_left_alone_until_its_sender_must_be_dead(new_id):
    diary = Diary(alert(), new_id)
    diary.look(verdict("GO"))
    diary.look(verdict("NO-GO"))
    message = claimed(due(diary.changes, diary.alert, NOON, new_id), NOON + 2 * MINUTE)
    diary.changes[-1:] = message
    assert due(diary.changes, diary.alert, NOON + MINUTE, new_id) == []
    assert due(diary.changes, diary.alert, NOON + 2 * MINUTE, new_id) == message  # of the same id


def test_facts_of_gates_are_their_verdict_and_each_critical_condition():
    def row(candidate: str, tier: str, verdict: str) -> dict[str, str]:
        return {
            "model": candidate,
            "prompt": "p",
            "metric": "f1",
            "condition": "mean at least 1",
            "tier": tier,
            "verdict": verdict,
        }

    rows = pl.DataFrame(
        [row("a", "critical", "GO"), row("b", "critical", "NO-GO"), row("c", "advisory", "NO-GO")], schema=GATE_RESULTS
    )
    found = {fact.subject: fact.value for fact in verdicts("support", rows)}
    assert found == {None: "NO-GO", "a@p, f1, mean at least 1": "GO", "b@p, f1, mean at least 1": "NO-GO"}
    assert list(verdicts("support", rows.clear())) == []  # without gates there is no verdict


def waiting(number: int, subject: str | None = None) -> AlertChange:
    return AlertChange(
        f"c-{number}", "verdict", "support", subject, "GO", "NO-GO", NOON, "waiting", json.dumps({"said": "é"})
    )


def written(warehouse: Warehouse, changes: Iterable[AlertChange]) -> list[AlertChange]:
    since, _ = read(warehouse, "team")
    add(warehouse, "team", since, list(changes))
    return known_changes(warehouse, "team")


def test_what_an_alert_knows_is_read_as_it_was_written(tmp_path):
    warehouse = Warehouse(str(tmp_path))
    assert known_changes(warehouse, "team") == []
    told = AlertChange("c-2", "model", None, "gpt", "a", "b", NOON, "told", "{}", "m-1", 2, NOON, NOON, "HTTP 500")
    assert written(warehouse, [waiting(1), told]) == [waiting(1), told]
    assert known_changes(warehouse, "another") == []


def test_of_looks_at_once_one_writes(tmp_path):
    n_looks, start = 4, threading.Barrier(4)
    Warehouse(str(tmp_path)).create("alerts")
    won: list[int] = []

    def look(number: int) -> None:
        warehouse = Warehouse(str(tmp_path))
        since, _ = read(warehouse, "team")
        start.wait()
        try:
            add(warehouse, "team", since, [waiting(number)])
        except OvertakenError:
            return
        won.append(number)

    threads = [threading.Thread(target=look, args=(number,)) for number in range(n_looks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = won
    assert known_changes(Warehouse(str(tmp_path)), "team") == [waiting(winner)]


def test_what_became_of_a_message_is_noted_beside_what_was_noticed_meanwhile(tmp_path):
    warehouse = Warehouse(str(tmp_path))
    written(warehouse, [waiting(1)])
    ended = after(claimed([waiting(1)], NOON), TAKEN, NOON)
    written(warehouse, [waiting(1), waiting(2)])
    settle(warehouse, "team", ended)
    assert known_changes(warehouse, "team") == [*ended, waiting(2)]


def test_old_changes_go_but_what_is_known_and_what_waits_stay(tmp_path):
    first = AlertChange("c-first", "verdict", "support", "rare", None, "GO", NOON, "known")
    late = waiting(0, "late")
    past = [AlertChange(f"c-p{n}", "verdict", "support", None, "GO", "NO-GO", NOON, "told") for n in range(KEPT + 50)]
    kept = written(Warehouse(str(tmp_path)), [first, late, *past])
    assert kept == [first, late, *past[-KEPT:]]
