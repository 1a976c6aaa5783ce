"""What oracles compare on: small data of this repository, and public data where it lies beside the checkout."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.public_judgements import DATASETS, MTRAG_JUDGES, PANDALM_JUDGES

OWN = Path(__file__).parents[1] / "data"
N_PAIRS, N_TASKS, SYSTEMS = 600, 80, ("careful", "quick", "vague")


def sources(*needed: str) -> list:
    """The parameters `own` and `public`; the latter is skipped where a file of the public data is absent."""
    absent = [name for name in needed if not (DATASETS / name).exists()]
    return ["own", pytest.param("public", marks=pytest.mark.skipif(bool(absent), reason=f"no {absent} in {DATASETS}"))]


def own_pairs(folder: Path) -> Path:
    """People see the better output five times in six, judges less often, and sometimes a judge says nothing."""
    rng = np.random.default_rng(7)
    truth = rng.choice([0, 1, 2], size=N_PAIRS, p=[0.2, 0.4, 0.4])

    def said(right: float) -> list[int]:
        return [int(value if rng.random() < right else rng.integers(3)) for value in truth]

    people, weaker, stronger = [said(0.8) for _ in range(3)], said(0.4), said(0.5)
    for pair in range(0, N_PAIRS, 20):  # everyone against the weaker judge
        for person in people:
            person[pair] = 2
        weaker[pair] = 1
    words = [{0: "Tie", 1: "1", 2: "2"}[verdict] for verdict in weaker]
    words[4] = words[5] = "both are fine"
    pairs = [
        {"idx": pair, "response1": f"one {pair}", "response2": f"two {pair}"}
        | {f"annotator{number + 1}": person[pair] for number, person in enumerate(people)}
        for pair in range(N_PAIRS)
    ]
    write(folder / "testset-v1.json", pairs)
    for (judge, prefix), verdicts in zip(PANDALM_JUDGES.items(), (words, map(str, stronger)), strict=True):
        rows = [
            {"idx": str(pair), f"{prefix}_result": verdict, f"{prefix}_reason": "it reads better"}
            for pair, verdict in enumerate(verdicts)
        ]
        write(folder / f"{judge}-testset-v1.json", rows)
    return folder


def own_responses(folder: Path) -> Path:
    """Grades from 1 to 4 around each system's own quality, and metrics from 0 to 1 that follow them with noise."""
    rng = np.random.default_rng(8)
    rows = []
    for task in range(N_TASKS):
        for quality, system in zip((3.4, 2.8, 2.0), SYSTEMS, strict=True):
            response = np.clip(rng.normal(quality, 0.8), 1, 4)
            annotations = {}
            for metric, graded in MTRAG_JUDGES.items():
                score = np.clip((response - 1) / 3 + rng.normal(0, 0.15), 0, 1)
                annotations[metric] = {"system": {"value": round(float(score), 4)}}
                grades = np.clip(np.round(response + rng.normal(0, 0.5, 3)), 1, 4)
                raters = rng.choice(["anna", "ben", "carl", "dora"], size=3, replace=False)
                annotations[graded] = {
                    str(rater): {"value": str(int(grade))} for rater, grade in zip(raters, grades, strict=True)
                }
            rows.append(
                {"task_id": f"t{task}", "model_id": system, "model_response": f"{system} on {task}"}
                | {"annotations": annotations}
            )
    write(folder / "reference_subset_with_human_evaluations.json", {"evaluations": rows})
    return folder


def write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
