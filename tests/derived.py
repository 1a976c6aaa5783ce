"""Write what is derived from the code, pages and schemas: `make derived`, or python -m tests.derived."""

import runpy

MODULES = (
    "test_architecture_page",
    "test_commands_page",
    "test_files_page",
    "test_judge_reply_forms",
    "test_metric_docs",
    "test_schemas",
)
"""Tests that hold a derived file, and write it when they are run as a program."""

DERIVED = frozenset(
    {
        "docs/architecture.md",
        "docs/commands.md",
        "docs/files.md",
        "docs/judge-replies.md",
        "docs/metrics.md",
        *(f"eval_assets/schemas/{kind}.json" for kind in ("alert", "dataset", "evaluation", "judge", "model")),
    }
)

if __name__ == "__main__":
    for module in MODULES:
        runpy.run_module(f"tests.unit.{module}", run_name="__main__")
