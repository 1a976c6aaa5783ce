"""In what two versions of a file differ, in words: why a partition is stale, and what changed between two states."""

import difflib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from eval_assets.config.model import ModelFile
from eval_assets.stages.evaluation_parts import Part
from eval_assets.stages.file_versions import MODEL_FIELDS_WITHOUT_EFFECT, FileVersion
from eval_assets.storage.versions import StoredVersion
from eval_assets.wording.numbers import count_text

SINGULAR = {"prompts": "prompt", "models": "model", "judges": "judge"}
VALUE_CHARACTERS = 40
OF_A_TRIAL = "only the first"
"""Begins what is said of results that are of a trial."""


def version_change(
    table: str, name: str, former: StoredVersion, new: FileVersion | StoredVersion, next_version: int
) -> str:
    """One line: which file went from which version to which, and what changed.

    Args:
        table: The table of the file's kind.
        name: Name of the file.
        former: The version the partition was made from.
        new: The file as it stands, or a later version.
        next_version: Number the new content has, or will get.
    """
    head = f"{SINGULAR[table]} {name} v{former.version} → v{next_version}"
    changed = "; ".join(_changed(table, former.content, new.content))
    return f"{head}: {changed}" if changed else head


def evaluation_change(name: str, former: StoredVersion, former_part: Part, part: Part, next_version: int) -> str:
    """One line: what changed in the part of an evaluation that a stage reads; arguments as in `version_change`."""
    head = f"evaluation {name} v{former.version} → v{next_version}"
    changed = list(_changed_part(former_part, part))
    limit = former.content.get("limit")
    if limit is not None and [said.split()[0] for said in changed] == ["slice.first"]:
        return f"{OF_A_TRIAL} {limit} rows were run (--limit)"
    return f"{head}: {'; '.join(changed)}" if changed else head


def source_diff(former: str, new: str) -> list[str]:
    r"""Changed lines of a file, as a unified diff without context.

    >>> source_diff("a\nb", "a\nc")
    ['-b', '+c']
    """
    lines = difflib.unified_diff(former.splitlines(), new.splitlines(), lineterm="", n=0)
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def dataset_change(name: str, former: Mapping[str, str], new: Mapping[str, str]) -> str:
    """One line: how many rows were added, changed and removed.

    Args:
        name: The dataset.
        former: Example id → hash of the rows the partition was made from.
        new: The same of the rows as they stand.

    >>> dataset_change("qa", {"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "4"})
    'dataset qa: 1 row added, 1 row changed'
    """
    counts = {
        "added": len(new.keys() - former.keys()),
        "changed": sum(former[key] != new[key] for key in former.keys() & new.keys()),
        "removed": len(former.keys() - new.keys()),
    }
    said = ", ".join(f"{count_text(count, 'row')} {word}" for word, count in counts.items() if count)
    return f"dataset {name}: {said or 'order, documents or labels changed'}"


def _changed(table: str, former: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    match table:
        case "prompts":
            yield from _changed_messages(former["messages"], new["messages"])
            if former.get("tools") != new.get("tools"):
                yield "tools changed"
            asked = ({"response_format": content.get("response_format")} for content in (former, new))
            yield from _changed_fields(*map(_flat, asked))
        case "models":
            before, after = _flat(_shaping(former)), _flat(_shaping(new))
            yield from _changed_fields({**_defaults(after.keys() - before.keys()), **before}, after)
            if former.get("implementation") != new.get("implementation"):
                yield "the code or file behind it changed"
        case "judges":
            changed = list(_changed_fields(_flat(former["file"]), _flat(new["file"])))
            if _have_changed(former["models"], new["models"]):
                changed.append("its model changed")
            yield from changed or ["how this release asks it, or reads its replies, changed"]
        case _:
            raise ValueError(f"expected prompts, models or judges, got {table!r}")


def _have_changed(former: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> bool:
    """Whether models shape replies in another way; fields that an earlier release didn't have change nothing."""
    if len(former) != len(new):
        return True
    pairs = zip(former, new, strict=True)
    return any(one["name"] != other["name"] or any(_changed("models", one, other)) for one, other in pairs)


def _changed_messages(former: list[dict[str, str]], new: list[dict[str, str]]) -> Iterator[str]:
    if [message["role"] for message in former] != [message["role"] for message in new]:
        yield f"{len(former)} messages → {len(new)} messages"
        return
    for before, after in zip(former, new, strict=True):
        if before["template"] != after["template"]:
            yield f"{before['role']} message changed"


def _changed_part(former: Part, new: Part) -> Iterator[str]:
    before, after = former.get("metrics", {}), new.get("metrics", {})
    for metric in sorted(after.keys() - before.keys()):
        yield f"metric {metric} added"
    for metric in sorted(before.keys() - after.keys()):
        yield f"metric {metric} removed"
    for metric in sorted(metric for metric in before.keys() & after.keys() if before[metric] != after[metric]):
        yield f"metric {metric} has another version, parameters or code"
    fields = ({name: value for name, value in part.items() if name != "metrics"} for part in (former, new))
    yield from _changed_fields(*map(_flat, fields))


def _shaping(content: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a model file that shape results."""
    return {key: value for key, value in content["file"].items() if key not in MODEL_FIELDS_WITHOUT_EFFECT}


def _defaults(names: Collection[str]) -> dict[str, Any]:
    """What fields meant that a model file of an earlier release didn't have."""
    defaults = _flat(ModelFile.model_construct(provider="openai").model_dump(mode="json"))
    return {name: defaults[name] for name in names if name in defaults}


def _changed_fields(former: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for field in sorted(former.keys() | new.keys()):
        before, after = former.get(field), new.get(field)
        if before != after:
            yield f"{field} {_short(before)} → {_short(after)}"


def _flat(fields: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted names."""
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, Mapping) and value:
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _short(value: Any) -> str:
    text = "absent" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= VALUE_CHARACTERS else text[: VALUE_CHARACTERS - 1] + "…"
