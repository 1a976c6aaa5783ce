"""A project's copies of the JSON schemas: where they lie, and the line by which a YAML file names its own.

An editor has to find a schema from the file that is open, without the network and whatever environment is active: so a
project keeps copies beside its data. The schemas themselves are derived from the models in `config` by
`make derived`.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

SHIPPED = Path(__file__).parent
COPIES = Path(".eval-assets", "schemas")
"""Where they lie in a project; meant to be committed with its files."""

FILE_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "datasets": "dataset.json",
        "models": "model.json",
        "judges": "judge.json",
        "evaluations": "evaluation.json",
        "alerts": "alert.json",
    }
)
"""Folder of `data/` whose files are YAML → the schema of such a file."""


def schema_line(kind: str, file: Path, project_dir: Path) -> str:
    """The first line of a YAML file by which editors find its schema.

    Args:
        kind: The folder of `data/` that the file belongs to, such as `evaluations`.
        file: Where the YAML file lies.
        project_dir: The project's folder.

    >>> schema_line("evaluations", Path("/shop/data/evaluations/support.yaml"), Path("/shop"))
    '# yaml-language-server: $schema=../../.eval-assets/schemas/evaluation.json'
    """
    schema = os.path.relpath(project_dir / COPIES / FILE_NAMES[kind], file.parent)
    return f"# yaml-language-server: $schema={Path(schema).as_posix()}"


def write_schemas(project_dir: Path) -> list[Path]:
    """Write a project's copies, those that are missing or of another version; give the ones that were written."""
    (project_dir / COPIES).mkdir(parents=True, exist_ok=True)
    outdated = outdated_schemas(project_dir)
    for path in outdated:
        path.write_bytes((SHIPPED / path.name).read_bytes())
    return outdated


def outdated_schemas(project_dir: Path) -> list[Path]:
    """Copies of a project that are missing or say something else than the schemas of this version."""
    paths = [project_dir / COPIES / name for name in FILE_NAMES.values()]
    return [path for path in paths if not path.is_file() or path.read_bytes() != (SHIPPED / path.name).read_bytes()]


def keeps_schemas(project_dir: Path) -> bool:
    """Whether a project has copies at all: one whose files name no schema needs none."""
    return (project_dir / COPIES).is_dir()
