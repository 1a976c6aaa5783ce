"""What a judge is, as a hash: two judges with one fingerprint give verdicts that may be compared."""

import hashlib
from collections.abc import Sequence

from eval_assets.config.judge import Judge
from eval_assets.judges.messages import MESSAGES_VERSION
from eval_assets.judges.replies.verdicts import PARSER_VERSION
from eval_assets.requests.canonical_json import canonical_json


def judge_fingerprint(judge: Judge, jurors: Sequence[Judge] = ()) -> str:
    """Hash of all that shapes a judge's verdicts: its data version, and what a measured agreement holds for.

    Everything in the file counts but `description` and `owners`; so do the words of the messages and the rules of
    reading. Of the model only its name is in it: an edited model file has a data version of its own.

    Args:
        judge: A judge of `data/judges`; its name doesn't count.
        jurors: The jurors of a jury, in the order of the file.
    """
    content = {
        "judge": judge.file.model_dump(mode="json", exclude={"description", "owners"}),
        "jurors": [judge_fingerprint(juror) for juror in jurors],
        "messages": MESSAGES_VERSION,
        "parser": PARSER_VERSION,
    }
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()
