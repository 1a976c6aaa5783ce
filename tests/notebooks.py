"""Runs notebooks cell by cell, as a kernel does, without one.

python -m tests.notebooks examples/first_evaluation.ipynb     # writes what the cells show into the file
"""

import ast
import json
import linecache
import shutil
import sys
import tempfile
from contextlib import chdir
from pathlib import Path
from types import ModuleType
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]


def executed(notebook: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The notebook with what its cells show, run in a folder.

    Args:
        notebook: As its JSON file has it.
        folder: The working directory.
    """
    kernel = ModuleType("__notebook__")
    sys.modules[kernel.__name__] = kernel
    cells, count = [], 0
    try:
        with chdir(folder):
            for cell in notebook["cells"]:
                if cell["cell_type"] == "code":
                    count += 1
                    shown = _run("".join(cell["source"]), kernel, count)
                    cells.append({**cell, "execution_count": count, "outputs": _outputs(shown, count)})
                else:
                    cells.append(cell)
    finally:
        del sys.modules[kernel.__name__]
    return {**notebook, "cells": cells}


def project_with_datasets(folder: Path) -> Path:
    """A project with the datasets of this repository and nothing else."""
    shutil.copytree(CHECKOUT / "data" / "datasets", folder / "data" / "datasets")
    (folder / "data" / "evaluations").mkdir()
    return folder


def _run(source: str, kernel: ModuleType, count: int) -> Any:
    """Run a cell; the value of its last line, if that is an expression."""
    file = f"<cell {count}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, file, "exec"), vars(kernel))  # noqa: S102  the notebook is ours
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), file, "eval"), vars(kernel))  # noqa: S307  likewise


def _outputs(shown: Any, count: int) -> list[dict[str, Any]]:
    if shown is None:
        return []
    data = {"text/plain": repr(shown).splitlines(keepends=True)}
    if hasattr(shown, "_repr_html_"):
        data = {"text/html": shown._repr_html_().splitlines(keepends=True), **data}
    return [{"data": data, "execution_count": count, "metadata": {}, "output_type": "execute_result"}]


def main() -> None:
    """Write what the cells show into the files."""
    for name in sys.argv[1:]:
        path = Path(name)
        with tempfile.TemporaryDirectory() as folder:
            notebook = executed(json.loads(path.read_text("utf-8")), project_with_datasets(Path(folder)))
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
