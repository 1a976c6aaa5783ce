"""What a function of Python code is cached by: everything that decides what it does, and nothing else."""

import functools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from eval_assets.errors import ConfigError
from eval_assets.user_code.extracting import importable_name, module_text
from eval_assets.user_code.fingerprints import UnhashableCodeError, function_fingerprint
from eval_assets.user_code.naming import target_of

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def module(monkeypatch) -> Callable[[str], ModuleType]:
    """Makes a module of a source, as a notebook makes its own."""

    def made(source: str) -> ModuleType:
        found = ModuleType("some_notebook")
        monkeypatch.setitem(sys.modules, "some_notebook", found)
        exec(compile(source, "<notebook>", "exec"), vars(found))  # noqa: S102  sources of these tests
        return found

    return made


APP = """
import json
PROMPT = "Answer: {}"
def helper(text):
    return text.strip()
def unused():
    return 1
class Client:
    name = "a"
    def ask(self, text):
        return helper(text)
def app(inputs, suffix="."):
    return PROMPT.format(helper(inputs)) + suffix + json.dumps(Client().ask(inputs))
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"."', '"!"'),  # a default
        ("Answer", "Reply"),  # a value it names
        ("text.strip()", "text.lower()"),  # a function it names
        ("return helper(text)", "return text"),  # a method of a class it names
        ('name = "a"', 'name = "b"'),  # an attribute of that class
        ("helper(inputs)", "helper(inputs or '')"),  # its own code
        ("import json", "import pickle as json"),  # a module it names
    ],
)
def test_whatever_it_does_differently_is_another_function(module, before, after):
    assert before in APP
    was, now = module(APP).app, module(APP.replace(before, after)).app
    assert function_fingerprint(was) != function_fingerprint(now)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def app", "# a comment\n\n\ndef app"),
        ("return 1", "return 2"),  # a function it doesn't name
        ("PROMPT.format(helper(inputs))", "PROMPT.format(helper(inputs)   )"),
    ],
)
def test_what_changes_nothing_it_does_is_the_same_function(module, before, after):
    was, now = module(APP).app, module(APP.replace(before, after)).app
    assert function_fingerprint(was) == function_fingerprint(now)


def test_closures_and_bound_values_count(module):
    source = "def made(held):\n    def app(inputs):\n        return inputs + held\n    return app\n"
    made = module(source).made
    assert function_fingerprint(made("a")) == function_fingerprint(made("a"))
    assert function_fingerprint(made("a")) != function_fingerprint(made("b"))
    app = module("def app(inputs, k):\n    return inputs * k\n").app
    assert function_fingerprint(functools.partial(app, k=1)) != function_fingerprint(functools.partial(app, k=2))


def test_objects_of_the_users_classes_count_by_class_and_what_they_hold(module):
    source = (
        "class App:\n"
        "    def __init__(self, k):\n        self.k = k\n"
        "    def __call__(self, inputs):\n        return inputs * self.k\n"
        "    def answer(self, inputs):\n        return inputs\n"
    )
    made = module(source).App
    assert function_fingerprint(made(1)) == function_fingerprint(made(1))
    assert function_fingerprint(made(1)) != function_fingerprint(made(2))
    assert function_fingerprint(made(1).answer) != function_fingerprint(made(2).answer)


def test_functions_that_call_each_other_and_caches_are_hashed(module):
    source = (
        "import functools\n"
        "def even(n):\n    return n == 0 or odd(n - 1)\n"
        "def odd(n):\n    return n != 0 and even(n - 1)\n"
        "@functools.cache\ndef known(n):\n    return n + 1\n"
        "def app(inputs):\n    return str(even(len(inputs)) + known(1))\n"
    )
    was, now = module(source).app, module(source.replace("n + 1", "n + 2")).app
    assert function_fingerprint(was) != function_fingerprint(now)
    assert function_fingerprint(now) == function_fingerprint(module(source.replace("n + 1", "n + 2")).app)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import threading\nlock = threading.Lock()\ndef app(x):\n    return lock", "'lock', which 'app' names, is an"),
        ("def made(held):\n    return lambda x: held\napp = made(object())", "'held', which '<lambda>' closes over,"),
        ("def app(x, by=object()):\n    return x", "a default of 'app'.* is an object of builtins.object"),
        ("import re\nknown = {'a': [object()]}\ndef app(x):\n    return known", r"\['a'\]\[0\] is an object of"),
    ],
)
def test_what_has_no_hash_is_named(module, source, said):
    with pytest.raises(UnhashableCodeError, match=said):
        function_fingerprint(module(source).app)


def test_a_fingerprint_is_the_same_in_every_process(tmp_path):
    (tmp_path / "notebook_code.py").write_text(APP + "NAMES = {'b', 'a', 'c'}\ndef other(x):\n    return x in NAMES\n")
    code = (
        "import notebook_code as n; from eval_assets.user_code.fingerprints import function_fingerprint as f;"
        "print(f(n.app), f(n.other))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": f"{CHECKOUT}:{tmp_path}", "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


def test_a_function_of_the_project_goes_by_its_name_and_others_by_none(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "apps_here.py").write_text(
        "import functools\ndef app(inputs):\n    return inputs\nwrapped = functools.wraps(app)(lambda inputs: inputs)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import apps_here

    assert target_of(apps_here.app, tmp_path) == "apps_here:app"
    assert target_of(apps_here.wrapped, tmp_path) is None  # the module's `app` is another function
    assert target_of(lambda inputs: inputs, tmp_path) is None
    assert target_of(module_text, tmp_path) is None  # of this package
    assert target_of(len, tmp_path) is None
    (tmp_path / "apps_here.py").write_text("def app(inputs):\n    return 'new'\n")
    with pytest.raises(ConfigError, match=r"apps_here.py was edited since it was imported here"):
        target_of(apps_here.app, tmp_path)
    del sys.modules["apps_here"]


def scored(output: Any) -> float:
    return float(len(importable_name(output)) > len(CHECKOUT_NAME))


CHECKOUT_NAME = "a"


def test_a_function_is_written_with_what_it_names(monkeypatch):
    text = module_text({"scored": scored})
    assert text == (
        "from eval_assets.user_code.extracting import importable_name\nfrom typing import Any\n\n"
        "CHECKOUT_NAME = 'a'\n\n\n"
        "def scored(output: Any) -> float:\n"
        "    return float(len(importable_name(output)) > len(CHECKOUT_NAME))\n"
    )
    space: dict[str, Any] = {}
    exec(text, space)  # noqa: S102  as above
    assert space["scored"]("abc") == 1.0


@pytest.mark.parametrize("value", ["sk-0123456789abcdefghij", "held by the environment"])
def test_a_secret_is_never_written(monkeypatch, value):
    monkeypatch.setenv("SOME_API_KEY", "held by the environment")
    monkeypatch.setitem(globals(), "CHECKOUT_NAME", value)
    with pytest.raises(ConfigError, match="'scored' names 'CHECKOUT_NAME', which holds a secret") as raised:
        module_text({"scored": scored})
    assert value not in str(raised.value)


def test_a_function_that_names_what_has_no_text_is_refused(monkeypatch):
    monkeypatch.setitem(globals(), "CHECKOUT_NAME", object())
    with pytest.raises(ConfigError, match="'scored' names 'CHECKOUT_NAME', which has no text: an object of object"):
        module_text({"scored": scored})
