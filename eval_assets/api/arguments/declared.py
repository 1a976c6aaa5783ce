"""Models and judges that Python code declares, with the fields of their files: `ea.Model`, `ea.Judge`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eval_assets.errors import ConfigError

Prompt = str | Mapping[str, str] | Sequence[Mapping[str, str]]


class DeclaredModel:
    """A model with its prompt: a candidate.

    Args:
        model: Model id at the provider.
        name: Under which results show it; default the model id.
        provider: As in a model file.
        prompt: Text of the user message, a template such as "Answer: {{ inputs }}"; or role → text; or a list of
            messages with `role` and `content`; or the name of a prompt of the project. Default: the inputs as they are.
        response_format: What answers have to look like: "json", a JSON schema, or a pydantic model.
        function: What answers, in place of a provider; called as a function that is a candidate by itself.
        version: Of the function, where its code can't be hashed, or shouldn't count.
        fields: Any other field of a model file: `base_url`, `api_key_env`, `parameters`, `prices`, `limits`, …

    >>> DeclaredModel("gpt-4o-mini", prompt="Answer: {{ inputs }}", parameters={"temperature": 0})
    Model('gpt-4o-mini', prompt='Answer: {{ inputs }}', parameters={'temperature': 0})
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        name: str | None = None,
        provider: str | None = None,
        prompt: Prompt | None = None,
        response_format: Any = None,
        function: Callable[..., Any] | None = None,
        version: str | None = None,
        **fields: Any,
    ) -> None:
        if version is not None and function is None:
            raise ConfigError("ea.Model: expected `function` beside `version`, whose version it is; got none")
        if function is not None and (model is not None or provider is not None):
            raise ConfigError("ea.Model: expected either a `function` or a `model` of a provider, got both")
        self.name, self.prompt, self.function, self.version = name, prompt, function, version
        is_class = hasattr(response_format, "model_json_schema")
        self.response_format = response_format.model_json_schema() if is_class else response_format
        self.fields = dict(fields)
        if function is None:
            self.fields = {"provider": provider or "openai", **({"model": model} if model else {}), **self.fields}

    def __repr__(self) -> str:
        """As it is written."""
        named = {
            "name": self.name,
            "prompt": self.prompt,
            "response_format": self.response_format,
            "function": self.function,
            "version": self.version,
        }
        fields = {name: value for name, value in self.fields.items() if name != "model" and value != "openai"}
        said = [repr(self.fields["model"])] if "model" in self.fields else []
        said += [f"{name}={value!r}" for name, value in {**named, **fields}.items() if value is not None]
        return f"Model({', '.join(said)})"


class DeclaredJudge:
    """A judge.

    Args:
        name: Under which its scores stand.
        definition: What is judged.
        model: Who judges: the name of a model of the project, or an `ea.Model`.
        fields: Any other field of a judge file: `rubric`, `scale`, `examples`, `columns`, `samples`, …

    >>> DeclaredJudge("polite", "The output is polite.", model="gpt-4o").name
    'polite'
    """

    def __init__(self, name: str, definition: str = "", *, model: str | DeclaredModel, **fields: Any) -> None:
        self.name, self.model = name, model
        self.fields = {**({"definition": definition} if definition else {}), **fields}

    def __repr__(self) -> str:
        """As it is written."""
        return f"Judge({self.name!r}, model={self.model!r})"
