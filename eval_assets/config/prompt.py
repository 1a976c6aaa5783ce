"""A prompt file, `data/prompts/<name>.md`: front matter, then one `## role` section per message."""

from typing import Literal

from pydantic import Field

from eval_assets.config.fields import FileModel, Owner, Slug

Role = Literal["system", "user", "assistant"]


class PromptFrontMatter(FileModel):
    """The part of a prompt file between the `---` lines."""

    description: str = ""
    owners: tuple[Owner, ...] = ()


class MessageTemplate(FileModel):
    """One message whose `template` may use `{{ inputs }}` and any other column of the example."""

    role: Role
    template: str


class Prompt(FileModel):
    """A prompt with its name."""

    name: Slug
    description: str = ""
    owners: tuple[Owner, ...] = ()
    messages: tuple[MessageTemplate, ...] = Field(min_length=1)
