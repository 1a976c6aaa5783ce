"""The table of shipped metrics in docs/metrics.md says what the registry says.

After a change of the registry: python -m tests.unit.test_metric_docs
"""

import json
from functools import partial
from inspect import getdoc
from pathlib import Path

from eval_assets.metrics.definition import REQUIRED
from eval_assets.metrics.registry import METRICS

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
BEGIN, END = "<!-- shipped metrics -->\n", "<!-- /shipped metrics -->"
BETTER = {True: "higher", False: "lower", None: "neither"}
HEADER = ("Metric", "Version", "What it is", "Range", "Better", "Needs", "Library", "Parameters")


def table_of_metrics():
    """One line of Markdown for each metric of the registry."""
    lines = ["| " + " | ".join(HEADER) + " |", "|" + " --- |" * len(HEADER)]
    for name, metric in METRICS.items():
        scorer = metric.scorer.keywords["measure"] if isinstance(metric.scorer, partial) else metric.scorer
        what = " ".join(getdoc(scorer).partition("\n\n")[0].split()).removesuffix(".").replace("|", "\\|")
        low, high = (f"{bound:g}".replace("-", "−") if bound is not None else None for bound in metric.range)
        bounds = "no bounds" if low is None else f"{low} to {high}" if high is not None else f"from {low}"
        libraries = ", ".join(metric.libraries) + (f" (extra `{metric.extra}`)" if metric.extra else "")
        parameters = ", ".join(
            f"`{key}`" if value.default == REQUIRED else f"`{key}: {written(value.default)}`"
            for key, value in metric.parameters.items()
        )
        columns = (
            metric.version,
            what,
            bounds,
            BETTER[metric.greater_is_better],
            ", ".join((*metric.needs, *metric.reads)),
        )
        lines.append("| " + " | ".join((f"`{name}`", *columns, libraries, parameters)) + " |")
    return "\n".join(lines) + "\n"


def written(value):
    """A default as an evaluation file has it."""
    return value if isinstance(value, str) and value else json.dumps(value)


def test_the_page_about_metrics_lists_the_registry():
    assert PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0] == table_of_metrics()


if __name__ == "__main__":
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}{table_of_metrics()}{END}{rest.partition(END)[2]}", "utf-8")
