"""The page about the architecture says what the table of stages and the contract of floors say.

After a change of either: python -m tests.unit.test_architecture_page
"""

import re
import tomllib
from pathlib import Path

from eval_assets.config.evaluation import Evaluation
from eval_assets.stages.evaluation_parts import EvaluationContent
from eval_assets.stages.stage_table import STAGES
from tests.derived_parts import with_parts

CHECKOUT = Path(__file__).parents[2]
PAGE = CHECKOUT / "docs" / "architecture.md"
FULL = EvaluationContent(
    evaluation=Evaluation.model_validate(
        {
            "name": "any",
            "file": {
                "dataset": "d",
                "models": ["m", "n"],
                "prompts": ["p"],
                "judges": ["j"],
                "pairwise": {"judge": "j"},
            },
        }
    ),
    metric_fingerprints={"exact_match": "0"},
    cluster="topic",
    slices=("topic",),
)


def picture() -> str:
    """The graph of stages, for Mermaid."""
    boxes = [f"    {table}[{table} <br/> <i>{stage.unit}</i>]" for table, stage in STAGES.items()]
    arrows = [
        f"    {upstream} --> {table}"
        for table, stage in STAGES.items()
        for upstream in (*stage.inputs, *(("evaluations",) if stage.reads else ()))
    ]
    paid = ",".join(table for table, stage in STAGES.items() if stage.pays)
    styles = ["    classDef paid stroke-width:3px", f"    class {paid} paid"]
    return "\n".join(
        ["```mermaid", "graph LR", *boxes, *arrows, *styles, "```", "", "Thick: sends requests to models."]
    )


def table_of_stages() -> str:
    """One line per stage."""
    lines = ["| Stage | A partition is | Made from | Reads of the evaluation | Written with it |", "|" + " --- |" * 5]
    for table, stage in STAGES.items():
        unit = {"file": "a file", "cell": "a cell", "evaluation": "an evaluation"}[stage.unit]
        parts = "" if stage.reads is None else ", ".join(stage.reads(FULL))
        cells = (f"`{table}`", unit, _listed(stage.inputs), parts, _listed(stage.written_with))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def floors() -> str:
    """The floors from the ground up, each folder with the first sentence of its docstring."""
    contracts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    lines = ["| Floor | Folder or module | What lives there |", "| ---: | --- | --- |"]
    for floor, row in enumerate(reversed(layers)):
        lines += [f"| {floor} | `{name}` | {_sentence(name)} |" for name in re.findall(r"\w+\.(\w+)", row)]
    return "\n".join(lines)


PARTS = {"picture": picture, "stages": table_of_stages, "floors": floors}


def _listed(names: object) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _sentence(name: str) -> str:
    folder = CHECKOUT / "eval_assets" / name
    source = (folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")).read_text("utf-8")
    docstring = source.split('"""')[1]
    return " ".join(docstring.partition("\n\n")[0].split()).partition(". ")[0].rstrip(".")


def test_the_page_about_the_architecture_is_true() -> None:
    page = PAGE.read_text("utf-8")
    assert all(f"<!-- {name} -->" in page for name in PARTS)
    assert page == with_parts(page, PARTS)


if __name__ == "__main__":
    PAGE.write_text(with_parts(PAGE.read_text("utf-8"), PARTS), "utf-8")
