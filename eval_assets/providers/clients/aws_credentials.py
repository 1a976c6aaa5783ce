"""Models on Amazon Bedrock that are asked by signed requests: which service they are of, and what signs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from eval_assets.config.model import Model, ModelFile
from eval_assets.config.served import AWS_KEY_ID, AWS_SECRET, AWS_SESSION
from eval_assets.providers.clients.served_endpoints import secret_of
from eval_assets.providers.http.aws_signature import Credentials, Scope, signing

if TYPE_CHECKING:
    from eval_assets.providers.http.connections import Finish

MANTLE = "bedrock-mantle"


class Signer(NamedTuple):
    """What signs requests, and what no message may show."""

    sign: "Finish"
    secrets: tuple[str, ...]


def signer_of(model: Model, environment: Mapping[str, str]) -> Signer | None:
    """What signs a model's requests; null where a key or a token lets them in.

    Raises:
        MissingKeyError: A variable of the credentials is not set.
    """
    region = model.file.aws_region
    if region is None:
        return None
    key_id, secret = (secret_of(model, name, environment) for name in (AWS_KEY_ID, AWS_SECRET))
    session = environment.get(AWS_SESSION, "").strip() or None
    scope = Scope(region, service_at(model.file))
    return Signer(signing(Credentials(key_id, secret, session), scope), tuple(filter(None, (secret, session))))


def service_at(file: ModelFile) -> str:
    """The service that signatures are for, told from the address.

    >>> service_at(ModelFile(provider="anthropic", model="m", base_url="https://bedrock-mantle.eu-west-1.api.aws/v1"))
    'bedrock-mantle'
    """
    host = urlsplit(file.base_url or "").hostname or ""
    return MANTLE if MANTLE in host else "bedrock"
