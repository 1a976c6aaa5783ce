"""A sensor that looks how far batches are, and asks for `refresh` where one is over: the refresh collects it."""

import json
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

import dagster as dg

from eval_assets.automation.refresh import is_being_refreshed, refresh_config
from eval_assets.config.project import Project
from eval_assets.config.settings import Settings
from eval_assets.names import REFRESH_JOB, Names
from eval_assets.providers.batches.desk import looks_at
from eval_assets.providers.clients.opening import batches_of
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.dialects.found_out import DialectMemory
from eval_assets.providers.local.embedded import EmbeddedServers
from eval_assets.storage.replies.batch_ledger import BatchLedger, BatchRecord
from eval_assets.wording.foreign_text import visible_text

INTERVAL_SECONDS = 60
LONGEST_PAUSE_SECONDS = 900.0
SHARE_OF_AGE = 0.1
"""Pause between two looks at a batch, as a share of its age."""

ASKED_AGAIN_SECONDS = 3_600
"""After which a refresh that did not collect a batch is asked for again."""


def collect_batches_sensor(settings: Settings, project: Project, names: Names) -> dg.SensorDefinition:
    """The sensor `collect_batches`.

    Args:
        settings: Where batches are remembered.
        project: Its evaluations, as this code location knows them.
        names: What job and sensor are called.
    """
    ledger = BatchLedger(settings.state_dir / "batches")
    surroundings = Surroundings(project.models_dir, EmbeddedServers(), dialects=DialectMemory())

    @dg.sensor(
        name=names.of("collect_batches"),
        job_name=names.of(REFRESH_JOB),
        minimum_interval_seconds=INTERVAL_SECONDS,
        description="Looks how far batches at providers are, and refreshes the evaluations whose batches are over.",
    )
    def collect_batches(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        looked: dict[str, float] = json.loads(context.cursor or "{}")
        under_way = [record for record in ledger.records() if record.is_under_way]
        now = time.time()
        due = [record for record in under_way if now - looked.get(record.token, 0.0) >= pause_seconds(record, now)]
        looks = looks_at(due, lambda model: batches_of(model, surroundings))
        for look in looks:
            if look.trouble:
                context.log.warning(visible_text(look.trouble))
        over = [look.record for look in looks if look.may_end]
        requests = [
            dg.RunRequest(
                run_key=f"{sending} {' '.join(tokens)} {now // ASKED_AGAIN_SECONDS:.0f}",
                run_config=refresh_config(
                    names, evaluations=evaluations, **({} if sending is None else {"sending": sending})
                ),
            )
            for sending, (evaluations, tokens) in _by_sending(over, project).items()
            if not any(is_being_refreshed(context.instance, name, names) for name in evaluations)
        ]
        kept = {record.token: looked[record.token] for record in under_way if record.token in looked}
        cursor = json.dumps(kept | {record.token: now for record in due})
        reason = None if requests else dg.SkipReason(f"{len(under_way)} batches under way, none of them is over")
        return dg.SensorResult(run_requests=requests, skip_reason=reason, cursor=cursor)

    return collect_batches


def pause_seconds(record: BatchRecord, now: float) -> float:
    """How long to wait between two looks at a batch; longer the older it is."""
    age = now - int(record.token.partition("-")[0]) / 1000
    return min(LONGEST_PAUSE_SECONDS, age * SHARE_OF_AGE)


def _by_sending(records: Sequence[BatchRecord], project: Project) -> Mapping[str | None, tuple[list[str], list[str]]]:
    """How requests are sent → the evaluations that wait, as far as they still exist, and the batches."""
    found: defaultdict[str | None, tuple[set[str], list[str]]] = defaultdict(lambda: (set(), []))
    for record in records:
        names = set(record.evaluations) & set(project.names("evaluations"))
        if names:
            evaluations, tokens = found[record.sending]
            evaluations |= names
            tokens.append(record.token)
    return {sending: (sorted(evaluations), sorted(tokens)) for sending, (evaluations, tokens) in found.items()}
