"""Recorded trajectories of tau-bench's shape as a project: conversations, several trials of a task, a reward each."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.public_judgements import DATASETS

PUBLISHED = DATASETS / "tau_bench" / "gpt-4o-airline.json"
"""Yao et al. 2024, MIT, https://github.com/sierra-research/tau-bench."""

FILES = {
    "datasets/tasks.yaml": "task: text\n",
    "prompts/policy.md": "## user\n{{ messages }}\n",
    "models/agent.yaml": "provider: recorded\nfile: agent.jsonl\ncolumns: {sample_index: trial}\n",
    "models/rewards.yaml": "provider: recorded\nfile: rewards.jsonl\n"
    "columns: {sample_index: trial, candidate: model, output: reward}\n",
    "judges/reward.yaml": "definition: Does the database end as it should?\nscale: {type: pass_fail}\nmodel: rewards\n",
    "evaluations/airline.yaml": "dataset: tasks\nmodels: [agent]\nprompts: [policy]\nsamples: 4\njudges: [reward]\n"
    "metrics: [{metric: tool_call_recall, parameters: {column: actions}}, tool_call_validity]\n"
    "without_metrics: [toxicity, ari_grade_level, flesch_kincaid_grade_level, token_count]\n",
}


def write_trajectories(folder: Path, trials: Sequence[Mapping[str, Any]]) -> Path:
    """Write tau-bench's trials as a project, and return its `data/`.

    Args:
        folder: Of the project.
        trials: `task_id`, `trial`, `reward`, `traj`, and `info.task.actions`, as tau-bench writes them.
    """
    tasks = {trial["task_id"]: trial for trial in trials}
    rows = [
        {"example_id": str(task), "inputs": trial["traj"][:2], "actions": trial["info"]["task"]["actions"]}
        for task, trial in tasks.items()
    ]
    said = [{"example_id": str(t["task_id"]), "trial": t["trial"], "output": t["traj"]} for t in trials]
    words = ("fail", "pass")
    rewards = [
        {"example_id": str(t["task_id"]), "trial": t["trial"], "model": "agent", "reward": words[int(t["reward"])]}
        for t in trials
    ]
    lines = {"datasets/tasks.jsonl": rows, "models/agent.jsonl": said, "models/rewards.jsonl": rewards}
    written = {name: "".join(json.dumps(row) + "\n" for row in found) for name, found in lines.items()}
    for name, text in {**FILES, **written}.items():
        (folder / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "data" / name).write_text(text, encoding="utf-8")
    return folder / "data"
