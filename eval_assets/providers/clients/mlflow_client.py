"""Provider `mlflow`: a model that MLflow keeps, loaded as pyfunc and called in this process.

Needs the extra `mlflow`, or whatever MLflow the models were saved with. Calling and reading are those of code of the
user: `callable_calls`, `callable_replies`.
"""

import hashlib
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eval_assets.config.files.file_states import file_sha256
from eval_assets.config.model import Model, ModelFile
from eval_assets.errors import ConfigError
from eval_assets.providers.clients.callable_arguments import example_values, plain_messages
from eval_assets.providers.clients.callable_calls import rows_caller
from eval_assets.providers.clients.callable_client import CallingClient
from eval_assets.providers.clients.callable_target import described
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.failures import RequestFailed
from eval_assets.requests.exchange import Request

REMEDY = "install it with: pip install 'eval-assets[mlflow]' (in a checkout: pip install -e '.[mlflow]')"
FIXED = re.compile(r"models:/(m-[0-9a-f]+|[^/@]+/[0-9]+)|(?!models:)[A-Za-z][\w+.-]*:/.+")
"""Addresses whose model never becomes another one: a version of the registry, a model by its id, a run's artifact."""

MOVING = re.compile(r"models:/")

_LOADED: dict[str, Any] = {}
_LOADING = threading.Lock()


class PyfuncModel:
    """A loaded model, called with what its signature asks for.

    Args:
        loaded: What `mlflow.pyfunc.load_model` returns.
    """

    def __init__(self, loaded: Any) -> None:
        """Read the signature."""
        self._loaded = loaded
        self._inputs = loaded.metadata.get_input_schema() if loaded.metadata is not None else None

    def given(self, request: Request) -> Any:
        """One row for a request: what the signature names of columns, parameters and the prompt; else all there is.

        A signature without names is given the prompt. `input`, as agents call it, stands for the messages. Parameters
        that the signature doesn't name go along as `params`.

        Raises:
            RequestFailed: It requires what there isn't.
        """
        known = {"input": plain_messages(request), **example_values(request), **request.parameters}
        if self._inputs is None:
            return known
        if not self._inputs.has_input_names():
            return known["prompt"]
        required = self._inputs.required_input_names()
        missing = [name for name in required if known.get(name) is None]
        if missing:
            raise RequestFailed(
                f"the model wants {missing[0]!r}, which the example doesn't have; its signature: {self._inputs}",
                "missing_column",
            )
        plain = (name for name in self._inputs.input_names() if _is_plain(self._inputs.input_dict()[name]))
        wanted = dict.fromkeys([*required, *plain])
        return {name: known[name] for name in wanted if known.get(name) is not None}

    def predict_rows(self, requests: list[Request]) -> Any:
        """Replies to requests, one each."""
        import pandas as pd

        rows = [self.given(request) for request in requests]
        frame = pd.DataFrame(rows) if isinstance(rows[0], Mapping) else rows
        as_inputs = rows[0] if self._inputs is not None and isinstance(rows[0], Mapping) else ()
        parameters = {name: value for name, value in requests[0].parameters.items() if name not in as_inputs}
        found = self._loaded.predict(frame, params=parameters) if parameters else self._loaded.predict(frame)
        if isinstance(found, Mapping | str):  # of models that answer one request at a time
            return [found]
        return found


def open_mlflow(model: Model, surroundings: Surroundings) -> CallingClient:
    """The client of a model file; loads the model, once in this process.

    Raises:
        ConfigError: MLflow isn't installed, or the model can't be loaded.
    """
    file = model.file
    location = _location(str(file.model), surroundings.models_dir)
    version = mlflow_version(file, surroundings.models_dir)
    with _LOADING:
        if (key := f"{location} {version}") not in _LOADED:
            _LOADED[key] = PyfuncModel(_load(location))
        loaded = _LOADED[key]
    return CallingClient(rows_caller(loaded.predict_rows, str(file.model), file.batch_size or 1), str(file.model))


def mlflow_address(file: ModelFile) -> tuple[str, str]:
    """Endpoint and model id of a model file."""
    return "mlflow", str(file.model)


def mlflow_version(file: ModelFile, models_dir: Path) -> str:
    """What a model file names, as it stands: an address that never means another model, or a hash of a folder.

    Raises:
        ConfigError: There is no such folder, or the address may mean another model tomorrow.
    """
    named = str(file.model)
    if FIXED.fullmatch(named):
        return named
    if MOVING.match(named):
        raise ConfigError(
            f"expected a version of the registry, such as models:/{_name_in(named)}/3, got {named!r}: what an alias or "
            "a stage means changes, and replies would be kept as those of another model"
        )
    folder = models_dir / named
    if not (folder / "MLmodel").is_file():
        raise ConfigError(f"expected a folder that MLflow saved a model in (with a file MLmodel), got {folder}")
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{file_sha256(path)}\n".encode())
    return digest.hexdigest()


def _location(named: str, models_dir: Path) -> str:
    return named if FIXED.fullmatch(named) else str((models_dir / named).resolve())


def _name_in(named: str) -> str:
    return re.split("[/@]", named.removeprefix("models:/"))[0] or "name"


def _pyfunc() -> Any:
    try:
        from mlflow import pyfunc
    except ImportError as error:
        raise ConfigError(f"provider 'mlflow' needs a package that isn't installed ({error}); {REMEDY}") from error
    return pyfunc


def _load(location: str) -> Any:
    try:
        return _pyfunc().load_model(location)
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:  # loading runs code of whoever saved the model
        raise ConfigError(f"loading the MLflow model {location!r} failed: {described(error)}") from error


def _is_plain(column: Any) -> bool:
    """Whether a column of a signature holds plain values; what is optional and nested is left to its default."""
    return type(column.type).__name__ == "DataType"
