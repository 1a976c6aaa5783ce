"""From examples to rows of predictions: what goes wrong with one example stays with it."""

import pytest

from eval_assets.config.datasets.examples import Example
from eval_assets.config.evaluation import Evaluation, EvaluationFile
from eval_assets.config.model import Model, ModelFile
from eval_assets.config.prompt import parse_prompt
from eval_assets.stages.cell_inputs import CellInputs, StoredModel
from eval_assets.stages.graph import Cell
from eval_assets.stages.predictions import prediction_frames
from tests.engines import engine_on
from tests.loopback import LoopbackProvider

TEMPLATES = {
    "{{ 1 // inputs.n }}": 0,  # ZeroDivisionError
    "{{ [1, 2][inputs.n] }}": 7,  # UndefinedError
    "{{ 'x' * inputs.n }}": 10**14,  # MemoryError, or the sandbox's word against it
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(inputs.n) }}ok": 100_000,  # RecursionError
    "{{ inputs.n | round(2, 'sideways') if inputs.n else 1 }}": 5,  # FilterArgumentError
    "{{ inputs.n.upper() if inputs.n else 1 }}": 5,  # UndefinedError of an attribute
}


@pytest.mark.parametrize(("template", "bad"), TEMPLATES.items())
def test_an_example_whose_prompt_fails_is_a_failed_row_and_the_others_are_asked(tmp_path, template, bad):
    good = 1 if template.startswith(("{{ 1 //", "{{ [1")) else 0
    with LoopbackProvider() as provider:
        file = ModelFile(provider="openai", model="tiny", base_url=provider.base_url)
        inputs = CellInputs(
            cell=Cell("e", "m", "p"),
            evaluation=Evaluation(name="e", file=EvaluationFile(dataset="d", models=["m"], prompts=["p"], samples=2)),
            model=StoredModel(Model(name="m", file=file), None, 1),
            prompt=parse_prompt("p", f"## user\n{template}\n", file="p.md"),
            prompt_version=1,
            data_versions={},
        )
        examples = [
            Example(f"x{number}", number, {"inputs": {"n": bad if number == 2 else good}}, f"sha-{number}")
            for number in range(5)
        ]
        frames = list(prediction_frames(inputs, examples, engine_on(provider, tmp_path), run_id="run-1"))
    rows = [row for frame in frames for row in frame.iter_rows(named=True)]
    failed = [row for row in rows if row["outcome"] == "error"]
    # Five examples, two samples each; both samples of one example fail.
    assert (len(rows), len(failed)) == (10, 2)
    assert {(row["example_id"], row["error_kind"]) for row in failed} == {("x2", "template")}
    assert all("prompt 'p'" in row["error"] for row in failed)
    assert {row["outcome"] for row in rows if row["example_id"] != "x2"} == {"ok"}
