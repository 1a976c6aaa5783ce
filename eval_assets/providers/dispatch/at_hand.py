"""Replies that a client has at hand, taken in the thread that asks: no event loop, no permit."""

from eval_assets.errors import EvalAssetsError
from eval_assets.providers.failures import AttemptFailure, failed_reply
from eval_assets.providers.redaction import redacted
from eval_assets.requests.exchange import AtHand, Reply, Request


def reply_at_hand(client: AtHand, request: Request) -> Reply:
    """The reply to a request, or the failure to have one."""
    try:
        return client.reply_to(request)
    except AttemptFailure as failure:
        return failed_reply(redacted(str(failure)), failure.kind, latency_seconds=None)
    except EvalAssetsError:
        raise
    except Exception as error:  # noqa: BLE001  values of a record are the user's: an odd one costs its row
        return failed_reply(
            redacted(f"asking failed with {type(error).__name__}: {error}"), "client_failed", latency_seconds=None
        )
