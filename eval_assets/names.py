"""What everything that Dagster knows of a project is called: as it stands, or under a prefix inside a deployment."""

import json
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eval_assets.config.project_place import KEY_PART, SETTINGS_FILE
from eval_assets.config.settings import Settings
from eval_assets.errors import ConfigError

if TYPE_CHECKING:
    import dagster as dg

GROUP = "evaluation"

READ_FILES = "read_files"
EVALUATE_CELL = "evaluate_cell"
COMPARE = "compare_candidates"
REFRESH_JOB = "refresh"
MAINTAIN_JOB = "maintain"
JOBS = (READ_FILES, EVALUATE_CELL, COMPARE, REFRESH_JOB, MAINTAIN_JOB)


@dataclass(frozen=True, slots=True)
class Names:
    """Names in Dagster, made from our own: `predictions`, `refresh`, `engine_room`.

    Args:
        prefix: Parts that stand before the name of each asset, and of whatever else Dagster wants to be unique.
        group: The group of the assets.
    """

    prefix: tuple[str, ...] = ()
    group: str = GROUP

    def key(self, table: str) -> "dg.AssetKey":
        """The asset of a table."""
        import dagster as dg

        return dg.AssetKey([*self.prefix, table])

    def keys(self, tables: Iterable[str]) -> "list[dg.AssetKey]":
        """The assets of tables."""
        return [self.key(table) for table in tables]

    def table_of(self, key: "dg.AssetKey") -> str | None:
        """The table of an asset; null if the asset isn't of this project.

        >>> import dagster as dg
        >>> names = Names(("evals",))
        >>> names.table_of(names.key("prompts")), names.table_of(dg.AssetKey("prompts"))
        ('prompts', None)
        """
        *prefix, table = key.path
        return table if tuple(prefix) == self.prefix else None

    def op_of(self, table: str) -> str:
        """The op that computes a table, as Dagster derives it from the asset's key."""
        return self.key(table).to_python_identifier()

    def has_job(self, job: str) -> bool:
        """Whether a job is one of this project's, as told from its name."""
        return job in map(self.of, JOBS)

    def of(self, name: str) -> str:
        """The name of a job, op, check's op, sensor, schedule, resource or pool.

        >>> Names().of("refresh"), Names(("team-a", "evals")).of("refresh")
        ('refresh', 'team_a_evals_refresh')
        """
        return "_".join([*(re.sub(r"\W", "_", part, flags=re.ASCII) for part in self.prefix), name])


def plain_names(verb: str, evaluations: Iterable[str]) -> dict[str, str]:
    """Evaluation → a name as Dagster wants it; names that only differ in what Dagster doesn't take are numbered.

    >>> plain_names("evaluate", ["qa-full", "qa_full", "other"])
    {'other': 'evaluate_other', 'qa-full': 'evaluate_qa_full', 'qa_full': 'evaluate_qa_full_2'}
    """
    names: dict[str, str] = {}
    for evaluation in sorted(evaluations):
        plain = name = f"{verb}_{re.sub(r'[^A-Za-z0-9]', '_', evaluation)}"
        number = 1
        while name in names.values():
            number += 1
            name = f"{plain}_{number}"
        names[evaluation] = name
    return names


def names_of(settings: Settings) -> Names:
    """What a project says that everything is called."""
    return Names(settings.key_prefix, settings.group or GROUP)


def names_in_location(settings: Settings, key_prefix: str | Sequence[str] | None, group: str | None) -> Names:
    """What everything is called where a code location chooses.

    Args:
        settings: What the project says; the command line knows nothing else.
        key_prefix: The location's choice; null: as the project says.
        group: The location's choice; null: as the project says.

    Raises:
        ConfigError: The project says another prefix than the location, so the command line's runs would be recorded
            for assets that the location doesn't have.
    """
    own = names_of(settings)
    if key_prefix is None:
        return Names(own.prefix, group or own.group)
    chosen = (key_prefix,) if isinstance(key_prefix, str) else tuple(key_prefix)
    if unusable := [part for part in chosen if not re.fullmatch(KEY_PART, part)]:
        raise ConfigError(f"key_prefix: expected parts of letters, digits, '_' and '-', got {unusable[0]!r}")
    file, line = settings.project_dir / SETTINGS_FILE, f"key_prefix = {json.dumps(chosen)}"
    if own.prefix and own.prefix != chosen:
        raise ConfigError(
            f"{file}: expected {line} as the code location says, got {list(own.prefix)}; `eval-assets run` would "
            "record its runs for other assets; change one of the two, or leave the choice to the file"
        )
    if chosen != own.prefix:
        logging.getLogger(__name__).warning(
            "%s: write %s, so that `eval-assets run` records its runs for the assets of this code location", file, line
        )
    return Names(chosen, group or own.group)
