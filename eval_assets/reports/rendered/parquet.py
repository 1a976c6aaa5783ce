"""The tables behind a report as Parquet files, for whoever wants to go on with other tools."""

from pathlib import Path

from eval_assets.reports.evaluation_report import EvaluationReport


def write_parquet(report: EvaluationReport, folder: Path) -> list[Path]:
    """Write one file per table into a folder, made if it is absent.

    Returns:
        The files: aggregates, comparison, gates, history, predictions and scores.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        "aggregates": report.aggregates,
        "comparison": report.comparison,
        "gates": report.gates,
        "history": report.history,
        "predictions": report.predictions,
        "scores": report.scores,
    }
    files = []
    for name, frame in tables.items():
        file = folder / f"{name}.parquet"
        frame.write_parquet(file)
        files.append(file)
    return files
