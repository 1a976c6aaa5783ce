"""The files with which a project begins, as texts: what a person reads first, so their comments teach."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from eval_assets.config.datasets.dataset import TaskType
from eval_assets.starting.column_roles import ColumnRoles

GITIGNORE = """\
# What runs leave behind: tables and replies, and the Dagster instance.
data/warehouse/
.dagster/
__pycache__/
# Where keys often lie.
.env
"""
DEFINITIONS = '''\
"""What Dagster loads: the project in whose folder this file lies. Nothing has to be added here."""

from pathlib import Path

import dagster as dg

import eval_assets as ea

defs = dg.Definitions.merge(
    ea.build_definitions(Path(__file__).parent),
    dg.Definitions(executor=dg.in_process_executor),  # what is materialized by hand needs no process of its own
)
'''
WORKSPACE = """\
# Points `dagster dev` at definitions.py.
load_from:
  - python_file:
      relative_path: definitions.py
      location_name: eval_assets
      working_directory: .
"""
MODEL = "smollm2"
METRICS = {
    "question-answering": "[token_f1, contains]",
    "text-summarization": "[bleu]",
    "text": "[latency]",
    "retriever": "[]",
}
"""Task → metrics that are worth a look besides its own."""
WITHOUT = ("toxicity", "ari_grade_level", "flesch_kincaid_grade_level")
"""Defaults of every task that need what few have, or say nothing of most languages."""
TOLD = {
    "question-answering": ("Answer in one short sentence.", "Answer in as few words as possible."),
    "text-summarization": ("Summarize the text in one sentence.", "Summarize the text in ten words."),
    "text": ("Answer in one short sentence.", "Answer in as few words as possible."),
}
"""Task → what the two prompts tell a model before the row."""
COLUMN = 44
"""Where comments beside a line begin."""


@dataclass(frozen=True, slots=True)
class FirstEvaluation:
    """What the first evaluation is about.

    Args:
        name: Its name.
        data_file: The data file, from the project's folder.
        columns: What the columns are.
        task: What kind of task it is.
        json_columns: Columns whose texts are JSON; null where the file's own types say it.
        fields: Fields of the questions, where these are objects.
        is_conversation: Whether a question is a list of turns.
        model: Name of the model.
        is_model_known: Whether the project has the model, so that its name is enough.
        prompts: Names of the two prompts.
    """

    name: str
    data_file: str
    columns: ColumnRoles
    task: TaskType
    json_columns: Sequence[str] | None
    fields: Sequence[str]
    is_conversation: bool
    model: str
    is_model_known: bool
    prompts: tuple[str, str]

    @property
    def text(self) -> str:
        """The file `data/evaluations/<name>.yaml`."""
        head = (
            "# One evaluation: which rows, which models and prompts, how answers are scored.\n"
            f"# `eval-assets plan {self.name}` says what a run would do and cost, `run` in its place does it.\n"
            "# After an edit only what the edit concerns runs again; an answer that is there is never paid twice.\n"
        )
        return f"{head}\n{self._dataset()}\n{self._models()}\n{self._prompts()}\n{self._scores()}"

    def _dataset(self) -> str:
        ours = {
            "example_id": self.columns.example_id,
            "inputs": self.columns.inputs,
            "targets": self.columns.targets,
            "context": self.columns.context,
        }
        mapped = {name: theirs for name, theirs in ours.items() if name == "example_id" or theirs not in (None, name)}
        written = ", ".join(f"{name}: {plain(theirs)}" for name, theirs in mapped.items() if theirs != name)
        lines = [
            _beside("dataset:", f"the rows, in {self.data_file}"),
            _beside(f"  task: {self.task}", "brings its usual metrics"),
        ]
        if written:
            lines.append(_beside(f"  columns: {{{written}}}", "our name: the file's"))
        if self.columns.example_id is None:
            lines.append("  # example_id: null: the file has no ids, each row is known by what it asks.")
        if self.json_columns is not None:
            said = "texts that are JSON" if self.json_columns else "no text is JSON, whatever it looks like"
            lines.append(_beside(f"  json_columns: [{', '.join(map(plain, self.json_columns))}]", said))
        if self.columns.slices:
            names = ", ".join(map(plain, self.columns.slices))
            lines.append(_beside(f"  slices: [{names}]", "results are given for each of their values too"))
        else:
            lines.append(_beside("  # slices: [language]", "columns whose values results are given for too"))
        lines.append(_beside("  # cluster: customer", "rows with one value here depend on each other"))
        return "\n".join(lines) + "\n"

    def _models(self) -> str:
        return "\n".join(
            [
                "models:",
                *(
                    [_beside(f"  - {self.model}", "defined in another file")]
                    if self.is_model_known
                    else self._embedded()
                ),
                _beside("  # - name: mini", "any OpenAI-compatible endpoint; `base_url` says where"),
                "  #   provider: openai",
                "  #   model: gpt-4o-mini",
                _beside("  #   api_key_env: OPENAI_API_KEY", "the name of the variable, never the key itself"),
                "  #   parameters: {temperature: 0, max_tokens: 256}",
                "  #   prices: {prompt_usd_per_million: 0.15, completion_usd_per_million: 0.60}     # as they are now",
                "",
            ]
        )

    def _embedded(self) -> list[str]:
        return [
            _beside(f"  - name: {self.model}", "how tables and reports call it"),
            _beside("    provider: embedded", "comes along: no key, no network; for trying out, not for answers"),
            "    model: smollm2-135m-instruct",
            _beside('    parameters: {temperature: 0, max_tokens: 64, stop: ["\\n"]}', "sent as they stand"),
            "    limits: {max_concurrency: 2}",
        ]

    def _prompts(self) -> str:
        sentence, brief = self.prompts
        asked = [f"      {line}".rstrip() for line in self._question()]
        one, fewer = TOLD[self.task]
        asked = ['    user: "{{ inputs }}"'] if self.is_conversation else ["    user: |", *asked]
        return "\n".join(
            [
                _beside("prompts:", "each model answers each; {{ … }} stands for the row's value in that column"),
                f"  - name: {sentence}",
                f"    system: {one}",
                *asked,
                f"  - name: {brief}",
                f"    system: {fewer}",
                *asked,
                "",
            ]
        )

    def _question(self) -> list[str]:
        asked = [f"{field}: {{{{ {_variable(field)} }}}}" for field in self.fields] or ["{{ inputs }}"]
        if self.columns.context is None:
            return asked
        return ["{{ context }}", "", *asked]

    def _scores(self) -> str:
        first = f"{self.model}@{self.prompts[0]}"
        lines = [
            _beside(f"metrics: {METRICS[self.task]}", "besides the task's own; also your own functions"),
            _beside(f"without_metrics: [{', '.join(WITHOUT)}]", "a classifier, English readability"),
        ]
        if self.columns.targets is None:
            lines.append("# No column says what is expected. A judge, a model with a rubric, can score without:")
        lines += [
            _beside("# judges: [correctness]", "data/judges/correctness.yaml: definition, rubric, model"),
            _beside(f"baseline: {first}", "the others are compared with it, row by row"),
            _beside(
                "# gates: [{metric: token_f1, max_drop: 0.05}]", f"`eval-assets gate {self.name}` fails where it drops"
            ),
            "",
        ]
        return "\n".join(lines)


def plain(name: str | None) -> str:
    """A column's name as YAML reads it back as text.

    >>> plain("Frage"), plain("Question, text"), plain("no"), plain(None)
    ('Frage', '"Question, text"', '"no"', 'null')
    """
    if name is None:
        return "null"
    is_plain = re.fullmatch(r"[^\W\d][\w.]*( [\w.]+)*", name) and name.lower() not in _WORDS_OF_YAML
    return name if is_plain else json.dumps(name, ensure_ascii=False)


_WORDS_OF_YAML = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def _variable(field: str) -> str:
    return f"inputs.{field}" if field.isidentifier() else f"inputs[{json.dumps(field, ensure_ascii=False)}]"


def _beside(line: str, comment: str) -> str:
    return f"{line:<{COLUMN}} # {comment}" if len(line) <= COLUMN else f"{line}     # {comment}"
