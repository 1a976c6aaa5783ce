"""Functions that files name: whose they may be, and that they run as their files stand."""

import importlib
import os
import py_compile
import sys
from pathlib import Path

import pytest

from eval_assets.config.evaluation import MetricChoice
from eval_assets.config.model import Model, ModelFile
from eval_assets.errors import ConfigError, MetricError
from eval_assets.metrics.aggregations import extra_aggregates
from eval_assets.metrics.custom.calls import load_function
from eval_assets.metrics.custom.source import read_function
from eval_assets.metrics.registry import resolve_metrics
from eval_assets.providers.clients.callable_target import load_target
from eval_assets.providers.clients.opening import open_client
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.identity import implementation_of
from eval_assets.providers.local.embedded import EmbeddedServers
from eval_assets.user_code.naming import load_named
from tests.small_project import FILES, problems_of, project_with

FOREIGN = [
    "subprocess:getoutput",
    "os:system",
    "posix:system",
    "builtins:eval",
    "__main__:main",
    "importlib:import_module",
    "shutil:rmtree",
    "jinja2.utils:urlize",
    "numpy:load",
    "eval_assets.storage.warehouse:Warehouse",
    "eval_assets.config.files.secrets:os.system",
]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project folder with a package and modules; every module imported from it is forgotten again."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delenv("EVAL_ASSETS_MODULES", raising=False)
    (tmp_path / "data" / "models").mkdir(parents=True)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def write(folder: Path, name: str, source: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    return path


@pytest.mark.parametrize("target", FOREIGN)
def test_a_model_may_not_name_a_function_that_is_not_the_projects(project, target):
    with pytest.raises(ConfigError, match=r"expected a module of the project in .*, which is .*EVAL_ASSETS_MODULES"):
        load_target(target, project)


@pytest.mark.parametrize("target", FOREIGN)
def test_check_says_so_for_models_metrics_and_aggregates(project, target):
    metrics = (
        "metrics:\n"
        f"  - {{metric: mine, function: '{target}'}}\n"
        f"  - {{metric: contains, parameters: {{aggregates: ['{target}']}}}}\n"
    )
    changed = {
        "models/echo.yaml": f"provider: callable\ncallable: {target}\n",
        "evaluations/e.yaml": FILES["evaluations/e.yaml"] + metrics,
    }
    said = [
        line for line in problems_of(project_with(project, **changed)) if "expected a module of the project" in line
    ]
    assert [line.partition(": expected")[0] for line in said] == [
        "data/models/echo.yaml:2: callable",
        "data/evaluations/e.yaml:7: metrics[0].function",
        "data/evaluations/e.yaml:8: metrics[1].parameters.aggregates",
    ]


@pytest.mark.parametrize("target", FOREIGN)
def test_a_metric_and_an_aggregate_may_not_name_it_either(project, target):
    with pytest.raises(MetricError, match="expected a module of the project"):
        resolve_metrics("text", (MetricChoice(metric="mine", function=target),), project_dir=project)
    with pytest.raises(MetricError, match="expected a module of the project"):
        extra_aggregates([target], [1.0])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("os.system", "got 'os', which is the module 'os'"),
        ("os.path.join", "got 'os', which is the module 'os'"),
        (
            "getoutput",
            "'getoutput' of 'mine_here' is a function of another module: .* 'subprocess', which is part of Pyth",
        ),
        (
            "evaluate",
            "'evaluate' of 'mine_here' is a function of another module: .* 'builtins', which is part of Python",
        ),
        ("Path.home", "'Path.home' of 'mine_here' is a function of another module: .* 'pathlib'"),
        ("urlize", "is a function of another module: .* 'jinja2.utils', which is installed"),
        ("answer.__globals__", "has no '__globals__'"),
        ("__builtins__", "has no '__builtins__'"),
    ],
)
def test_a_module_of_the_project_does_not_lend_its_name_to_functions_of_others(project, name, said):
    source = """
import os
from pathlib import Path
from subprocess import getoutput

from jinja2.utils import urlize

evaluate = eval

def answer(inputs):
    return inputs
"""
    write(project, "mine_here.py", source)
    with pytest.raises(ConfigError, match=said):
        load_named(f"mine_here:{name}", project)


def test_a_module_elsewhere_on_the_path_is_not_the_projects(project, tmp_path_factory, monkeypatch):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    write(elsewhere, "lies_elsewhere.py", "def answer(inputs):\n    return inputs\n")
    monkeypatch.syspath_prepend(elsewhere)
    with pytest.raises(ConfigError, match=f"'lies_elsewhere', which lies in {elsewhere}"):
        load_named("lies_elsewhere:answer", project)
    monkeypatch.setenv("EVAL_ASSETS_MODULES", "others, lies_elsewhere")
    assert load_named("lies_elsewhere:answer", project)("x") == "x"
    del sys.modules["lies_elsewhere"]


def test_packages_installed_inside_the_folder_of_the_project_are_not_the_projects(project, monkeypatch):
    packages = project / ".venv" / "lib" / "python3.11" / "site-packages"
    write(packages, "vendor_here/__init__.py", "def answer(inputs):\n    return inputs\n")
    monkeypatch.syspath_prepend(packages)
    with pytest.raises(ConfigError, match="'vendor_here', which is installed"):
        load_named("vendor_here:answer", project)


@pytest.mark.parametrize(
    "target",
    [
        *("mine_here:answer", "mine_here:made.answer", "mine_here:ready.format"),
        *("pack_here:answer", "pack_here.inner:answer", "eval_assets.providers.baselines:lead_sentence"),
    ],
)
def test_functions_and_objects_of_the_project_may_be_named(project, target):
    answer = "def answer(inputs):\n    return inputs\n"
    write(project, "pack_here/inner.py", answer)
    write(project, "pack_here/__init__.py", "from pack_here.inner import answer\n")
    maker = "class Maker:\n    def answer(self, inputs):\n        return inputs\n\nmade = Maker()\nready = 'x'\n"
    write(project, "mine_here.py", answer + maker)
    assert callable(load_named(target, project))


def test_a_listed_package_may_be_named_with_its_modules(project, monkeypatch):
    monkeypatch.setenv("EVAL_ASSETS_MODULES", "jinja2")
    assert load_target("jinja2.utils:urlize", project)
    with pytest.raises(ConfigError, match="'json', which is part of Python"):
        load_target("json:loads", project)


def model_of(project: Path, **fields: str) -> Model:
    return Model(name="mine", file=ModelFile(**fields))


def opened(project: Path, model: Model, implementation: str | None):
    models_dir = project / "data" / "models"
    return open_client(model, Surroundings(models_dir, EmbeddedServers()), implementation=implementation)


def test_a_callable_edited_after_its_model_was_materialized_is_refused(project):
    code = write(project, "mine_here.py", "def answer(inputs):\n    return 'old'\n")
    model = model_of(project, provider="callable", callable="mine_here:answer")
    implementation = implementation_of(model, project / "data" / "models")
    assert opened(project, model, implementation)
    code.write_text("def answer(inputs):\n    return 'new'\n")
    with pytest.raises(ConfigError, match=r"callable 'mine_here:answer' as it was when model 'mine' was materialized"):
        opened(project, model, implementation)
    code.write_text("def answer(inputs):\n    return 'old'\n")
    assert opened(project, model, implementation)


def test_a_callable_that_edits_itself_while_it_is_imported_is_refused(project):
    edit = "from pathlib import Path\n\nPath(__file__).write_text(Path(__file__).read_text() + '# more\\n')\n"
    write(project, "mine_here.py", f"{edit}def answer(inputs):\n    return 'old'\n")
    model = model_of(project, provider="callable", callable="mine_here:answer")
    with pytest.raises(ConfigError, match="it was edited since"):
        opened(project, model, implementation_of(model, project / "data" / "models"))


def test_a_file_of_predictions_edited_after_its_model_was_materialized_is_refused(project):
    recorded = write(project, "data/models/run.jsonl", '{"example_id": "a", "output": "old"}\n')
    model = model_of(project, provider="recorded", file="run.jsonl")
    implementation = implementation_of(model, project / "data" / "models")
    recorded.write_text('{"example_id": "a", "output": "new"}\n')
    with pytest.raises(ConfigError, match=r"recorded 'run.jsonl' as it was when model 'mine' was materialized"):
        opened(project, model, implementation)


@pytest.mark.parametrize("edited", ["mine_here.py", "helper_here.py", "lazy_here.py", "deep_here.py"])
def test_a_living_process_runs_code_as_it_stands_helpers_included(project, edited):
    files = {
        "deep_here.py": "WORD = 'old'\n",
        "helper_here.py": "from deep_here import WORD\nEXTRA = ''\n",
        "lazy_here.py": "LATE = ''\n",
        "mine_here.py": "from helper_here import WORD, EXTRA\nOWN = ''\n\n"
        "def answer():\n    from lazy_here import LATE\n    return WORD + EXTRA + OWN + LATE\n",
    }
    for name, source in files.items():
        write(project, name, source)
    assert load_named("mine_here:answer", project)() == "old"
    changed = files[edited].replace("'old'", "'new'").replace("= ''", "= 'new'", 1)
    write(project, edited, changed)
    assert load_named("mine_here:answer", project)().endswith("new")


def test_modules_stay_as_they_are_while_no_file_changes(project):
    write(project, "mine_here.py", "calls = []\n\ndef answer():\n    calls.append(1)\n    return len(calls)\n")
    assert [load_named("mine_here:answer", project)() for _ in range(3)] == [1, 2, 3]


def test_a_compilation_of_the_same_second_and_size_is_not_run_for_the_source(project):
    code = write(project, "mine_here.py", "def answer():\n    return 'old'\n")
    py_compile.compile(str(code), doraise=True)
    stamp = code.stat()
    code.write_text("def answer():\n    return 'new'\n")
    os.utime(code, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert load_named("mine_here:answer", project)() == "new"


def test_a_metric_runs_the_code_whose_hash_its_scores_are_kept_under(project):
    write(project, "limits_here.py", "LIMIT = 1\n")
    write(project, "counts_here.py", "from limits_here import LIMIT\n\ndef limit():\n    return LIMIT\n")
    write(project, "mine_here.py", "from counts_here import limit\n\ndef mine(output):\n    return limit()\n")
    sys.path.append(str(project))
    first = read_function("mine_here:mine", {}, project)
    assert load_function("mine_here:mine", first.code_sha256, project)(output="") == 1
    write(project, "limits_here.py", "LIMIT = 2\n")  # a helper of a helper
    second = read_function("mine_here:mine", {}, project)
    assert first.code_sha256 != second.code_sha256
    assert load_function("mine_here:mine", second.code_sha256, project)(output="") == 2
    with pytest.raises(MetricError, match=r"expected the code of 'mine_here:mine'.* it was edited meanwhile"):
        load_function("mine_here:mine", first.code_sha256, project)


def test_an_aggregate_runs_as_its_file_stands(project):
    sys.path.append(str(project))
    code = write(project, "mine_here.py", "def lowest(scores):\n    return min(scores)\n")
    assert extra_aggregates(["mine_here:lowest"], [1.0, 2.0]) == {"lowest": 1.0}
    code.write_text("def lowest(scores):\n    return -min(scores)\n")
    assert extra_aggregates(["mine_here:lowest"], [1.0, 2.0]) == {"lowest": -1.0}


def test_two_projects_of_one_process_have_modules_of_one_name(project, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    for folder in (project, other):
        write(folder, "word_here.py", f"WORD = {folder.name!r}\n")
        write(folder, "mine_here.py", "from word_here import WORD\n\ndef answer():\n    return WORD\n")
    said = [load_named("mine_here:answer", folder)() for folder in (project, other, project)]
    assert said == [project.name, other.name, project.name]
    for name in ("mine_here", "word_here"):
        sys.modules.pop(name, None)


def test_a_module_written_a_moment_ago_is_found_while_other_threads_import(project, monkeypatch):
    def stumble() -> None:  # as it does where another thread imports from a folder for the first time
        raise RuntimeError("dictionary changed size during iteration")

    absent = project / "later"
    monkeypatch.syspath_prepend(absent)
    with pytest.raises(ConfigError, match="No module"):
        load_target("answers:reply", absent)
    write(absent, "answers.py", "def reply(inputs):\n    return inputs\n")
    monkeypatch.setattr("importlib.invalidate_caches", stumble)

    assert load_target("answers:reply", absent)("hello") == "hello"


def test_a_namesake_that_the_caller_imported_from_elsewhere_gives_way_to_the_projects_module(
    project, tmp_path_factory, monkeypatch
):
    elsewhere = tmp_path_factory.mktemp("notebook")
    write(elsewhere, "namesake.py", "def answer(inputs):\n    return 'of the notebook'\n")
    write(project, "namesake.py", "def answer(inputs):\n    return 'of the project'\n")
    monkeypatch.syspath_prepend(str(elsewhere))
    own = importlib.import_module("namesake")
    found = load_named("namesake:answer", project)
    assert (found("Why?"), own.answer("Why?")) == ("of the project", "of the notebook")
