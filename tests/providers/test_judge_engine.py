"""Judging through the real engine and client, against a server on loopback."""

import json
import re

import pytest

from eval_assets.config.model import Model, ModelFile
from eval_assets.judges.formats import FormatMemory
from eval_assets.judges.panels import judge_predictions
from eval_assets.providers.clients.openai_client import OpenAIClient
from eval_assets.providers.dispatch.engine import Engine
from eval_assets.providers.identity import identity_of
from eval_assets.providers.local.embedded import EmbeddedServer
from tests.engines import engine_on, store_in
from tests.loopback import Fault, LoopbackProvider
from tests.unit.test_judge_reply_forms import FORMS, HOSTILE, SCALES
from tests.unit.test_judge_rows import judge_named, predictions, verdict


def model_at(provider):
    return Model(name="tiny", file=ModelFile(provider="openai", model="tiny", base_url=provider.base_url))


def judged_by(provider, folder, frame, judge, **options):
    model = model_at(provider)
    with engine_on(provider, folder, **options) as engine:
        memory = FormatMemory(folder / "formats.json")
        chunks = judge_predictions(
            [frame], [judge], {"tiny": engine}, models={"tiny": model}, formats=memory, run_id="run-1"
        )
        return next(iter(chunks))


def form_asked_for(body):
    return FORMS[int(re.search(r"form (\d+)\.", str(body["messages"])).group(1))]


@pytest.mark.parametrize("scale", sorted(SCALES))
def test_every_form_of_reply_survives_the_way_through_server_client_and_store(tmp_path, scale):
    numbered = [(index, form) for index, form in enumerate(FORMS) if form.scale == scale and form.reply.strip()]
    frame = predictions(
        *[{"example": json.dumps({"inputs": f"form {index}."}), "output": HOSTILE} for index, _ in numbered]
    )
    judge = judge_named(scale=SCALES[scale].model_dump())
    with LoopbackProvider(answer=lambda body: form_asked_for(body).reply) as provider:
        scores = judged_by(provider, tmp_path, frame, judge)
        once = provider.requests
        again = judged_by(provider, tmp_path, frame, judge)
        assert provider.requests == once  # judged again, nothing is paid again
    assert scores["score"].to_list() == [form.score for _, form in numbered]
    assert scores["outcome"].to_list() == ["unparsed" if form.score is None else "ok" for _, form in numbered]
    assert scores["raw_reply"].to_list() == [form.reply for _, form in numbered]
    assert once == sum(2 if form.score is None else 1 for _, form in numbered)  # one repair each
    assert again["reused"].all()
    assert again.drop("reused").equals(scores.drop("reused"))


def test_a_judge_that_thinks_is_read_by_its_answer_and_its_thoughts_are_kept(tmp_path):
    thoughts = {
        "a": f"<think>A 2? No.</think>{verdict(4)}",
        "b": f"[THINK]A 2? No.[/THINK]{verdict(4)}",
        "c": f"◁think▷Score: 2?◁/think▷\n{verdict(4)}",
    }
    frame = predictions(*[{"example": json.dumps({"inputs": f"Is {name} right?"})} for name in thoughts])
    with LoopbackProvider(
        answer=lambda body: thoughts[re.search(r"Is (\w) right", str(body["messages"])).group(1)]
    ) as provider:
        scores = judged_by(provider, tmp_path, frame, judge_named())
    assert scores["score"].to_list() == [4, 4, 4]
    assert scores["reasoning"].to_list() == ["A 2? No.", "A 2? No.", "Score: 2?"]
    assert scores["raw_reply"].to_list() == list(thoughts.values())


def test_a_judge_without_a_verdict_in_text_has_the_outcome_of_its_reply(tmp_path):
    frame = predictions(*[{"example": json.dumps({"inputs": f"Question {n}?"})} for n in range(3)])
    with LoopbackProvider(answer=lambda _: verdict(4)) as provider:
        provider.script(Fault("tool_calls"), Fault("no_text"), Fault("no_choice"))
        scores = judged_by(provider, tmp_path, frame, judge_named())
        again = judged_by(provider, tmp_path, frame, judge_named())
        assert provider.requests == 3
    assert sorted(scores["outcome"]) == sorted(again["outcome"]) == ["empty", "empty", "tool_call"]
    assert scores["score"].null_count() == 3
    assert scores["reason"].null_count() == 0


def test_an_endpoint_without_json_schema_is_found_out_by_one_request(tmp_path):
    with LoopbackProvider(answer=lambda _: verdict(4), supports_json_schema=False) as provider:
        scores = judged_by(provider, tmp_path, predictions(*[{}] * 20), judge_named())
        assert provider.requests == 21
        assert scores["method"].unique().to_list() == ["json_object"]
        more = [{"example": json.dumps({"inputs": f"Another {n}?"})} for n in range(5)]
        judged_by(provider, tmp_path, predictions(*more), judge_named())
        assert provider.requests == 26


def test_an_error_is_asked_again_in_the_next_run_and_verdicts_are_not(tmp_path):
    frame = predictions({}, {}, {})
    with LoopbackProvider(answer=lambda _: verdict(4)) as provider:
        provider.script(Fault(400, message="bad luck"))
        first = judged_by(provider, tmp_path, frame, judge_named())
        second = judged_by(provider, tmp_path, frame, judge_named())
        assert provider.requests == 4
    assert sorted(first["outcome"]) == ["error", "ok", "ok"]
    assert second["outcome"].to_list() == ["ok", "ok", "ok"]
    assert second["reused"].sum() == 2


def test_a_judges_refusal_and_a_cut_off_reply_are_told_apart(tmp_path):
    with LoopbackProvider(answer=lambda _: verdict(4)) as provider:
        provider.script(Fault("refusal"))
        refused = judged_by(provider, tmp_path, predictions({}), judge_named())
        provider.script(Fault("length"), Fault("length"))
        truncated = judged_by(provider, tmp_path, predictions({"output": "Rome"}), judge_named())
    assert refused["outcome"].to_list() == ["refused"]
    assert truncated["outcome"].to_list() == ["truncated"]
    assert truncated["score"].to_list() == [None]


def test_editing_a_rubric_asks_anew_and_editing_the_description_does_not(tmp_path):
    frame = predictions({}, {})
    with LoopbackProvider(answer=lambda _: verdict(4)) as provider:
        judged_by(provider, tmp_path, frame, judge_named())
        judged_by(provider, tmp_path, frame, judge_named(description="Better words."))
        assert provider.requests == 2
        judged_by(provider, tmp_path, frame, judge_named(rubric="1: wrong\n5: right"))
        assert provider.requests == 4


@pytest.mark.slow
def test_the_bundled_model_can_be_a_judge(tmp_path):
    file = ModelFile(
        provider="embedded", model="smollm2-135m-instruct", parameters={"temperature": 0, "max_tokens": 48}
    )
    model = Model(name="tiny", file=file)
    judge = judge_named(rubric="1: wrong\n5: right", expected_value=True)
    with EmbeddedServer("smollm2-135m-instruct") as server:
        client = OpenAIClient(model_id="smollm2-135m-instruct", base_url=server.base_url)
        engine = Engine(identity=identity_of(model), client=client, store=store_in(tmp_path), run_id="run-1")
        options = {"models": {"tiny": model}, "formats": FormatMemory(), "run_id": "run-1"}
        with engine:
            scores = next(iter(judge_predictions([predictions({})], [judge], {"tiny": engine}, **options)))
    row = scores.row(0, named=True)
    # What it writes differs between runtimes; that it is read, or counted as unread, doesn't.
    assert row["outcome"] in ("ok", "truncated", "unparsed")
    assert (row["outcome"] == "ok") == (row["score"] is not None)
    assert row["score"] is None or (1 <= row["score"] <= 5 and row["method"] == "expected_value")
    assert row["raw_reply"]
