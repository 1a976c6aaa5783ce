"""Images in the messages of a row that are files: found, looked at, and known by their content.

They aren't copied into tables: a row holds their hash, so that another picture under the same name is another row. They
are read again when they are sent, in `providers.images`.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eval_assets.config.files.file_states import file_sha256
from eval_assets.config.problems import Problem
from eval_assets.requests.conversations import conversation_in, images_in

MOST_BYTES = 20 * 2**20
SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"GIF8", 0, "image/gif"),
    (b"WEBP", 8, "image/webp"),
)
"""How the files begin that models take, where in them, and what they are."""
ELSEWHERE = ("http://", "https://", "data:")
SHA256 = "sha256"
"""Field that a file's image has in tables and request keys, and that is not sent."""


def know_images(columns: dict[str, Any], folder: Path, *, file: str, line: int) -> list[Problem]:
    """Give each image of a row that is a file the hash of its content; addresses and data URLs stay as they are.

    Args:
        columns: The row's; conversations with files in them are replaced.
        folder: Where paths begin, and which no path leaves: the folder of the dataset's card.
        file: How a problem names the row's file.
        line: Of the row.
    """
    problems: list[Problem] = []
    for name, value in list(columns.items()):
        if not isinstance(value, list | dict):
            continue
        found = conversation_in(value)
        if found is None or not any(isinstance(message.get("content"), list) for message in found):
            continue
        messages = [_known(message, folder, problems, Problem(file, "", line, name)) for message in found]
        columns[name] = {"messages": messages} if isinstance(value, dict) else messages
    return problems


def image_paths(columns: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    """The files of a row's images.

    Args:
        columns: As `know_images` leaves them.
        folder: As there.
    """
    for value in columns.values():
        found = conversation_in(value) if isinstance(value, list | dict) else None
        yield from (folder / image["url"] for image in images_in(found or ()) if SHA256 in image)


def media_type_of(beginning: bytes) -> str | None:
    """What an image is, told from its first bytes; null if it is none that models take."""
    return next((kind for sign, at, kind in SIGNATURES if beginning[at : at + len(sign)] == sign), None)


def image_file(url: str, folder: Path) -> Path:
    """The file that an image names.

    Raises:
        ValueError: It lies elsewhere, is absent or too large, or is no image.
    """
    path = (folder / url).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ValueError(f"expected an image below {folder.name}/, got {url!r}; paths begin there and don't leave it")
    if not path.is_file():
        raise ValueError(f"expected an image, an address or a data URL, there is no file {folder.name}/{url}")
    if (size := path.stat().st_size) > MOST_BYTES:
        raise ValueError(f"expected an image of at most {MOST_BYTES >> 20} MiB, {url!r} has {size / 2**20:.1f}")
    with path.open("rb") as opened:
        if media_type_of(opened.read(16)) is None:
            kinds = ", ".join(kind.removeprefix("image/") for _, _, kind in SIGNATURES)
            raise ValueError(f"expected an image of {kinds}, {url!r} is none by its first bytes")
    return path


def _known(message: Mapping[str, Any], folder: Path, problems: list[Problem], place: Problem) -> Mapping[str, Any]:
    content = message.get("content")
    if not isinstance(content, list):
        return message
    return {**message, "content": [_part(part, folder, problems, place) for part in content]}


def _part(part: Any, folder: Path, problems: list[Problem], place: Problem) -> Any:
    image = part.get("image_url") if isinstance(part, Mapping) else None
    image = {"url": image} if isinstance(image, str) else image
    url = image.get("url") if isinstance(image, Mapping) else None
    if not isinstance(image, Mapping) or not isinstance(url, str):
        return part
    if not url.lower().startswith(ELSEWHERE):
        try:
            image = {**image, SHA256: file_sha256(image_file(url, folder))}
        except (ValueError, OSError) as error:
            problems.append(Problem(place.file, str(error), place.line, place.field))
    return {**part, "image_url": dict(image)}
