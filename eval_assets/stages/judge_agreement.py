"""The stage that measures an evaluation's judges against people's labels. What is measured is in `calibration`."""

from collections.abc import Callable, Mapping

import polars as pl

from eval_assets.calibration.given_labels import as_labels, judges_named, labels_version, stored_labels, used_labels
from eval_assets.calibration.measuring import JudgeFacts, JudgeTables, Measured, measure_judge
from eval_assets.config.evaluation import Evaluation
from eval_assets.reports.computed.scores import NO_VALUE, dependent_examples
from eval_assets.stages.aggregate_reports import groups_of
from eval_assets.stages.cell_inputs import StoredJudge, evaluation_of, read_judge
from eval_assets.stages.content_hash import content_sha256
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.graph import Cell, cells_of, parse_cell
from eval_assets.stages.stage import Computation
from eval_assets.stages.stored_inputs import StoredInputs
from eval_assets.storage.snapshots import Snapshot
from eval_assets.storage.versions import StoredVersion, all_versions, current_version
from eval_assets.storage.warehouse import Warehouse
from eval_assets.storage.writing import Written, inputs_recorded, provenance
from eval_assets.tables.columns import CANDIDATE
from eval_assets.tables.evaluation_tables import JUDGE_AGREEMENT, JUDGE_DISAGREEMENTS

CODE_VERSION = "3"
VERDICT_COLUMNS = (
    "model", "prompt", "prediction_id", "example_id", "score_id", "judge", "draw", "juror", "score", "justification",
)  # fmt: skip
OUTPUT_COLUMNS = ("prediction_id", "output", "model", "prompt", "example_id", "sample_index")
PREFERENCE_KEY = ("candidate_a", "candidate_b", "example_id", "sample_index")
KEY_FIGURES = ("raw_agreement", "cohen_kappa", "cohen_kappa_quadratic", "spearman", "position_flip_rate")


def compute_judge_agreement(run: Computation) -> Written:
    """Measure how far the judges of an evaluation agree with people."""
    evaluation, stored = run.evaluation()
    return write_agreement(
        evaluation, inputs=run.inputs(), stored=stored, warehouse=run.room.warehouse, run_id=run.run_id
    )


def write_agreement(
    evaluation: Evaluation, *, inputs: StoredInputs, stored: StoredVersion, warehouse: Warehouse, run_id: str
) -> Written:
    """Measure every judge of an evaluation and replace what was measured before.

    Args:
        evaluation: The evaluation, as stored.
        inputs: What it is made from; of the cells, those judged so far.
        stored: The version of the evaluation that was given.
        warehouse: Where verdicts and labels lie.
        run_id: The run that writes.
    """
    name, partition = evaluation.name, {"evaluation": evaluation.name}
    label_marks = marks(evaluation, warehouse)  # before labels are read: one that is given meanwhile makes it stale
    cells = [parse_cell(place.partition("/")[2]) for place in inputs.versions if place.startswith("judge_scores/")]
    judges = [read_judge(warehouse, judge) for judge in judges_named(evaluation)]
    tables = _tables(evaluation, cells, stored, warehouse, inputs.scan)
    versions = _judge_versions(inputs.snapshots["judge_scores"], cells)
    made_from = {
        **inputs.versions,
        **{f"judges/{judge.judge.name}": judge.data_version for judge in judges},
        f"evaluations/{name}": stored.content_sha256,
    }
    facts = [
        _facts_of(judge, evaluation, versions.get(judge.judge.name, {judge.data_version}), warehouse)
        for judge in judges
    ]
    measured = [
        measure_judge(
            tables,
            judge,
            evaluation=name,
            confidence=evaluation.file.confidence,
            seed=evaluation.file.seed,
            run_id=run_id,
            others=facts[place + 1 :],
        )
        for place, judge in enumerate(facts)
    ]
    agreement = pl.concat([pl.DataFrame(schema=JUDGE_AGREEMENT), *(one.agreement for one in measured)])
    disagreements = pl.concat([pl.DataFrame(schema=JUDGE_DISAGREEMENTS), *(one.disagreements for one in measured)])
    data_version = content_sha256([frame.drop("run_id").to_dicts() for frame in (agreement, disagreements)])
    recorded = {
        **provenance(run_id=run_id, data_version=data_version, code_version=CODE_VERSION, inputs=made_from),
        "marks": label_marks,
    }
    warehouse.replace("judge_disagreements", disagreements, partition, recorded)
    commit = warehouse.replace("judge_agreement", agreement, partition, recorded)
    figures = {
        f"{row['judge']}_{row['statistic']}": row["value"]
        for row in agreement.filter(pl.col("statistic").is_in(KEY_FIGURES)).iter_rows(named=True)
    }
    return Written(data_version, commit, agreement.height, {"n_labels": tables.labels.height, **figures})


def agreement_now(room: EngineRoom, evaluation: str, judge: str) -> Measured:
    """Measure one judge by the labels that there are at this moment, on verdicts as last computed; nothing is written.

    Args:
        room: Project and warehouse.
        evaluation: Its name.
        judge: Name of one of its judges.

    Raises:
        StorageError: Evaluation or judge was never read.
    """
    warehouse = room.warehouse
    stored = current_version(warehouse, "evaluations", evaluation)
    declared, cells = evaluation_of(stored), list(cells_of(room.project, evaluation))
    known = read_judge(warehouse, judge)
    return measure_judge(
        _tables(declared, cells, stored, warehouse, warehouse.scan),
        _facts_of(known, declared, {known.data_version}, warehouse),
        evaluation=evaluation,
        confidence=declared.file.confidence,
        seed=declared.file.seed,
        run_id="",
    )


def marks(evaluation: Evaluation, warehouse: Warehouse) -> str:
    """The version of the labels that people gave in reviews; empty where there are none."""
    return labels_version(warehouse, evaluation.file.dataset, judges_named(evaluation))


def _tables(
    evaluation: Evaluation,
    cells: list[Cell],
    stored: StoredVersion,
    warehouse: Warehouse,
    scan: Callable[[str, Mapping[str, str]], pl.LazyFrame],
) -> JudgeTables:
    """What is known about the judges of an evaluation: verdicts and preferences by `scan`, labels as they are now."""
    partition = {"evaluation": evaluation.name}
    columns = stored.content["slices"]
    groups = groups_of(warehouse, partition, cluster=stored.content["cluster"], slices=columns)
    given = used_labels(stored_labels(warehouse, evaluation.file.dataset))
    return JudgeTables(
        verdicts=_rows_of(scan("judge_scores", partition), cells, VERDICT_COLUMNS),
        predictions=_rows_of(warehouse.scan("predictions", partition), cells, OUTPUT_COLUMNS),
        labels=labels_of(given, warehouse, evaluation.file.dataset),
        pair_labels=given.filter(pl.col("other_model").is_not_null()),
        preferences=scan("pairwise_preferences", partition).sort(*PREFERENCE_KEY).collect(),
        clusters=dependent_examples(groups),
        slices=groups.examples.select("example_id", pl.col(columns).fill_null(NO_VALUE)),
    )


def labels_of(given: pl.DataFrame, warehouse: Warehouse, dataset: str) -> pl.DataFrame:
    """Labels of reviews, which come first where one rater labelled an output in both ways, and those of files."""
    of_files = warehouse.scan("labels", {"dataset": dataset}).sort("position").collect()
    return pl.concat([as_labels(given), of_files.with_columns(is_chosen=pl.lit(False))])


def _rows_of(rows: pl.LazyFrame, cells: list[Cell], columns: tuple[str, ...]) -> pl.DataFrame:
    """Rows of an evaluation's present cells: candidates that were taken out of it keep theirs in the table."""
    candidates = [cell.candidate for cell in cells]
    mine = CANDIDATE.is_in(candidates)
    return rows.filter(mine).sort("model", "prompt", "position", "sample_index", *columns).select(columns).collect()


def _judge_versions(verdicts: Snapshot, cells: list[Cell]) -> dict[str, set[str]]:
    """Judge → data versions it had when it gave the verdicts of these cells."""
    commits = verdicts.last_commits()
    keys = {cell.key for cell in cells}
    versions: dict[str, set[str]] = {}
    for commit in commits.values():
        made_from = inputs_recorded(commit)
        if any(place.removeprefix("predictions/") in keys for place in made_from):
            for place, version in made_from.items():
                if place.startswith("judges/"):
                    versions.setdefault(place.removeprefix("judges/"), set()).add(version)
    return versions


def _facts_of(judge: StoredJudge, evaluation: Evaluation, versions: set[str], warehouse: Warehouse) -> JudgeFacts:
    families = {model.model.file.family for model in judge.models.values()}
    family = families.pop() if len(families) == 1 else None
    kin = [model for model in evaluation.file.models if _family_of(model, warehouse) == family]
    return JudgeFacts(
        judge=judge.judge,
        jurors=[judge.jurors[name] for name in judge.judge.file.jurors],
        family=family,
        kin=tuple(kin) if family else (),
        version=judge.version,
        sha256=next(iter(versions)) if len(versions) == 1 else None,
    )


def _family_of(model: str, warehouse: Warehouse) -> str | None:
    """Family of a candidate's model; null where none is declared, or where the model was never read."""
    versions = all_versions(warehouse, "models", model)
    return versions[-1].content["file"].get("family") if versions else None
