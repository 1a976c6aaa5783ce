"""The house as its files stand: arrows between folders run down, files form no circle, and a name stands once."""

import ast
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
PACKAGE = CHECKOUT / "eval_assets"


def module_of(path: Path) -> str:
    """The dotted name of a file; a package goes by the name of its folder."""
    parts = path.relative_to(CHECKOUT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def trees() -> Mapping[str, ast.Module]:
    """Module → its syntax."""
    return {module_of(path): ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


def names_imported(tree: ast.Module) -> Iterator[str]:
    """Everything that may be a module, wherever the import stands, but for imports that only types need."""
    for_types = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                inner = f"{node.module}.{name.name}"
                yield inner if inner in trees() else node.module


@cache
def imports() -> Mapping[str, AbstractSet[str]]:
    """Module → the modules of the package that it imports, in its functions too."""
    return {module: {name for name in names_imported(tree) if name in trees()} for module, tree in trees().items()}


@cache
def floors() -> Mapping[str, int]:
    """Folder → the number of its floor, from the ground up, as the contract of the linter has them."""
    contracts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    return {folder: floor for floor, row in enumerate(reversed(layers)) for folder in re.findall(r"\w+\.(\w+)", row)}


def circles(arrows: Mapping[str, AbstractSet[str]]) -> list[set[str]]:
    """What can be reached from itself, circle by circle."""

    @cache
    def reached(start: str) -> frozenset[str]:
        found: set[str] = set()
        waiting = [start]
        while waiting:
            new = arrows[waiting.pop()] - found
            found |= new
            waiting += new
        return frozenset(found)

    return [
        circle
        for module in arrows
        if module in reached(module)
        and module == min(circle := {other for other in reached(module) if module in reached(other)})
    ]


def twice(names: Iterator[str]) -> dict[str, int]:
    return {name: n for name, n in Counter(names).items() if n > 1}


def test_every_folder_stands_on_a_floor() -> None:
    folders = {module.split(".")[1] for module in trees() if "." in module} - {"__main__"}
    assert folders == set(floors())


def test_no_arrow_between_folders_runs_up_or_along_a_floor() -> None:
    arrows = defaultdict(set)
    for module, imported in imports().items():
        for other in imported:
            source, target = f"{module}.".split(".")[1], f"{other}.".split(".")[1]
            if source in floors() and target and source != target and floors()[source] <= floors()[target]:
                arrows[source, target].add(f"{module} -> {other}")
    assert dict(arrows) == {}


def test_files_form_no_circle() -> None:
    assert circles(imports()) == []


def test_no_module_name_stands_twice() -> None:
    stems = (path.stem for path in PACKAGE.rglob("*.py") if path.stem not in ("__init__", "__main__"))
    assert twice(stems) == {}


def test_no_class_name_stands_twice() -> None:
    classes = (node.name for tree in trees().values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    assert twice(name for name in classes if not name.startswith("_")) == {}


def test_the_fast_tests_take_the_examples_of_every_folder_without_dagster() -> None:
    contracts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (core,) = (contract for contract in contracts if "dagster" in contract.get("forbidden_modules", []))
    makefile = (CHECKOUT / "Makefile").read_text("utf-8").replace("\\\n", "")
    (listed,) = re.findall(r"^CORE := (.*)$", makefile, re.MULTILINE)
    assert {Path(name).stem for name in listed.split()} == {name.split(".")[1] for name in core["source_modules"]}
