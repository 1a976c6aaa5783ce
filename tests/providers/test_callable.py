"""Functions and objects of the user as models."""

import asyncio
import json
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from eval_assets.errors import ConfigError
from eval_assets.providers.clients.callable_client import CallableClient
from eval_assets.providers.dispatch.engine import Engine
from eval_assets.providers.dispatch.jobs import Job
from eval_assets.providers.failures import RateLimited, RequestFailed
from eval_assets.requests.exchange import Reply, Request
from eval_assets.requests.keys import ModelIdentity
from tests.engines import store_in

MESSAGES = (
    {"role": "system", "content": "Be short."},
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": "1"},
    {"role": "user", "content": "Two?"},
)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project folder; `write` adds the module of the test, whose name is its own."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    written = []

    def write(source: str, name: str = "answers") -> str:
        module = f"{name}_{tmp_path.name}"
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
        written.append(module)
        return module

    write.folder = tmp_path
    yield write
    for module in written:
        sys.modules.pop(module, None)


def reply_of(target: str, folder: Path, *, parameters: dict | None = None, sample_index: int = 0, **columns) -> Reply:
    request = Request(MESSAGES, parameters=parameters or {}, columns=columns, sample_index=sample_index)
    return asyncio.run(CallableClient(target, project_dir=folder).complete(request))


def test_arguments_are_filled_by_name_from_prompt_columns_and_parameters(project):
    module = project("""
        import json

        def answer(messages, prompt, inputs, topic, style, sample_index, missing="default"):
            return json.dumps([len(messages), prompt, inputs, topic, style, sample_index, missing])
    """)
    reply = reply_of(
        f"{module}:answer", project.folder, parameters={"style": "dry"}, sample_index=2, inputs="q", topic="t"
    )
    assert json.loads(reply.output) == [4, "Two?", "q", "t", "dry", 2, "default"]
    assert (reply.outcome, reply.prompt_tokens) == ("ok", None)


def test_a_function_that_takes_anything_gets_all_parameters_but_not_all_columns(project):
    module = project("""
        def answer(inputs, **rest):
            return [inputs, rest]
    """)
    reply = reply_of(f"{module}:answer", project.folder, parameters={"k": 3}, inputs="q", targets="secret")
    assert json.loads(reply.output) == ["q", {"k": 3}]


def test_an_async_function_runs_in_the_event_loop(project):
    module = project("""
        import asyncio, threading

        async def answer(prompt):
            await asyncio.sleep(0)
            return threading.current_thread().name
    """)
    assert reply_of(f"{module}:answer", project.folder).output == threading.main_thread().name


def test_blocking_functions_run_side_by_side(project):
    module = project("""
        import time

        def answer(prompt):
            time.sleep(0.3)
            return "done"
    """)
    client = CallableClient(f"{module}:answer", project_dir=project.folder)

    async def four_times() -> float:
        began = time.monotonic()
        await asyncio.gather(*(client.complete(Request(MESSAGES)) for _ in range(4)))
        return time.monotonic() - began

    # one after the other they take 1.2 s
    assert asyncio.run(four_times()) < 0.9


def test_a_mapping_carries_token_counts_and_a_length_stop_is_truncated(project):
    module = project("""
        def answer():
            return {"output": "cut", "prompt_tokens": 5, "completion_tokens": 1, "finish_reason": "length"}
    """)
    reply = reply_of(f"{module}:answer", project.folder)
    assert (reply.outcome, reply.output, reply.prompt_tokens, reply.completion_tokens) == ("truncated", "cut", 5, 1)


@pytest.mark.parametrize(
    ("result", "output"),
    [('["d2", "é"]', '["d2", "é"]'), ("7", "7"), ("{'output': ['a']}", '["a"]'), ("np.array([1, 2])", "[1, 2]")],
)
def test_what_is_no_text_becomes_json(project, result, output):
    module = project(f"""
        import numpy as np

        def answer():
            return {result}
    """)
    assert reply_of(f"{module}:answer", project.folder).output == output


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("None", "expected text, a list, messages, or a mapping with 'output', got None"),
        ("{'output': 'x', 'completion_token': 1}", "'completion_token'; did you mean 'completion_tokens'"),
        ("{'output': 'x', 'prompt_tokens': 'five'}", "expected a whole number for 'prompt_tokens', got 'five'"),
        ("[object()]", "expected a reply with a JSON form"),
        ("float('nan')", "expected a reply with a JSON form"),
    ],
)
def test_what_is_no_reply_is_a_failed_row(project, result, message):
    module = project(f"""
        def answer():
            return {result}
    """)
    with pytest.raises(RequestFailed, match=message):
        reply_of(f"{module}:answer", project.folder)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("raise KeyError('city')", "raised KeyError: 'city'"),
        ("raise TimeoutError", "raised TimeoutError"),
        ("raise StopIteration(1)", "raised RuntimeError: StopIteration: 1"),
        ("import sys; sys.exit('no')", "raised SystemExit: no"),
    ],
)
def test_an_exception_costs_one_row_and_is_named(project, statement, message):
    module = project(f"""
        def answer():
            {statement}
    """)
    with pytest.raises(RequestFailed, match=message) as failure:
        reply_of(f"{module}:answer", project.folder)
    assert failure.value.kind == "callable_raised"


def test_an_exception_of_an_async_function_costs_one_row_too(project):
    module = project("""
        async def answer():
            raise KeyError("city")
    """)
    with pytest.raises(RequestFailed, match="raised KeyError: 'city'"):
        reply_of(f"{module}:answer", project.folder)


def test_a_function_may_ask_for_another_attempt_itself(project):
    module = project("""
        from eval_assets.providers.failures import RateLimited

        def answer():
            raise RateLimited("slow down", 2.0)
    """)
    with pytest.raises(RateLimited) as failure:
        reply_of(f"{module}:answer", project.folder)
    assert failure.value.retry_after_seconds == 2.0


def test_an_argument_that_the_example_lacks_is_a_failed_row_with_the_nearest_name(project):
    module = project("""
        def answer(contexts):
            return contexts
    """)
    with pytest.raises(RequestFailed, match="wants 'contexts', which the example doesn't have; did you mean 'context'"):
        reply_of(f"{module}:answer", project.folder, context="c")


def test_a_parameter_that_the_function_does_not_take_is_refused(project):
    module = project("""
        def answer(inputs, k=1):
            return inputs
    """)
    with pytest.raises(RequestFailed, match="takes no parameter 'kk'; did you mean 'k'"):
        reply_of(f"{module}:answer", project.folder, parameters={"kk": 3}, inputs="q")


def test_a_pyfunc_like_model_gets_one_row_and_its_parameters(project):
    module = project("""
        import pandas as pd

        class Model:
            def predict(self, data, params=None):
                return pd.Series([f"{list(data['inputs'])} {data['prompt'][0]} {params}"])

        model = Model()
    """)
    reply = reply_of(f"{module}:model", project.folder, parameters={"top": 1}, inputs="q")
    assert reply.output == "['q'] Two? {'top': 1}"


def test_a_pyfunc_like_model_may_answer_with_a_frame(project):
    module = project("""
        import pandas as pd

        class Model:
            def predict(self, data):
                return pd.DataFrame([{"output": "yes", "completion_tokens": 1}])

        model = Model()
    """)
    reply = reply_of(f"{module}:model", project.folder, inputs="q")
    assert (reply.output, reply.completion_tokens) == ("yes", 1)


@pytest.mark.parametrize("method", ["def invoke", "async def ainvoke"])
def test_a_runnable_gets_the_messages_and_its_message_is_read(project, method):
    module = project(f"""
        from types import SimpleNamespace

        class Runnable:
            {method}(self, messages, temperature):
                return SimpleNamespace(
                    content=messages[-1]["content"] + str(temperature),
                    usage_metadata={{"input_tokens": 9, "output_tokens": 2}},
                    response_metadata={{"finish_reason": "stop"}},
                )

        chain = Runnable()
    """)
    reply = reply_of(f"{module}:chain", project.folder, parameters={"temperature": 0})
    assert (reply.output, reply.prompt_tokens, reply.completion_tokens) == ("Two?0", 9, 2)
    assert reply.finish_reason == "stop"


def test_thoughts_and_calls_of_a_runnable_are_kept_apart_from_its_text(project):
    module = project("""
        from types import SimpleNamespace

        CALL = {"name": "get_weather", "args": {"city": "Oslo"}, "id": "c1"}
        SAID = [{"type": "thinking", "thinking": "London? No."}, {"type": "text", "text": "Paris"}]

        class Runnable:
            def invoke(self, messages, calls=False):
                return SimpleNamespace(
                    content="" if calls else SAID,
                    tool_calls=[CALL] if calls else [],
                    usage_metadata={"input_tokens": float("nan"), "output_tokens": 2.0},
                    response_metadata={"finish_reason": "MAX_TOKENS" if calls is None else "stop"},
                )

        chain = Runnable()
    """)
    reply = reply_of(f"{module}:chain", project.folder)
    assert (reply.outcome, reply.output, reply.reasoning) == ("ok", "Paris", "London? No.")
    assert (reply.prompt_tokens, reply.completion_tokens) == (None, 2)
    calling = reply_of(f"{module}:chain", project.folder, parameters={"calls": True})
    assert (calling.outcome, json.loads(calling.tool_calls)[0]["args"]) == ("tool_call", {"city": "Oslo"})
    assert reply_of(f"{module}:chain", project.folder, parameters={"calls": None}).outcome == "truncated"


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        ("{'output': None, 'tool_calls': [{'name': 'search'}]}", "tool_call"),
        ("{'output': 'Pari', 'finish_reason': 'max_tokens'}", "truncated"),
        ("{'output': 'Pari', 'finish_reason': 'SAFETY'}", "refused"),
        ("''", "empty"),
        ("{'output': 'Paris', 'prompt_tokens': '5', 'completion_tokens': np.int64(3)}", "ok"),
        ("{'output': 'Paris', 'reasoning': 'London? No.'}", "ok"),
    ],
)
def test_a_mapping_may_say_how_the_reply_ended_and_what_was_thought(project, result, outcome):
    module = project(f"""
        import numpy as np

        def answer():
            return {result}
    """)
    reply = reply_of(f"{module}:answer", project.folder)
    assert reply.outcome == outcome
    assert reply.prompt_tokens == (5 if "prompt_tokens" in result else None)
    assert reply.reasoning == ("London? No." if "reasoning" in result else None)


def test_a_module_of_the_project_may_import_its_neighbours(project):
    neighbour = project("WORD = 'hello'", "words")
    module = project(f"""
        def answer():
            import {neighbour}
            return {neighbour}.WORD
    """)
    assert reply_of(f"{module}:answer", project.folder).output == "hello"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("answers", "callable 'answers': expected `module:function`, got 'answers'"),
        ("no_such_module:answer", "importing 'no_such_module' failed: ModuleNotFoundError"),
        ("eval_assets.providers.baselines:best_sentense", "has no 'best_sentense'; did you mean 'best_sentence'"),
        ("eval_assets.providers.baselines:BM25_B", "expected a function, or an object with `invoke` or `predict`"),
        ("of_this_test:Kind", "a class with `predict`, `invoke` or `__call__`, got a type"),
        ("of_this_test:place", "expected arguments that can be given by name"),
    ],
)
def test_a_target_that_cannot_be_called_is_refused_before_any_request(tmp_path, monkeypatch, target, message):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "of_this_test.py").write_text("class Kind: ...\n\ndef place(x, y, /): ...\n")
    with pytest.raises(ConfigError, match=message):
        CallableClient(target, project_dir=tmp_path)
    sys.modules.pop("of_this_test", None)


def test_a_call_that_never_returns_does_not_keep_the_process_alive(tmp_path):
    (tmp_path / "stuck.py").write_text("import time\ndef answer():\n    time.sleep(600)\n")
    script = f"""
import asyncio
from pathlib import Path
from eval_assets.providers.clients.callable_client import CallableClient
from eval_assets.requests.exchange import Request
client = CallableClient("stuck:answer", project_dir=Path({str(tmp_path)!r}))
asyncio.run(asyncio.wait_for(client.complete(Request(())), 0.2))
"""
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=20, check=False)
    assert b"TimeoutError" in finished.stderr


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        ("MemoryError()", "MemoryError"),
        ("RecursionError('deep')", "RecursionError: deep"),
        ("SystemExit(3)", "SystemExit: 3"),
        ("StopIteration('no more')", "StopIteration"),
        ("asyncio.CancelledError()", "ancelled"),
        ("GeneratorExit()", "GeneratorExit"),
        ("ExceptionGroup('two', [ValueError('a'), KeyError('b')])", "ExceptionGroup: two (2 sub-exceptions)"),
        ("TimeoutError('slow')", "TimeoutError: slow"),
        ("OSError(28, 'No space left on device')", "OSError: [Errno 28] No space left on device"),
        ("Mute()", "Mute"),
    ],
)
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_whatever_user_code_raises_costs_its_row(project, tmp_path, raised, said, kind):
    module = project(f"""
        import asyncio

        class Mute(Exception):
            def __str__(self):
                raise RuntimeError("not even a message")

        {kind} answer(inputs):
            if inputs == 1:
                raise {raised}
            return f"echo {{inputs}}"
    """)
    client = CallableClient(f"{module}:answer", project_dir=project.folder)
    identity = ModelIdentity("callable", "local", f"{module}:answer", "1", is_shown_the_example=True)
    engine = Engine(identity=identity, client=client, store=store_in(tmp_path / "state"), run_id="run-1")
    jobs = [Job(Request(MESSAGES, columns={"inputs": number}), number) for number in range(30)]
    replies = {answer.job.tag: answer.reply for answer in engine.answers(jobs)}
    assert (replies[1].outcome, replies[1].error_kind) == ("error", "callable_raised")
    assert said in replies[1].error
    assert [replies[number].output for number in replies if number != 1] == [
        f"echo {number}" for number in replies if number != 1
    ]
    assert len(replies) == 30


def test_a_callable_that_raises_for_every_row_fails_them_all_and_stops_nothing(project, tmp_path):
    module = project("def answer(inputs):\n    raise KeyError('city')")
    client = CallableClient(f"{module}:answer", project_dir=project.folder)
    identity = ModelIdentity("callable", "local", f"{module}:answer", "1", is_shown_the_example=True)
    engine = Engine(identity=identity, client=client, store=store_in(tmp_path / "state"), run_id="run-1")
    jobs = [Job(Request(MESSAGES, columns={"inputs": number}), number) for number in range(30)]
    assert [answer.reply.error_kind for answer in engine.answers(jobs)] == ["callable_raised"] * 30
