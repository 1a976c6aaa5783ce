"""An alert: what is told to whom, by a webhook or a command, when gates, a model or the data change."""

import re
from typing import Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from eval_assets.config.fields import FileModel, Owner, Slug, VariableName
from eval_assets.config.files.secrets import without_secrets

Kind = Literal["verdict", "model", "no_data"]
KINDS: tuple[Kind, ...] = get_args(Kind)

PLACE = "{evaluation}"
LONGEST_COOLDOWN_MINUTES = 7 * 24 * 60


class AlertFile(FileModel):
    """Contents of an alert file: to whom, by `webhook_env` or `command`, and about what."""

    description: str = Field("", description="What it is, for readers.")
    owners: tuple[Owner, ...] = Field((), description="Who answers for it: `team:name` or an e-mail address each.")
    when: tuple[Kind, ...] = Field(
        KINDS,
        min_length=1,
        description="What is told: `verdict`, the gates of an evaluation say something else than before; `model`, "
        "another model answers under a name than did before; `no_data`, a run failed, or a candidate has no rows or "
        "not a single answer.",
    )
    evaluations: tuple[Slug, ...] = Field((), description="Names of files of data/evaluations; all when absent.")
    webhook_env: VariableName | None = Field(
        None, description="Name of the environment variable that holds the URL to which alerts are posted."
    )
    shape: Literal["json", "slack"] = Field(
        "json", description="What a webhook is sent: the whole alert in `json`, or a message that `slack` shows."
    )
    command: tuple[str, ...] = Field(
        (),
        description="In place of a webhook: a program and its arguments, run in the project's folder without a shell; "
        "it reads the alert as JSON from its standard input.",
    )
    timeout_seconds: float = Field(
        10.0, gt=0, le=30, description="How long the receiver may take before the attempt counts as failed."
    )
    cooldown_minutes: float = Field(
        15.0,
        ge=0,
        le=LONGEST_COOLDOWN_MINUTES,
        description="For how long after an alert no other is sent; what changes meanwhile is told together when it "
        "ends.",
    )
    report_url: str | None = Field(
        None,
        description="Where people find the report page, for links: an address in which `{evaluation}` stands for the "
        "name; the page in the warehouse when absent.",
    )

    @property
    def way(self) -> str:
        """How it is sent, in words; no secret is among them."""
        if self.webhook_env is None:
            return f"command {self.command[0]}"
        return f"webhook in {self.webhook_env}, {self.shape}"

    @model_validator(mode="after")
    def _has_one_receiver(self) -> Self:
        if bool(self.webhook_env) == bool(self.command):
            got = "both" if self.command else "neither"
            raise ValueError(f"expected either 'webhook_env' or 'command', to which alerts go, got {got}")
        if self.command and self.shape != "json":
            raise ValueError(f"a command reads JSON: expected no `shape: {self.shape}` beside 'command'")
        if self.command and not self.command[0].strip():
            raise ValueError(f"expected a program as the first of 'command', got {self.command[0]!r}")
        return self

    @model_validator(mode="after")
    def _links_can_be_made(self) -> Self:
        if self.report_url is None:
            return self
        rest = self.report_url.replace(PLACE, "")
        parts = urlsplit(rest)
        if parts.scheme not in ("http", "https") or not parts.netloc or re.search(r"[\s<>|{}]", rest):
            raise ValueError(
                "expected `report_url` to be an address such as https://ci.example.org/reports/{evaluation}.html, got "
                f"{without_secrets(self.report_url)!r}"
            )
        return self


class Alert(FileModel):
    """An alert with its name."""

    name: Slug = Field(description="Name of the file, without its ending.")
    file: AlertFile = Field(description="What the file says.")

    def watches(self, evaluation: str) -> bool:
        """Whether it is about an evaluation."""
        return not self.file.evaluations or evaluation in self.file.evaluations
