"""`eval-assets report --format csv|xlsx|parquet`: tables of a report as files."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from eval_assets.cli.output_files import write_text, writing
from eval_assets.cli.report_parts import Parts
from eval_assets.cli.saying import say

if TYPE_CHECKING:
    from eval_assets.reports.evaluation_report import EvaluationReport

EXPORTED = ("csv", "xlsx", "parquet")


def refuse_missing_output(style: str, output: Path | None, evaluation: str) -> None:
    """Only text can be printed."""
    if output is None and style != "csv":
        raise click.UsageError(
            f"--format {style} can't be printed: expected --output with a file, such as "
            f"`eval-assets report {evaluation} --format {style} --output {evaluation}.{style}`"
            + ("; a folder gets every table behind the report" if style == "parquet" else "")
        )


def is_folder(style: str, output: Path | None, parts: Parts) -> bool:
    """Whether all tables behind the report are asked for, a file each."""
    return style == "parquet" and not parts.rows and output is not None and output.suffix != ".parquet"


def export(loaded: "EvaluationReport", style: str, output: Path | None, parts: Parts) -> None:
    """Write the ranked table, or all rows, in a format; as Parquet into a folder every table behind the report."""
    from eval_assets.reports.exports.export_files import csv_of, write_parquet_file, write_workbook
    from eval_assets.reports.exports.export_frames import ranking_frame, rows_frame
    from eval_assets.reports.rendered.parquet import write_parquet

    if output is not None and is_folder(style, output, parts):
        with writing(output):
            for file in write_parquet(loaded, output):
                say(f"wrote {file}", err=True)
        return
    frame = rows_frame(loaded) if parts.rows else ranking_frame(loaded)
    if style == "csv":
        text = csv_of(frame)
        write_text(text if output else text.removesuffix("\n"), output)
    elif output is not None:
        with writing(output):
            output.parent.mkdir(parents=True, exist_ok=True)
            if style == "parquet":
                write_parquet_file(frame, output)
            elif told := write_workbook(frame, output, sheet="rows" if parts.rows else "ranking"):
                say(told, err=True)
        say(f"wrote {output}", err=True)
