"""Similarity of meaning, by a sentence-transformers model."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from eval_assets.metrics.availability import UNAVAILABLE, MetricUnavailableError
from eval_assets.metrics.definition import Metric, Parameter, Scores
from eval_assets.metrics.prediction_rows import Rows

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"


def embedding_similarity(rows: Rows, parameters: Mapping[str, Any]) -> Scores:
    """Give the cosine of the embeddings of output and target, in [-1, 1]; the best over several targets.

    With `batch_size` over 1, padding changes the last digits of a score with its neighbours.

    Raises:
        MetricUnavailableError: The model can't be loaded.
    """
    model = _encoder(parameters["model"], parameters["device"])
    at, targets = rows.pairs
    options = {"batch_size": parameters["batch_size"], "normalize_embeddings": True, "show_progress_bar": False}
    outputs, wanted = model.encode(rows.outputs, **options), model.encode(targets, **options)
    return rows.best([float(outputs[row] @ vector) for row, vector in zip(at, wanted, strict=True)])


@cache
def _encoder(model: str | None, device: str) -> Any:
    from sentence_transformers import SentenceTransformer

    name = model or DEFAULT_MODEL
    try:
        return SentenceTransformer(name, device=device, local_files_only=model is None)
    except (OSError, ValueError) as error:
        raise MetricUnavailableError(f"{UNAVAILABLE}the model {name!r} can't be loaded: {error}") from error


METRICS = (
    Metric(
        "embedding_similarity",
        embedding_similarity,
        range=(-1.0, 1.0),
        parameters={
            "model": Parameter(None, (str, type(None))),
            "batch_size": Parameter(1, (int,), minimum=1, decides_score=False),
            "device": Parameter("cpu", (str,), decides_score=False),
        },
        libraries=("sentence-transformers", "torch"),
        modules=("torch", "sentence_transformers"),
        extra="embeddings",
        default_model=DEFAULT_MODEL,
    ),
)
