"""What runs leave on disk: tables in the warehouse, and Dagster's history of runs.

The shipped evaluation `retrieval` (44 questions, two candidates, no model) runs in a copy of the project: first over
nothing, then after edits of its prompt, each of which asks both candidates anew, then once more without an edit.

python -m benchmarks.disk
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
EVALUATION = "retrieval"
PROMPT = Path("prompts", "search-question.md")


def size_of(folder: Path) -> tuple[float, int]:
    """Megabytes and number of the files below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files) / 1e6, len(files)


def run(project: Path, *arguments: str) -> None:
    """Run a command on the copy."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EVAL_ASSETS_")}
    environment |= {"DAGSTER_HOME": str(project / ".dagster"), "PYTHONPATH": str(CHECKOUT)}
    (project / ".dagster").mkdir(exist_ok=True)
    command = [sys.executable, "-m", "eval_assets", "--data", str(project / "data"), *arguments]
    subprocess.run(command, env=environment, check=True, capture_output=True)  # noqa: S603  its own interpreter


def main() -> None:
    """Print a line after each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edits", type=int, default=5, help="how often the prompt is edited")
    edits = parser.parse_args().edits
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        shutil.copytree(CHECKOUT / "data", project / "data", ignore=shutil.ignore_patterns("warehouse"))
        prompt = project / "data" / PROMPT
        print("after                     tables MB  files   Dagster's history MB")
        steps = ["first run", *(f"edit {number} of the prompt" for number in range(1, edits + 1)), "nothing changed"]
        for number, step in enumerate(steps):
            if 0 < number <= edits:
                prompt.write_text(f"{prompt.read_text('utf-8')}\nWording {number}.\n", "utf-8")
            run(project, "run", EVALUATION)
            tables, n_files = size_of(project / "data" / "warehouse")
            print(f"{step:<24}  {tables:9.2f}  {n_files:5}  {size_of(project / '.dagster')[0]:8.2f}", flush=True)


if __name__ == "__main__":
    main()
