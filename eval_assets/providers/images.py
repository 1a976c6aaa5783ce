"""Images that are files, as they are sent: their bytes in a data URL. Which files may be named is in `image_files`."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from eval_assets.config.datasets.image_files import SHA256, image_file, media_type_of
from eval_assets.providers.failures import RequestFailed
from eval_assets.requests.conversations import images_in
from eval_assets.requests.exchange import Message, Request


def has_image_files(request: Request) -> bool:
    """Whether files have to be read before a request can be sent."""
    return any(SHA256 in image for image in images_in(request.messages))


def with_image_data(request: Request, folder: Path) -> Request:
    """The request with each image that is a file as a data URL.

    Args:
        request: As its key is made of.
        folder: Where the paths of images begin.

    Raises:
        RequestFailed: A file is no longer what it was when the dataset was read.
    """
    if not has_image_files(request):
        return request
    return replace(request, messages=tuple(_message(message, folder) for message in request.messages))


def _message(message: Message, folder: Path) -> Message:
    content = message["content"]
    if not isinstance(content, list):
        return message
    return {**message, "content": [_part(part, folder) for part in content]}


def _part(part: dict[str, Any], folder: Path) -> dict[str, Any]:
    image = part.get("image_url")
    if not isinstance(image, dict) or SHA256 not in image:
        return part
    return {**part, "image_url": _sent(image, folder)}


def _sent(image: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    try:
        data = image_file(image["url"], folder).read_bytes()
    except (ValueError, OSError) as error:
        raise RequestFailed(str(error), "image_changed") from error
    if hashlib.sha256(data).hexdigest() != image[SHA256]:
        raise RequestFailed(
            f"the image {image['url']!r} was edited since the dataset was read; run again", "image_changed"
        )
    url = f"data:{media_type_of(data[:16])};base64,{base64.b64encode(data).decode()}"
    return {**{name: value for name, value in image.items() if name != SHA256}, "url": url}
