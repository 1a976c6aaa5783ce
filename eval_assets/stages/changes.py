"""The stage that holds each candidate against its own former state: what changed since, and what that did."""

from typing import Any

from eval_assets.config.evaluation import Evaluation
from eval_assets.stages.content_hash import content_sha256
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.former_states import PREVIOUS, RELEASED, StateBook
from eval_assets.stages.graph import cells_of
from eval_assets.stages.metric_facts import stored_facts
from eval_assets.stages.releasing import releases_version
from eval_assets.stages.stage import Computation
from eval_assets.stages.state_comparison import ComparedStates, Looked, compare_if_there
from eval_assets.storage.former_rows import looking_back
from eval_assets.storage.versions import StoredVersion
from eval_assets.storage.warehouse import Warehouse
from eval_assets.storage.writing import Written, provenance

CODE_VERSION = "1"


def compute_changes(run: Computation) -> Written:
    """Hold the candidates of an evaluation against the state before, and the released one where a gate asks for it."""
    room, name = run.room, run.key
    evaluation, stored = run.evaluation()
    inputs = run.inputs().versions
    looked = looked_at(room, evaluation, stored)
    compared = ComparedStates.together(
        [
            compare_if_there(
                looked, looked.book.chosen(cell.candidate, since, now.state), now, since=since, run_id=run.run_id
            )
            for cell in cells_of(room.project, name)
            if (now := looked.book.current(cell.candidate)) is not None
            for since in asked_since(evaluation)
        ]
    )
    content = [frame.drop("run_id").rows() for frame in (compared.changes, compared.change_effects)]
    data_version = content_sha256(repr(content))
    recorded = {
        **provenance(
            run_id=run.run_id,
            data_version=data_version,
            code_version=CODE_VERSION,
            inputs={**inputs, f"evaluations/{name}": stored.content_sha256},
        ),
        "marks": marks(evaluation, room.warehouse),
    }
    partition = {"evaluation": name}
    room.warehouse.replace("paired_scores", compared.paired_scores, partition, recorded)
    room.warehouse.replace("change_effects", compared.change_effects, partition, recorded)
    kept = {**recorded, **looking_back(compared.former_rows)}
    commit = room.warehouse.replace("changes", compared.changes, partition, kept)
    return Written(data_version, commit, compared.changes.height, _facts(compared))


def looked_at(room: EngineRoom, evaluation: Evaluation, stored: StoredVersion) -> Looked:
    """What states of an evaluation are compared with."""
    return Looked(
        room,
        StateBook(room.warehouse, evaluation.name),
        evaluation,
        stored_facts(room.versions, room.warehouse, evaluation),
        stored.content["cluster"],
    )


def asked_since(evaluation: Evaluation) -> tuple[str, ...]:
    """Which former states the candidates of an evaluation are held against."""
    is_asked = any(gate.against == RELEASED for gate in evaluation.file.gates)
    return (PREVIOUS, RELEASED) if is_asked else (PREVIOUS,)


def marks(evaluation: Evaluation, warehouse: Warehouse) -> str:
    """The version of the releases that a comparison of states depends on; empty where it depends on none."""
    return releases_version(warehouse, evaluation.name) if RELEASED in asked_since(evaluation) else ""


def _facts(compared: ComparedStates) -> dict[str, Any]:
    """Counts, and the difference of each metric of each candidate since the state before."""
    former = compared.changes.filter(since=PREVIOUS).drop_nulls("n_same")
    facts: dict[str, Any] = {"n_with_former_state": former.height}
    for row in compared.change_effects.filter(since=PREVIOUS, part="all").iter_rows(named=True):
        facts[f"{row['model']}@{row['prompt']} {row['metric']}"] = row["difference"]
    return facts
