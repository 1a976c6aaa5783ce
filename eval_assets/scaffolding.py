"""What `dg scaffold defs eval_assets.EvaluationProjectComponent NAME` writes: `defs.yaml`, and a small project."""

import json
import re
from pathlib import Path

import dagster as dg
from pydantic import BaseModel, Field

from eval_assets.config.project_place import SETTINGS_FILE, ProjectPlace, place_named
from eval_assets.errors import ConfigError
from eval_assets.schemas.copies import schema_line, write_schemas
from eval_assets.starting.first_files import GITIGNORE

EXAMPLES = [
    {
        "example_id": "refund",
        "inputs": "How long does a refund take?",
        "targets": "Five working days.",
        "context": "We answer every message on the day it comes. A refund takes five working days.",
    },
    {
        "example_id": "hours",
        "inputs": "When is support available?",
        "targets": "From nine to five, Monday to Friday.",
        "context": "Support is available from nine to five, Monday to Friday. On holidays we are closed.",
    },
    {
        "example_id": "address",
        "inputs": "How do I change the address of an order?",
        "targets": "Open the order and choose Edit address.",
        "context": "Orders are sent within a day. To change the address, open the order and choose Edit address.",
    },
]

FILES = {
    "data/datasets/questions.yaml": """\
description: Three questions to begin with; replace them by yours.
task: question-answering
# Rows that are one of your assets: name its key under `upstream` in defs.yaml, and say here where they lie:
# rows: {delta: "${LAKE}/support_tickets"}     # or {parquet: …}, {sql: {url_env: …, query: …}},
# rows: {asset: true}                          # or as the asset's IO manager loads them
""",
    "data/datasets/questions.jsonl": "".join(f"{json.dumps(row)}\n" for row in EXAMPLES),
    "data/prompts/ask.md": """\
---
description: Answers from the context alone.
---
## user
Context: {{ context }}
Question: {{ inputs }}
""",
    "data/models/application.yaml": """\
description: Your application, here the function `answer` of answering.py.
provider: callable
callable: answering:answer
# A model that is served:  provider: openai,  model: gpt-4o-mini,  api_key_env: OPENAI_API_KEY
""",
    "data/models/best-sentence.yaml": """\
description: A floor to compare with; the sentence of the context that shares most words with the question.
provider: callable
callable: eval_assets.providers.baselines:best_sentence
""",
    "data/evaluations/first.yaml": """\
description: Your application against a baseline, example by example.
dataset: questions
models: [application, best-sentence]
prompts: [ask]
metrics: [token_f1, contains]
without_metrics: [toxicity, ari_grade_level, flesch_kincaid_grade_level]     # defaults of the task
baseline: best-sentence@ask
gates: [{metric: token_f1, max_drop: 0.05, tier: advisory}]     # advisory warns, critical fails
""",
    "answering.py": '''\
"""What is evaluated: replace it by a call of your application."""


def answer(inputs: str, context: str) -> str:
    """Answer with the last sentence of the context."""
    return context.rstrip(".").split(". ")[-1] + "."
''',
    ".gitignore": GITIGNORE,
}


class ScaffoldParams(BaseModel):
    """What the scaffolder may be told."""

    project: str | None = Field(
        None, description="Folder of a project that is there already; a small one is written when absent."
    )


class ProjectScaffolder(dg.Scaffolder[ScaffoldParams]):
    """Writes `defs.yaml`, and unless one is named a small project beside the code, which runs as it stands."""

    @classmethod
    def get_scaffold_params(cls) -> type[ScaffoldParams]:
        """Options of the command."""
        return ScaffoldParams

    def scaffold(self, request: dg.ScaffoldRequest[ScaffoldParams]) -> None:
        """Write what is asked for."""
        name = re.sub(r"\W", "_", request.target_path.name, flags=re.ASCII)
        root = (request.project_root or Path.cwd()).resolve()
        if request.params.project:
            folder = Path(request.params.project).resolve()
            prefix = _place_of(folder).key_prefix or (name,)
        else:
            folder, prefix = root / name, (name,)
            write_project(folder, key_prefix=name)
        shown = f"{{{{ context.project_root }}}}/{folder.relative_to(root)}" if folder.is_relative_to(root) else folder
        dg.scaffold_component(request, {"project": str(shown), "key_prefix": list(prefix), "group": name})


def write_project(folder: Path, *, key_prefix: str) -> None:
    """Write a small project that runs as it stands.

    Args:
        folder: Where; made if it is absent.
        key_prefix: What its `eval-assets.toml` says, so that the command line goes by the same names as the component.

    Raises:
        ConfigError: The folder holds something already, which stays as it is.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(
            f"{folder}: expected no folder, or an empty one, to write a project into; choose another name, or name the "
            f"project that is there: --project {folder}"
        )
    settings = f'key_prefix = ["{key_prefix}"]     # of the assets in Dagster, for `eval-assets run` too\n'
    for name, content in {SETTINGS_FILE: settings, **FILES}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        head = f"{schema_line(path.parent.name, path, folder)}\n" if path.suffix == ".yaml" else ""
        path.write_text(head + content, encoding="utf-8")
    write_schemas(folder)


def _place_of(folder: Path) -> ProjectPlace:
    """A project that is there; raises ConfigError if there is none."""
    place = place_named(folder)
    if not (place.data_dir / "evaluations").is_dir():
        raise ConfigError(
            f"{folder}: expected a project, a folder that holds data/evaluations/; leave --project out to start one"
        )
    return place
