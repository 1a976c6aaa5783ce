"""Models that MLflow keeps: the package itself where it is installed, and always a stand-in of what it documents."""

import asyncio
import json
import sys
import textwrap
from pathlib import Path

import pytest

from eval_assets.config.model import Model, ModelFile
from eval_assets.errors import ConfigError
from eval_assets.providers.clients import mlflow_client
from eval_assets.providers.clients.mlflow_client import PyfuncModel, mlflow_version, open_mlflow
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.failures import RequestFailed
from eval_assets.providers.identity import identity_of
from eval_assets.providers.local.embedded import EmbeddedServers
from eval_assets.requests.exchange import Request

ANSWER = {"role": "assistant", "content": "In Norway."}
MESSAGES = ({"role": "user", "content": "Where is Oslo?"},)


def model_of(named, **fields):
    return Model(name="m", file=ModelFile(provider="mlflow", model=named, **fields))


def replies_of(named, models_dir, inputs=("oslo",), parameters=None, **fields):
    client = open_mlflow(model_of(named, **fields), Surroundings(models_dir, EmbeddedServers(), {}))

    async def all_at_once():
        columns = [{"inputs": each, "question": each, "context": "c"} for each in inputs]
        asked = [client.complete(Request(MESSAGES, parameters=parameters or {}, columns=each)) for each in columns]
        return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(all_at_once())


class DataType:
    """A plain column of a signature, as `mlflow.types.DataType`."""


class Array:
    """A nested column."""


class Column:
    def __init__(self, kind):
        self.type = kind


class Schema:
    """As `mlflow.types.Schema`: names of inputs, those required, and each with its type."""

    def __init__(self, required=(), optional=(), nested=()):
        self.required, self.optional, self.nested = [*required], [*optional], nested

    def has_input_names(self):
        return bool(self.required or self.optional)

    def required_input_names(self):
        return self.required

    def input_names(self):
        return [*self.required, *self.optional]

    def input_dict(self):
        return {name: Column(Array() if name in self.nested else DataType()) for name in self.input_names()}


class Loaded:
    """As `mlflow.pyfunc.PyFuncModel`."""

    def __init__(self, schema, answer):
        self.metadata, self.schema, self.answer, self.seen = self, schema, answer, []

    def get_input_schema(self):
        return self.schema

    def predict(self, data, params=None):
        self.seen.append((data, params))
        return self.answer(data)


@pytest.fixture
def standin(monkeypatch, tmp_path):
    """Puts a model in the place of what MLflow would load; its folder holds a file MLmodel, as a saved one's does."""

    def put(loaded):
        (tmp_path / "saved").mkdir(exist_ok=True)
        (tmp_path / "saved" / "MLmodel").write_text("flavors: {python_function: {}}\n")
        monkeypatch.setattr(mlflow_client, "_LOADED", {})
        monkeypatch.setattr(mlflow_client, "_load", lambda location: loaded)
        return tmp_path

    return put


def test_a_model_is_given_what_its_signature_names(standin):
    loaded = Loaded(
        Schema(["question"], ["context", "absent", "tools"], nested=("tools",)), lambda data: ["In Norway."]
    )
    (reply,) = replies_of("saved", standin(loaded), parameters={"k": 3})
    assert reply.output == "In Norway."
    ((frame, params),) = loaded.seen
    assert (frame.to_dict("records"), params) == ([{"question": "oslo", "context": "c"}], {"k": 3})


def test_a_model_without_a_signature_is_given_all_and_one_without_names_the_prompt(standin):
    loaded = Loaded(None, lambda data: data["question"])
    assert replies_of("saved", standin(loaded))[0].output == "oslo"
    unnamed = Loaded(Schema(), lambda data: [text.upper() for text in data])
    assert replies_of("saved", standin(unnamed))[0].output == "WHERE IS OSLO?"
    assert unnamed.seen == [(["Where is Oslo?"], None)]


def test_parameters_that_the_signature_names_are_inputs(standin):
    chat = Loaded(
        Schema(["messages"], ["temperature"], nested=("messages",)), lambda data: {"messages": [*MESSAGES, ANSWER]}
    )
    (reply,) = replies_of("saved", standin(chat), parameters={"temperature": 0.5})
    ((frame, params),) = chat.seen
    assert (frame["messages"][0], frame["temperature"][0], params) == ([*map(dict, MESSAGES)], 0.5, None)
    assert reply.output == "In Norway."
    assert json.loads(reply.trajectory) == [*MESSAGES, ANSWER]


def test_many_rows_are_given_at_once_where_a_batch_size_is_stated(standin):
    loaded = Loaded(Schema(["question"]), lambda data: data.rename(columns={"question": "output"}).assign(steps=1))
    replies = replies_of("saved", standin(loaded), inputs="abcde", batch_size=3)
    assert [reply.output for reply in replies] == list("abcde")
    assert sorted(len(frame) for frame, _ in loaded.seen) == [2, 3]  # threads end in any order
    assert json.loads(replies[0].extra) == {"steps": 1}


def test_what_the_signature_requires_and_the_example_lacks_fails_the_row(standin):
    (failure,) = replies_of("saved", standin(Loaded(Schema(["topic"]), list)))
    assert isinstance(failure, RequestFailed)
    assert "the model wants 'topic', which the example doesn't have" in str(failure)


def test_a_model_that_raises_fails_the_row(standin):
    (failure,) = replies_of("saved", standin(Loaded(None, lambda data: 1 / 0)))
    assert "saved raised" in str(failure)
    assert "ZeroDivisionError" in str(failure)


def test_a_model_is_loaded_once_and_anew_when_its_folder_changed(standin, monkeypatch):
    folder = standin(None)
    loads = []

    def load(location):
        loads.append(location)
        return Loaded(None, lambda data: data["question"])

    monkeypatch.setattr(mlflow_client, "_load", load)
    replies_of("saved", folder)
    replies_of("saved", folder)
    assert loads == [str(folder / "saved")]
    (folder / "saved" / "weights.txt").write_text("other")
    replies_of("saved", folder)
    assert len(loads) == 2


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("models:/support@champion", "expected a version of the registry, such as models:/support/3"),
        ("models:/support/Production", "expected a version of the registry, such as models:/support/3"),
        ("models:/support/latest", "what an alias or a stage means changes"),
        ("nowhere", "expected a folder that MLflow saved a model in"),
    ],
)
def test_what_may_mean_another_model_tomorrow_is_refused(tmp_path, named, said):
    with pytest.raises(ConfigError, match=said):
        mlflow_version(model_of(named).file, tmp_path)


@pytest.mark.parametrize("named", ["models:/support/3", "models:/m-0123456789abcdef", "runs:/abc/model", "s3://b/m"])
def test_an_address_that_never_means_another_model_is_its_own_version(tmp_path, named):
    assert mlflow_version(model_of(named).file, tmp_path) == named
    identity = identity_of(model_of(named))
    assert (identity.endpoint, identity.model_id, identity.is_shown_the_example) == ("mlflow", named, True)


def test_without_mlflow_the_remedy_is_said(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(
        ConfigError, match=r"needs a package that isn't installed .*pip install 'eval-assets\[mlflow\]'"
    ):
        replies_of("models:/support/3", tmp_path)


# The package itself

AGENTS = {
    "plain": """
        from mlflow.pyfunc import PythonModel

        class Plain(PythonModel):
            def predict(self, context, model_input: list[str], params=None):
                return [text.upper() for text in model_input]

        set_model(Plain())
    """,
    "chat": """
        from mlflow.pyfunc import ChatModel
        from mlflow.types.llm import ChatCompletionResponse

        class Chat(ChatModel):
            def predict(self, context, messages, params):
                said = f"{messages[-1].content} {params.temperature}"
                choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
                usage = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
                return ChatCompletionResponse.from_dict({"choices": [choice], "usage": usage})

        set_model(Chat())
    """,
    "agent": """
        from mlflow.pyfunc import ResponsesAgent
        from mlflow.types.responses import ResponsesAgentResponse

        class Agent(ResponsesAgent):
            def predict(self, request):
                text = f"heard {request.input[-1].content}"
                return ResponsesAgentResponse(output=[self.create_text_output_item(text=text, id="m1")])

        set_model(Agent())
    """,
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with a model of each kind, saved from code by the package itself."""
    mlflow = pytest.importorskip("mlflow", reason="the extra `mlflow` isn't installed")
    folder: Path = tmp_path_factory.mktemp("saved")
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")  # else it makes one in the working directory
    for name, source in AGENTS.items():
        code = folder / f"{name}_code.py"
        code.write_text("from mlflow.models import set_model\n" + textwrap.dedent(source))
        mlflow.pyfunc.save_model(folder / name, python_model=str(code), pip_requirements=[])
    return folder


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("name", "output", "prompt_tokens"),
    [("plain", "WHERE IS OSLO?", None), ("chat", "Where is Oslo? 0.5", 3), ("agent", "heard Where is Oslo?", None)],
)
def test_a_saved_model_answers(saved, name, output, prompt_tokens):
    (reply,) = replies_of(name, saved, parameters={"temperature": 0.5} if name == "chat" else None)
    assert (reply.outcome, reply.output, reply.prompt_tokens) == ("ok", output, prompt_tokens)


@pytest.mark.filterwarnings("default")
def test_a_version_of_the_registry_answers(saved, tmp_path, monkeypatch):
    import mlflow

    former = mlflow.get_tracking_uri()
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.chdir(tmp_path)  # where it makes its folder
    mlflow.set_tracking_uri(tmp_path.as_uri())
    try:
        client = mlflow.MlflowClient()
        client.create_registered_model("support")
        client.create_model_version("support", source=str(saved / "plain"))
        (reply,) = replies_of("models:/support/1", tmp_path)
        assert reply.output == "WHERE IS OSLO?"
    finally:
        mlflow.set_tracking_uri(former)


@pytest.mark.filterwarnings("default")
def test_the_signature_of_the_package_is_read_as_the_stand_ins(saved):
    import mlflow

    loaded = PyfuncModel(mlflow.pyfunc.load_model(str(saved / "chat")))
    given = loaded.given(Request(MESSAGES, parameters={"temperature": 0.5}, columns={"inputs": "x"}))
    assert given == {"messages": [*map(dict, MESSAGES)], "temperature": 0.5}
