"""How far published LLM judges agree with people, as the asset `judge_agreement` measures it.

    python -m benchmarks.judge_agreement

Beside each kappa and alpha stands what scikit-learn and krippendorff give for the same rows.
"""

from collections.abc import Iterator
from typing import Any

import krippendorff
import numpy as np
import polars as pl

from benchmarks.public_judgements import mtrag, pandalm
from eval_assets.calibration.labelled import labelled_verdicts
from eval_assets.calibration.measuring import JudgeFacts, JudgeTables, measure_judge

SHOWN = {
    "raw_agreement": "same label",
    "cohen_kappa": "Cohen's kappa",
    "cohen_kappa_quadratic": "Cohen's kappa, quadratic",
    "spearman": "Spearman",
    "krippendorff_alpha_with_judge": "Krippendorff's alpha, people and judge",
    "krippendorff_alpha_raters": "Krippendorff's alpha, people alone",
}


def main() -> None:
    """Print the table."""
    for line in table_lines():
        print(line)


def table_lines() -> Iterator[str]:
    """The table as Markdown."""
    yield "| judgements | judge | statistic | value | 95 % interval | n | reference |"
    yield "| --- | --- | --- | ---: | --- | ---: | ---: |"
    for name, (tables, judges) in {"PandaLM": pandalm(), "MTRAG": mtrag()}.items():
        for judge in judges:
            measured = measure_judge(tables, judge, evaluation=name, confidence=0.95, seed=0, run_id="benchmark")
            expected = references(tables, judge)
            rows = {row["statistic"]: row for row in measured.agreement.iter_rows(named=True)}
            for statistic, title in SHOWN.items():
                row = rows[statistic]
                if row["value"] is not None:
                    interval = f"{row['ci_low']:.3f} to {row['ci_high']:.3f}"
                    yield (
                        f"| {name} | {judge.judge.name} | {title} | {row['value']:.4f} | {interval} | {row['n']:,} | "
                        f"{expected[statistic]:.4f} |"
                    )


def references(tables: JudgeTables, judge: JudgeFacts) -> dict[str, float]:
    """Statistic → its value by scikit-learn, krippendorff and polars on the same rows."""
    verdicts = labelled_verdicts(
        tables.verdicts, tables.predictions, tables.labels, judge=judge.judge.name, scale=judge.scale
    )
    rows = verdicts.labelled
    named = judge.scale.label_scores
    level = "ordinal" if named else "interval"
    alphas = {
        "krippendorff_alpha_with_judge": _alpha(verdicts.matrix(with_judge=True), level),
        "krippendorff_alpha_raters": _alpha(verdicts.matrix(with_judge=False), level),
        "spearman": rows.select(pl.corr("human", "score", method="spearman")).item(),
    }
    if not named:
        return alphas
    from sklearn.metrics import cohen_kappa_score

    # Scores 0, 0.5 and 1 as grades 0, 1 and 2.
    people, judged = (np.rint(2 * rows[column].to_numpy()).astype(int) for column in ("human_verdict", "verdict"))
    return {
        **alphas,
        "raw_agreement": float(np.mean(people == judged)),
        "cohen_kappa": cohen_kappa_score(people, judged),
        "cohen_kappa_quadratic": cohen_kappa_score(people, judged, weights="quadratic"),
    }


def _alpha(ratings: np.ndarray[Any, np.dtype[np.float64]], level: str) -> float:
    return float(krippendorff.alpha(ratings, level_of_measurement=level))


if __name__ == "__main__":
    main()
