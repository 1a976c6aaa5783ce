"""Public judgements of people and of models as the tables that a judge is measured from.

PandaLM (https://github.com/WeOpenML/PandaLM, Apache-2.0): 999 pairs of outputs, three annotators, two LLM judges.
MTRAG (https://github.com/IBM/mt-rag-benchmark, Apache-2.0): 477 responses of three systems, rated from 1 to 4.
"""

import json
import os
from pathlib import Path
from typing import Any

import polars as pl

from eval_assets.calibration.measuring import JudgeFacts, JudgeTables
from eval_assets.config.judge import Judge, JudgeFile
from eval_assets.config.scales import LabelScale, NumberScale
from eval_assets.tables.cell_tables import JUDGE_SCORES, PREDICTIONS
from eval_assets.tables.input_tables import LABELS

CHECKOUT = Path(__file__).parents[1]
DATASETS = Path(os.environ.get("EVAL_ASSETS_DATASETS", CHECKOUT.parent / "shared" / "datasets"))

PANDALM_JUDGES = {"gpt-3.5-turbo": "gpt", "pandalm-7b": "pandalm"}
WINNERS = {"1": 1.0, "tie": 0.5, "2": 0.0}
WINNER_OF = {"0": "tie", "Tie": "tie", "1": "1", "2": "2"}  # anything else is no verdict

MTRAG_JUDGES = {"rl_f": "faithfulness", "rb_llm": "completeness"}
LIKERT_STEPS = 3  # from 1 to 4


def pandalm(folder: Path = DATASETS / "pandalm") -> tuple[JudgeTables, list[JudgeFacts]]:
    """Which of two outputs wins: a pair is one row, its label `1`, `2` or `tie`."""
    pairs = _read(folder / "testset-v1.json")
    labels = [
        {"example_id": str(pair["idx"]), "rater": rater, "label": WINNER_OF[str(pair[rater])]}
        for pair in pairs
        for rater in ("annotator1", "annotator2", "annotator3")
    ]
    predictions = [
        {**_candidate("pairs", pair["idx"]), "output": f"{pair['response1']}\n{pair['response2']}"} for pair in pairs
    ]
    verdicts = []
    for judge, prefix in PANDALM_JUDGES.items():
        for row in _read(folder / f"{judge}-testset-v1.json"):
            label = WINNER_OF.get(str(row[f"{prefix}_result"]))
            given = {"label": label, "score": WINNERS.get(label or ""), "outcome": "ok" if label else "unparsed"}
            given["justification"] = row[f"{prefix}_reason"]
            verdicts.append({**_verdict("pairs", row["idx"], judge), **given})
    scale = LabelScale(type="labels", labels=WINNERS)
    return _tables(verdicts, predictions, labels), [_judge(name, scale) for name in PANDALM_JUDGES]


def mtrag(folder: Path = DATASETS / "mtrag") -> tuple[JudgeTables, list[JudgeFacts]]:
    """How good a response is, from 0 to 1: an LLM metric beside people's ratings, which are moved from 1-4 to 0-1."""
    rows = _read(folder / "reference_subset_with_human_evaluations.json")["evaluations"]
    verdicts, labels, predictions = [], [], []
    for row in rows:
        model, example_id = row["model_id"], row["task_id"]
        predictions.append({**_candidate(model, example_id), "output": row["model_response"]})
        for judge, rated in MTRAG_JUDGES.items():
            (scored,) = row["annotations"][judge].values()
            score = {"score": float(scored["value"]), "outcome": "ok"}
            verdicts.append({**_verdict(model, example_id, judge), **score})
            for rater, rating in row["annotations"][rated].items():
                rescaled = (float(rating["value"]) - 1) / LIKERT_STEPS
                label = {"label": f"{rescaled:g}", "score": rescaled}
                labels.append({"example_id": example_id, "model": model, "judge": judge, "rater": rater, **label})
    scale = NumberScale(type="number", min=0, max=1)
    return _tables(verdicts, predictions, labels), [_judge(name, scale) for name in MTRAG_JUDGES]


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _candidate(model: str, example_id: object) -> dict[str, Any]:
    return {"model": model, "prompt": "p", "prediction_id": f"{model}/{example_id}", "example_id": str(example_id)}


def _verdict(model: str, example_id: object, judge: str) -> dict[str, Any]:
    return {**_candidate(model, example_id), "judge": judge, "score_id": f"{judge}/{model}/{example_id}", "draw": 0}


def _judge(name: str, scale: LabelScale | NumberScale) -> JudgeFacts:
    return JudgeFacts(Judge(name=name, file=JudgeFile(definition="As published.", model=name, scale=scale)))


def _tables(
    verdicts: list[dict[str, Any]], predictions: list[dict[str, Any]], labels: list[dict[str, Any]]
) -> JudgeTables:
    return JudgeTables(
        verdicts=pl.DataFrame(verdicts, schema=JUDGE_SCORES),
        predictions=pl.DataFrame(predictions, schema=PREDICTIONS),
        labels=pl.DataFrame(labels, schema=LABELS),
    )
