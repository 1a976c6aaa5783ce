"""A model of MLflow's kind, which is given a frame and returns an answer a row, as a candidate of ours."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eval_assets.api.arguments.declared import DeclaredModel
from eval_assets.config.problems import nearest
from eval_assets.errors import ConfigError


def candidate_of(model: Any, features: Sequence[str], columns: Mapping[str, str], output: str | None) -> Any:
    """What `ea.evaluate` takes for a model.

    Args:
        model: A function or an object with `predict`, given a pandas frame of some rows; "model@prompt"; `ea.Model`;
            the address of a model that MLflow keeps.
        features: Columns it is shown.
        columns: Our column → theirs, where the names differ.
        output: Which of several columns that it returns holds the answer.

    Raises:
        ConfigError: It is the address of an endpoint, or no model at all.
    """
    if isinstance(model, DeclaredModel):
        return model
    if isinstance(model, str):
        if model.startswith("endpoints:/") or (":/" in model and output is not None):
            raise ConfigError(
                f"model: expected a model that answers in one column, or of an endpoint, got {model!r}; load it "
                "yourself and give the loaded model (`mlflow.pyfunc.load_model(…)`), or name an endpoint by "
                "`ea.Model('id', base_url=…)`"
            )
        return DeclaredModel(provider="mlflow", model=model) if ":/" in model else model
    predict = getattr(model, "predict", None) or model
    if not callable(predict):
        raise ConfigError(
            f"model: expected a function, an object with `predict`, 'model@prompt' or `ea.Model(…)`, got {model!r:.80}"
        )
    named = getattr(model, "__name__", type(model).__name__)
    return _answering(predict, str(named), tuple(features), {theirs: ours for ours, theirs in columns.items()}, output)


def _answering(
    predict: Callable[..., Any], label: str, features: Sequence[str], ours_of: Mapping[str, str], output: str | None
) -> Callable[..., list[Any]]:
    def answers(rows: list[Mapping[str, Any]]) -> list[Any]:
        import pandas as pd

        values = [[row.get(ours_of.get(name, name)) for name in features] for row in rows]
        return answers_in(predict(pd.DataFrame(values, columns=list(features))), output)

    answers.__name__ = label
    return answers


def answers_in(found: Any, output: str | None) -> list[Any]:
    """The answers in what a model returns: a list, an array, a series, or a frame with one column or a chosen one.

    Raises:
        ConfigError: A frame has several columns, and none is chosen, or not that one.
    """
    if type(found).__name__ == "DataFrame":
        names = [str(name) for name in found.columns]
        if output is None and len(names) > 1:
            raise ConfigError(
                f"predictions: expected which of the model's columns {', '.join(map(repr, names))} is its answer"
            )
        if output is not None and output not in names:
            raise ConfigError(f"predictions: the model returns no column {output!r}; {nearest(output, names)}")
        found = found[output or names[0]]
    return list(found.tolist() if hasattr(found, "tolist") else found)
