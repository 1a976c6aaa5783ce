"""A small project whose candidate goes through several states, computed without Dagster, for tests of what changed."""

import json
import re
import shutil
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path

from eval_assets.config.settings import settings_from
from eval_assets.reports.changes_report import CandidateChange
from eval_assets.stages.compared_since import compared_since
from eval_assets.stages.engine_room import EngineRoom
from tests.small_project import compute_everything, project_with

CODE = '''
import json, re


def answer(messages):
    """The number of the ticket, with courtesy unless it is to be short; every fifth one is not known."""
    text = messages[-1]["content"]
    number = int(re.search(r"ticket (\\\\d+)", text).group(1))
    if "short" in text:
        return f"Reset {number}" if number % 5 else "No idea"
    return f"Please reset {number} in the settings"


def judge(messages):
    """Courtesy is worth five; what is plain as much as the rubric says."""
    text = "\\\\n".join(message["content"] for message in messages)
    score = 5 if "Please reset" in text else 4 if "plain will do" in text else 2
    return json.dumps({"justification": "as asked", "score": score})
'''
KINDLY, SHORT = "## user\nAnswer kindly: {{ inputs }}\n", "## user\nAnswer short: {{ inputs }}\n"
STRICT, MILD = "1 rude, 5 kind", "1 rude, plain will do, 5 kind"
CANDIDATE = "bot@ask"


def rows(*numbers: int, **edited: str) -> str:
    """Lines of the dataset: a ticket for each number, the question of some of them edited."""
    tickets = [
        {
            "example_id": f"t{number}",
            "inputs": f"{edited.get(f't{number}', 'How?')} ticket {number}",
            "targets": f"Reset {number}",
        }
        for number in numbers
    ]
    return "".join(f"{json.dumps(ticket)}\n" for ticket in tickets)


class StateLab:
    """The project: written, computed, and asked what changed.

    Args:
        folder: Its own folder.
    """

    def __init__(self, folder: Path) -> None:
        module = "bot_of_" + re.sub(r"\W", "_", folder.name)
        (folder / f"{module}.py").write_text(CODE.replace("\\\\", "\\"))
        self.folder = folder
        self.files: dict[str, str | None] = {
            "models/echo.yaml": None,
            "models/bot.yaml": f"provider: callable\ncallable: {module}:answer\n",
            "models/referee.yaml": f"provider: callable\ncallable: {module}:judge\n",
            "judges/right.yaml": None,
            "datasets/qa.jsonl": rows(*range(20)),
            "prompts/ask.md": KINDLY,
        }
        self.n_runs = 0
        self.rubric(STRICT)
        self.evaluation()

    def copied(self, parent: Path) -> "StateLab":
        """The same, warehouse included, free to be changed."""
        copy = StateLab(shutil.copytree(self.folder, parent / self.folder.name))
        copy.files, copy.n_runs = dict(self.files), self.n_runs
        return copy

    def rubric(self, rubric: str) -> None:
        judge = {"definition": "Is it kind?", "rubric": rubric, "model": "referee"}
        self.files["judges/kind.yaml"] = json.dumps(judge)

    def evaluation(self, **fields: object) -> None:
        without = ["toxicity", "ari_grade_level", "flesch_kincaid_grade_level", "token_count", "exact_match"]
        declared = {
            "dataset": "qa", "models": ["bot"], "prompts": ["ask"], "judges": ["kind"], "metrics": ["token_f1"],
            "without_metrics": without,
        }  # fmt: skip
        self.files["evaluations/e.yaml"] = json.dumps({**declared, **fields})

    def run(self, limit: int | None = None) -> None:
        """Compute everything as the files stand, or a trial on the first rows."""
        self.n_runs += 1
        project_with(self.folder, **self.files)
        compute_everything(self.folder, run_id=f"run-{self.n_runs}", limit=limit)

    @contextmanager
    def room(self):
        with EngineRoom.from_settings(settings_from({}, data_dir=self.folder / "data")) as room:
            yield room

    def since(self, since: str = "previous", until: str | None = None) -> CandidateChange:
        """The candidate held against a former state."""
        with self.room() as room:
            (change,) = compared_since(room, "e", since=since, until=until).candidates
            return change


def parts(change: CandidateChange, metric: str) -> Mapping[str, float]:
    """Part → the difference it made."""
    return {row["part"]: row["difference"] for row in change.effects if row["metric"] == metric}


def sentences(change: CandidateChange) -> list[str]:
    """What changed."""
    return [cause.sentence for cause in change.causes]
