"""Compare the four systems of the GSM8K paper from their recorded solutions, by one `eval-assets run`.

Prints the leaderboard and the accuracies beside the published ones; exits with 1 if they differ. Needs the data of
github.com/openai/grade-school-math in the folder `gsm8k` of EVAL_ASSETS_DATASETS (default ../shared/datasets).
"""

import json
import os
import shutil
import sys
from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import yaml

CHECKOUT = Path(__file__).resolve().parents[1]
PUBLISHED = {"6b_finetuning": 286, "6b_verification": 515, "175b_finetuning": 458, "175b_verification": 742}
SOLUTIONS = "example_model_solutions.jsonl"
CANDIDATE = "{name}@as-recorded"


def write_project(folder: Path, source: Path) -> None:
    """Write the files of an evaluation of the recorded solutions."""
    for kind in ("datasets", "models", "prompts", "evaluations"):
        (folder / kind).mkdir(parents=True)
    rows = [json.loads(line) for line in (source / "test.jsonl").read_text().splitlines()]
    with (folder / "datasets" / "gsm8k.jsonl").open("w") as file:
        for number, row in enumerate(rows):
            example = {"example_id": f"test-{number:04d}", "inputs": row["question"], "targets": row["answer"]}
            file.write(json.dumps(example) + "\n")
    card = {"task": "question-answering", "source": "github.com/openai/grade-school-math", "licence": "MIT"}
    write_yaml(folder / "datasets" / "gsm8k.yaml", card)
    (folder / "prompts" / "as-recorded.md").write_text("## user\n{{ inputs }}\n")
    shutil.copy(source / SOLUTIONS, folder / "models" / SOLUTIONS)
    for name in PUBLISHED:
        columns = {"example_id": None, "output": f"{name}.solution"}
        recorded = {"provider": "recorded", "file": SOLUTIONS, "columns": columns}
        write_yaml(folder / "models" / f"{name}.yaml", recorded)
    evaluation = {
        "dataset": "gsm8k",
        "models": list(PUBLISHED),
        "prompts": ["as-recorded"],
        "metrics": ["numeric_match"],
        "without_metrics": [
            "token_f1",
            "exact_match",
            "toxicity",
            "flesch_kincaid_grade_level",
            "ari_grade_level",
            "token_count",
        ],
        "baseline": CANDIDATE.format(name="6b_finetuning"),
        "gates": [{"metric": "numeric_match", "max_drop": 0.02}],
    }
    write_yaml(folder / "evaluations" / "gsm8k.yaml", evaluation)


def write_yaml(path: Path, content: object) -> None:
    """Write a configuration file."""
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def main() -> None:
    """Run the evaluation in a scratch project and print what came out."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="Keep the project in this folder.")
    arguments = parser.parse_args()
    source = Path(os.environ.get("EVAL_ASSETS_DATASETS", CHECKOUT.parent / "shared" / "datasets")) / "gsm8k"
    if not source.is_dir():
        sys.exit(f"expected the GSM8K files in {source}; set EVAL_ASSETS_DATASETS to the folder that holds gsm8k/")
    with TemporaryDirectory() as scratch:
        data = (arguments.keep or Path(scratch)) / "data"
        write_project(data, source)
        os.environ["DAGSTER_HOME"] = str(data.parent / "dagster")
        os.environ.pop("EVAL_ASSETS_WAREHOUSE", None)
        sys.exit(evaluate(data))


def evaluate(data: Path) -> int:
    """Run, print the leaderboard, compare with the published counts."""
    from eval_assets.cli.main import main as eval_assets
    from eval_assets.config.settings import settings_from
    from eval_assets.reports.rendered.table import report_table
    from eval_assets.stages.engine_room import EngineRoom
    from eval_assets.stages.report_reading import read_report

    eval_assets(["--data", str(data), "run", "gsm8k"])
    with EngineRoom.from_settings(settings_from(data_dir=data)) as engine_room:
        report = read_report(engine_room, "gsm8k")
    print(report_table(report))
    print_pairs(report.comparison)
    print(f"\n{'system':<20} {'solved':>8} {'published':>10}")
    differs = False
    for candidate in report.candidates:
        row = candidate.metrics["numeric_match"]
        solved = round(row["mean"] * row["n_scored"])
        differs |= solved != PUBLISHED[candidate.model] or row["n_scored"] != row["n_total"]
        print(f"{candidate.model:<20} {solved:>8} {PUBLISHED[candidate.model]:>10}")
    return int(differs)


def print_pairs(comparison: pl.DataFrame) -> None:
    """Every two systems on the examples both have: difference in points, interval, p-value, flips behind them."""
    pairs = comparison.filter(pl.col("compared_with").is_not_null()).sort("rank", "compared_with")
    head = f"{'system':<18} {'group':<5} {'compared with':<18} {'points':>7} {'95 % interval':>15} {'p (Holm)':>9}"
    print(f"{head} {'flips up':>9} {'down':>6}")
    for row in pairs.iter_rows(named=True):
        other = row["compared_with"].partition("@")[0]
        low, high = 100 * row["difference_ci_low"], 100 * row["difference_ci_high"]
        print(
            f"{row['model']:<18} {row['tied_group']:<5} {other:<18} {100 * row['difference']:>+7.1f} "
            f"{f'{low:+.1f} to {high:+.1f}':>15} {row['p_value_adjusted']:>9.1g} {row['wins']:>9} {row['losses']:>6}"
        )


if __name__ == "__main__":
    main()
