"""Where things lie and what the environment may change. Variables the project reads are named here, except keys."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from eval_assets.config.project_place import place_named, place_upwards
from eval_assets.errors import ConfigError

DATA_VARIABLE = "EVAL_ASSETS_DATA"
WAREHOUSE_VARIABLE = "EVAL_ASSETS_WAREHOUSE"
STATE_VARIABLE = "EVAL_ASSETS_STATE"
MODULES_VARIABLE = "EVAL_ASSETS_MODULES"
"""Names modules besides the project's whose functions files may name, separated by commas; their submodules too."""

RAY_VARIABLE = "RAY_ADDRESS"
"""Names the Ray cluster that `engine: ray` uses, as Ray itself reads it; without it one is started on this machine."""

VIEWER_VARIABLE = "EVAL_ASSETS_VIEWER_URL"
DAGSTER_VARIABLE = "EVAL_ASSETS_DAGSTER_URL"

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
        key_prefix: Parts before the key of each asset, inside somebody's Dagster deployment.
        group: Group of the assets in Dagster, if the project says one.
        declared_in: The folder whose `eval-assets.toml` says where the others lie; null for a project without one.
        viewer_url: Address of the viewer, for links from the Dagster UI; null for none.
        dagster_url: Address of the Dagster UI, for links from the viewer; null for none.
    """

    data_dir: Path
    warehouse_root: str
    state_dir: Path
    storage_options: Mapping[str, str] = field(default_factory=dict, repr=False)
    key_prefix: tuple[str, ...] = ()
    group: str | None = None
    declared_in: Path | None = None
    viewer_url: str | None = None
    dagster_url: str | None = None

    @property
    def project_dir(self) -> Path:
        """The project's folder, which holds all others unless something says otherwise."""
        return self.declared_in or self.data_dir.parent

    @property
    def home(self) -> Path:
        """Folder of the Dagster instance, where `DAGSTER_HOME` names no other."""
        return self.project_dir / ".dagster"


def listed_modules(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Read `MODULES_VARIABLE`.

    >>> listed_modules({"EVAL_ASSETS_MODULES": "team_metrics, company.models"})
    ('team_metrics', 'company.models')
    """
    names = environment.get(MODULES_VARIABLE, "").split(",")
    return tuple(name.strip() for name in names if name.strip())


def settings_from(
    environment: Mapping[str, str] = os.environ, *, data_dir: Path | None = None, start: Path | None = None
) -> Settings:
    """Find the project and read what the environment says of it; the defaults lie inside the project.

    Args:
        environment: Variables to read; what they say comes before what the project says.
        data_dir: The folder of the files, or of the project; overrides `EVAL_ASSETS_DATA`.
        start: Where the search upwards begins if neither names a project; default the working directory.

    Raises:
        ConfigError: There is no project, or its `eval-assets.toml` can't be used.
    """
    named = data_dir or environment.get(DATA_VARIABLE)
    place = place_named(Path(named)) if named else place_upwards(start or _working_directory())
    data = place.data_dir
    root = environment.get(WAREHOUSE_VARIABLE) or place.warehouse or str(data / "warehouse")
    local_root = Path(root).resolve() if "://" not in root else data / "warehouse"
    state = environment.get(STATE_VARIABLE) or place.state_dir or local_root / "_state"
    return Settings(
        data_dir=data,
        warehouse_root=root if "://" in root else str(local_root),
        state_dir=Path(state).resolve(),
        storage_options=storage_options_from(environment),
        key_prefix=place.key_prefix,
        group=place.group,
        declared_in=place.folder if place.folder != data.parent else None,
        viewer_url=viewer_url(environment),
        dagster_url=web_address(environment.get(DAGSTER_VARIABLE), DAGSTER_VARIABLE),
    )


def storage_options_from(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Read the credentials of an object store.

    >>> storage_options_from({"EVAL_ASSETS_STORAGE_AWS_REGION": "eu-central-1"})
    {'aws_region': 'eu-central-1'}
    """
    return {
        name.removeprefix(STORAGE_OPTION_PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(STORAGE_OPTION_PREFIX)
    }


def viewer_url(environment: Mapping[str, str] = os.environ) -> str | None:
    """Read `VIEWER_VARIABLE`; raises as `web_address` does."""
    return web_address(environment.get(VIEWER_VARIABLE), VIEWER_VARIABLE)


def web_address(url: str | None, where: str) -> str | None:
    """An address that links may lead to, without a slash at its end; null for none.

    Args:
        url: As a person wrote it.
        where: The variable or option that it stands in.

    Raises:
        ConfigError: It is no address of a web page.

    >>> web_address("http://127.0.0.1:3000/", "--dagster-url")
    'http://127.0.0.1:3000'
    """
    if not url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:  # half an address in brackets
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise ConfigError(
            f"{where}: expected an address such as http://127.0.0.1:3000, without a password, got {url!r:.80}"
        )
    return url.rstrip("/")


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise ConfigError(
            "the working directory doesn't exist any more; go to a project, or name one by --data"
        ) from error
