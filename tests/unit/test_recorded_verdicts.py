"""Verdicts and preferences read from a file, on the scale of the judge that reads them."""

import asyncio
import json

import pytest

from eval_assets.config.judge import JudgeFile
from eval_assets.config.model import Model, ModelFile
from eval_assets.config.recorded_columns import RecordedColumns
from eval_assets.config.scales import IntegerScale, LabelScale, NumberScale, PassFailScale
from eval_assets.errors import ConfigError
from eval_assets.judges.recorded import recorded_opinion, recorded_preference
from eval_assets.providers.clients.recorded_verdicts import RecordedVerdicts
from eval_assets.providers.dispatch.jobs import Answer, Job
from eval_assets.providers.failures import RequestFailed
from eval_assets.providers.identity import identity_of

COLUMNS = {"candidate": "system", "output": "verdict", "justification": "why"}
STARS, SHARE = IntegerScale(), NumberScale(type="number")
PASS, WINNERS = PassFailScale(type="pass_fail"), LabelScale(type="labels", labels={"1": 1, "Tie": 0.5, "2": 0})


def client_of(folder, rows, **columns):
    path = folder / "verdicts.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return RecordedVerdicts(path, RecordedColumns(**{**COLUMNS, **columns}))


def prediction(example_id="e1", model="new", prompt="p", sample_index=0):
    return {"example_id": example_id, "model": model, "prompt": prompt, "sample_index": sample_index}


def held(client, conversation):
    """What a conversation comes to when the file answers."""
    request = next(conversation)
    reply = asyncio.run(client.complete(request))
    try:
        conversation.send(Answer(Job(request, 0), "k", reply, None, reused=False))
    except StopIteration as over:
        return over.value


def verdict(folder, value, scale=STARS, **row):
    client = client_of(folder, [{"example_id": "e1", "system": "new", "verdict": value, "why": "", **row}])
    judge = JudgeFile(definition="d", model="m", scale=scale)
    return held(client, recorded_opinion(judge, prediction(), draw=0))


@pytest.mark.parametrize(
    ("value", "scale", "score", "label"),
    [
        (4, STARS, 4, None),
        (4.0, STARS, 4, None),
        ("4", STARS, 4, None),
        ("4/5", STARS, 4, None),
        ("Score: 4 - one gap", STARS, 4, None),
        (0.25, SHARE, 0.25, None),
        ("pass", PASS, 1, "pass"),
        (True, PASS, 1, "pass"),
        (0, PASS, 0, "fail"),
        ("1.0", PASS, 1, "pass"),
        ("2", WINNERS, 0, "2"),
        (2.0, WINNERS, 0, "2"),
        ("tie", WINNERS, 0.5, "Tie"),
    ],
)
def test_a_recorded_verdict_is_read_on_the_scale(tmp_path, value, scale, score, label):
    opinion = verdict(tmp_path, value, scale)
    assert (opinion.outcome, opinion.score, opinion.label, opinion.method) == ("ok", score, label, "recorded")


@pytest.mark.parametrize("value", [9, "very good", 4.5, True, [4], {"score": 4}, "3-4"])
def test_a_recorded_verdict_off_the_scale_has_no_score(tmp_path, value):
    opinion = verdict(tmp_path, value)
    assert (opinion.outcome, opinion.score) == ("unparsed", None)
    assert opinion.reason


def test_the_reason_beside_a_verdict_is_kept_and_so_is_one_inside_it(tmp_path):
    assert verdict(tmp_path, 4, why="one gap").justification == "one gap"
    assert verdict(tmp_path, "Score: 4 - one gap", why=None).justification == "one gap"


def test_a_verdict_on_a_model_holds_for_all_its_prompts_unless_one_is_named(tmp_path):
    rows = [
        {"example_id": "e1", "system": "new", "verdict": 1},
        {"example_id": "e1", "system": "new@q", "verdict": 5},
    ]
    client, judge = client_of(tmp_path, rows, justification=None), JudgeFile(definition="d", model="m")
    scores = [held(client, recorded_opinion(judge, prediction(prompt=prompt), draw=0)).score for prompt in ("p", "q")]
    assert scores == [1, 5]


@pytest.mark.parametrize("asked", [{"example_id": "e2"}, {"model": "old"}, {"sample_index": 1}])
def test_a_verdict_that_the_file_lacks_is_a_failed_row(tmp_path, asked):
    client = client_of(tmp_path, [{"example_id": "e1", "system": "new", "verdict": 4}], justification=None)
    conversation = recorded_opinion(JudgeFile(definition="d", model="m"), prediction(**asked), draw=0)
    with pytest.raises(RequestFailed, match="expected a verdict in column 'verdict'") as failure:
        asyncio.run(client.complete(next(conversation)))
    assert failure.value.kind == "not_recorded"


def test_two_verdicts_on_one_output_are_refused_with_the_remedy(tmp_path):
    row = {"example_id": "e1", "system": "new", "verdict": 4}
    with pytest.raises(ConfigError, match=r"jsonl:2: expected one verdict per example and candidate.*jury"):
        client_of(tmp_path, [row, row], justification=None)


def preference(folder, value, scale=SHARE, first="new", second="old", **more):
    rows = [{"example_id": "e1", "first": first, "second": second, "verdict": value}, *more.values()]
    client = client_of(folder, rows, candidate="first", opponent="second", justification=None)
    judge = JudgeFile(definition="d", model="m", scale=scale)
    return held(client, recorded_preference(judge, prediction(), prediction(model="old")))


@pytest.mark.parametrize(
    ("value", "scale", "expected"),
    [
        (1, SHARE, 1),
        (0.3, SHARE, 0.3),
        ("0.3", SHARE, 0.3),
        ("new", SHARE, 1),
        ("old@p", SHARE, 0),
        ("Tie", SHARE, 0.5),
        (1.5, NumberScale(type="number", min=1, max=2), 0.5),  # half way from 1 to 2
        (2, STARS, 0.25),  # a quarter of the way from 1 to 5
        ("2", WINNERS, 0),
        ("Tie", WINNERS, 0.5),
    ],
)
def test_a_recorded_preference_is_read_as_a_share(tmp_path, value, scale, expected):
    assert preference(tmp_path, value, scale).value == pytest.approx(expected)


def test_a_pair_recorded_the_other_way_round_is_turned(tmp_path):
    found = preference(tmp_path, 0.9, first="old", second="new")
    assert (found.in_order, found.in_reverse) == (None, pytest.approx(0.1))


@pytest.mark.parametrize("value", [1.2, "better", None, -0.1, "third"])
def test_a_preference_for_neither_side_is_not_counted(tmp_path, value):
    try:
        found = preference(tmp_path, value)
    except (ConfigError, RequestFailed):
        assert value is None  # an absent value is no row
    else:
        assert (found.opinion.outcome, found.value) == ("unparsed", None)
        assert "'new@p', 'old@p', 'tie'" in found.opinion.reason


def test_files_of_predictions_keep_their_request_keys():
    model = Model(name="m", file=ModelFile(provider="recorded", file="run.jsonl"))
    # As a release without verdicts wrote it.
    assert identity_of(model).endpoint == (
        '{"completion_tokens":null,"example_id":"example_id","latency_seconds":null,"output":"output",'
        '"prompt_tokens":null}'
    )
