"""Where things lie and what the environment may change. Variables the project reads are named here, except keys."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]

DATA_VARIABLE = "EVAL_ASSETS_DATA"
WAREHOUSE_VARIABLE = "EVAL_ASSETS_WAREHOUSE"
STATE_VARIABLE = "EVAL_ASSETS_STATE"
MODULES_VARIABLE = "EVAL_ASSETS_MODULES"
"""Names modules besides the project's whose functions files may name, separated by commas; their submodules too."""

STORAGE_OPTION_PREFIX = "EVAL_ASSETS_STORAGE_"


@dataclass(frozen=True)
class Settings:
    """Folders of a project.

    Args:
        data_dir: The files users edit.
        warehouse_root: Root of the Delta tables: a folder or an object store URL.
        state_dir: Local folder for reply journals and locks.
        storage_options: Credentials of an object store, from `EVAL_ASSETS_STORAGE_<option>`; delta-rs also reads the
            usual variables of each cloud by itself.
    """

    data_dir: Path
    warehouse_root: str
    state_dir: Path
    storage_options: Mapping[str, str] = field(default_factory=dict, repr=False)


def listed_modules(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Read `MODULES_VARIABLE`.

    >>> listed_modules({"EVAL_ASSETS_MODULES": "team_metrics, company.models"})
    ('team_metrics', 'company.models')
    """
    names = environment.get(MODULES_VARIABLE, "").split(",")
    return tuple(name.strip() for name in names if name.strip())


def settings_from(environment: Mapping[str, str] = os.environ, *, data_dir: Path | None = None) -> Settings:
    """Read the settings from environment variables; the defaults lie inside the checkout.

    Args:
        environment: Variables to read.
        data_dir: Overrides `EVAL_ASSETS_DATA`.
    """
    data = (data_dir or Path(environment.get(DATA_VARIABLE) or CHECKOUT / "data")).resolve()
    root = environment.get(WAREHOUSE_VARIABLE) or str(data / "warehouse")
    local_root = Path(root).resolve() if "://" not in root else data / "warehouse"
    return Settings(
        data_dir=data,
        warehouse_root=root if "://" in root else str(local_root),
        state_dir=Path(environment.get(STATE_VARIABLE) or local_root / "_state").resolve(),
        storage_options={
            name.removeprefix(STORAGE_OPTION_PREFIX).lower(): value
            for name, value in environment.items()
            if name.startswith(STORAGE_OPTION_PREFIX)
        },
    )
