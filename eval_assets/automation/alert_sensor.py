"""A sensor that tells what changed, as the files of `data/alerts` say; what is told when is in `alerting`."""

import dagster as dg

from eval_assets.alerting.tick import Teller, told_text
from eval_assets.automation.failed_runs import failed_runs
from eval_assets.config.project_files import load_project
from eval_assets.config.settings import Settings
from eval_assets.names import Names
from eval_assets.storage.warehouse import Warehouse
from eval_assets.wording.foreign_text import visible_text

INTERVAL_SECONDS = 60


def send_alerts_sensor(settings: Settings, names: Names) -> dg.SensorDefinition:
    """The sensor `send_alerts`, which runs nothing.

    Args:
        settings: Where files and tables lie.
        names: What the sensor and assets are called.
    """
    teller = Teller(settings, Warehouse(settings.warehouse_root, settings.storage_options))

    @dg.sensor(
        name=names.of("send_alerts"),
        minimum_interval_seconds=INTERVAL_SECONDS,
        description="Tells by webhook or command what changed: verdicts of gates, models of providers, missing data.",
    )
    def send_alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        project = load_project(settings.data_dir, settings.warehouse_root)
        told = teller.tick(project, failed_runs(context.instance, project, names))
        lines = [told_text(each) for each in told]
        for each, line in zip(told, lines, strict=True):
            if each.delivery is not None:
                (context.log.info if each.delivery.is_taken else context.log.warning)(visible_text(line))
        return dg.SkipReason(visible_text("; ".join(lines)) or "no alert can be used")

    return send_alerts
