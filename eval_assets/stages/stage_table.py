"""Every stage there is, written out. Assets, their edges, staleness, plans and documentation are derived from it."""

from eval_assets.config.project import Project
from eval_assets.stages import (
    aggregate_reports,
    changes,
    comparison,
    evaluation_parts,
    heuristic_metrics,
    judge_agreement,
    judge_scores,
    pairwise_preferences,
    predictions,
)
from eval_assets.stages.graph import Place, all_judges_of, cells_of, judges_of, pairwise_judges_of
from eval_assets.stages.input_files import compute_dataset, compute_named_file
from eval_assets.stages.previews import changes_preview, comparison_preview, first_rows, label_shares, source
from eval_assets.stages.stage import Stage, same_key


def _dataset(project: Project, place: Place) -> list[str]:
    return [project.evaluation(place.evaluation).file.dataset]


def _cells(project: Project, place: Place) -> list[str]:
    return [cell.key for cell in cells_of(project, place.evaluation)]


def _named_file(table: str, description: str) -> Stage:
    return Stage(
        table=table,
        unit="file",
        description=description,
        inputs={},
        compute=compute_named_file,
        code_version="1",
        preview=source(table),
    )


STAGES: dict[str, Stage] = {
    stage.table: stage
    for stage in (
        Stage(
            table="eval_datasets",
            unit="file",
            description="Examples to evaluate on, from `data/datasets`, checked before they replace the former ones.",
            inputs={},
            compute=compute_dataset,
            code_version="1",
            written_with=("labels", "documents"),
            preview=first_rows("eval_datasets", "example_id", "inputs", "targets", "context"),
        ),
        _named_file("prompts", "Prompt templates from `data/prompts`, every version kept."),
        _named_file("models", "Providers, model ids and parameters from `data/models`, every version kept."),
        _named_file("judges", "Judges (definition, rubric, scale, model) from `data/judges`, every version kept."),
        _named_file(
            "evaluations",
            "What is compared, on what, with which metrics; from `data/evaluations`, every version kept. "
            "A partition is what one stage reads of a file; reading one brings all of the file up to date.",
        ),
        Stage(
            table="predictions",
            unit="cell",
            description="One reply per example and sample, with the rendered prompt, tokens, latency, cost, outcome.",
            inputs={
                "eval_datasets": _dataset,
                "prompts": lambda _, cell: [cell.prompt],
                "models": lambda _, cell: [cell.model],
            },
            reads=evaluation_parts.predictions_part,
            compute=predictions.compute_predictions,
            code_version=predictions.CODE_VERSION,
            pays=True,
            preview=first_rows("predictions", "example_id", "inputs", "output", "outcome", "latency_seconds"),
        ),
        Stage(
            table="heuristic_metrics",
            unit="cell",
            description="Scores of pure functions: overlap with the targets, readability, length, latency, retrieval.",
            inputs={"predictions": same_key},
            reads=evaluation_parts.heuristic_metrics_part,
            compute=heuristic_metrics.compute_heuristic_metrics,
            code_version=heuristic_metrics.CODE_VERSION,
            preview=first_rows(
                "heuristic_metrics", "example_id", "metric", "score", "label", "outcome", "reason", "score_id"
            ),
        ),
        Stage(
            table="judge_scores",
            unit="cell",
            description="Verdicts of the evaluation's judges, each with its justification, messages and raw reply.",
            inputs={
                "predictions": same_key,
                "judges": lambda project, place: judges_of(project, place.evaluation),
            },
            reads=evaluation_parts.judge_scores_part,
            compute=judge_scores.compute_judge_scores,
            code_version=judge_scores.CODE_VERSION,
            pays=True,
            preview=first_rows("judge_scores", "example_id", "judge", "score", "justification", "outcome", "score_id"),
        ),
        Stage(
            table="aggregate_reports",
            unit="cell",
            description="Per metric: counts of every outcome, mean, variance, p90, interval; overall and per slice.",
            inputs={"heuristic_metrics": same_key, "judge_scores": same_key},
            reads=evaluation_parts.aggregate_reports_part,
            compute=aggregate_reports.compute_aggregate_reports,
            code_version=aggregate_reports.CODE_VERSION,
            preview=label_shares,
        ),
        Stage(
            table="pairwise_preferences",
            unit="evaluation",
            description="Which of two candidates' outputs a judge prefers, in both orders; empty unless `pairwise` is "
            "set.",
            inputs={
                "predictions": lambda project, place: (
                    _cells(project, place) if pairwise_judges_of(project, place.evaluation) else []
                ),
                "judges": lambda project, place: pairwise_judges_of(project, place.evaluation),
            },
            reads=evaluation_parts.pairwise_preferences_part,
            compute=pairwise_preferences.compute_pairwise_preferences,
            code_version=pairwise_preferences.CODE_VERSION,
            pays=True,
            written_with=("pairwise_results",),
            preview=first_rows(
                "pairwise_results",
                "model",
                "prompt",
                "compared_with",
                "n_judged",
                "wins",
                "ties",
                "losses",
                "win_rate",
                "flip_rate",
            ),
        ),
        Stage(
            table="judge_agreement",
            unit="evaluation",
            description="Agreement of the judges with people's labels, their biases, and means corrected for errors.",
            inputs={
                "judge_scores": _cells,
                "pairwise_preferences": same_key,
                "eval_datasets": _dataset,
                "judges": lambda project, place: all_judges_of(project, place.evaluation),
            },
            reads=evaluation_parts.judge_agreement_part,
            compute=judge_agreement.compute_judge_agreement,
            code_version=judge_agreement.CODE_VERSION,
            written_with=("judge_disagreements",),
            marks=judge_agreement.marks,
            marked="people gave other labels",
            preview=first_rows("judge_agreement", "judge", "statistic", "value", "ci_low", "ci_high", "n", "method"),
        ),
        Stage(
            table="changes",
            unit="evaluation",
            description="Each candidate against its own state before: what changed since, what that did, row by row.",
            inputs={"aggregate_reports": _cells},
            reads=evaluation_parts.changes_part,
            compute=changes.compute_changes,
            code_version=changes.CODE_VERSION,
            written_with=("change_effects", "paired_scores"),
            marks=changes.marks,
            marked="another state was released",
            preview=changes_preview,
        ),
        Stage(
            table="comparison",
            unit="evaluation",
            description="Leaderboard, paired differences with the baseline, gates and the HTML report.",
            inputs={
                "aggregate_reports": _cells,
                "judge_agreement": same_key,
                "pairwise_preferences": same_key,
                "changes": same_key,
            },
            reads=evaluation_parts.comparison_part,
            compute=comparison.compute_comparison,
            code_version=comparison.CODE_VERSION,
            written_with=("gate_results",),
            preview=comparison_preview,
        ),
    )
}

FILES = tuple(table for table, stage in STAGES.items() if stage.unit == "file")
OF_CELLS = tuple(table for table, stage in STAGES.items() if stage.unit == "cell")
OF_EVALUATIONS = tuple(table for table, stage in STAGES.items() if stage.unit == "evaluation")
