"""The page about the command line says what `--help` says.

After a change of a command: python -m tests.unit.test_commands_page
"""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from eval_assets.cli.main import commands
from tests.derived_parts import with_parts

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
CHECKOUT = PAGE.parents[1]
TYPED = re.compile(r"(?:`|^\$ (?:.* )?|&& )(?:\.venv/bin/)?eval-assets ([a-z-][^`#|\n&;]*)", re.MULTILINE)
OF_ALL = {"--data", "-h", "--help"}
WHITE = re.compile(r"\s+")


def leaves(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its whole name."""
    if isinstance(command, click.Group):
        for each in sorted(command.commands):
            yield from leaves(command.commands[each], f"{name} {each}")
    else:
        yield name, command


def section(name: str, command: click.Command) -> str:
    """What a command does, its arguments and its options."""
    context = click.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden and one.name != "help"]
    lines = [f"| {code(spelled(one, context))} | {meaning(one, context)} |" for one in options]
    table = ["", "| Option | What it means |", "| --- | --- |", *lines] if lines else []
    return "\n".join([f"## {name.partition(' ')[2]}", "", code(usage), "", paragraphs(command), *table])


def spelled(option: click.Option, context: click.Context) -> str:
    """How an option is written."""
    names = ", ".join(sorted(option.opts, key=len)) + "".join(f" / {name}" for name in option.secondary_opts)
    return names if option.is_flag or option.count else f"{names} {option.make_metavar(context)}"


def meaning(option: click.Option, context: click.Context) -> str:
    """Its help, with the default that click would show."""
    record = option.get_help_record(context)
    said = WHITE.sub(" ", record[1] if record else "")
    return said.replace("|", "\\|").replace("<", "&lt;")


def paragraphs(command: click.Command) -> str:
    """The help of a command, and what stands below it, with lines as a page has them."""
    text = "\n\n".join(inspect.cleandoc(part).replace("\b\n", "\b") for part in (command.help, command.epilog) if part)
    parts = [part for part in re.split(r"\n{2,}", text) if part.strip()]
    return "\n\n".join(
        f"```text\n{part.lstrip(chr(8))}\n```" if part.startswith("\b") else WHITE.sub(" ", part) for part in parts
    )


def code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


def all_commands() -> str:
    return "\n\n".join(section(name, command) for name, command in leaves(commands, "eval-assets"))


PARTS = {"commands": all_commands}


def test_the_page_about_the_command_line_says_what_help_says() -> None:
    page = PAGE.read_text("utf-8")
    assert "<!-- commands -->\n" in page
    assert page == with_parts(page, PARTS)


def unknown_in(said: str) -> list[str]:
    """What a command line names that there isn't: a command, or an option of it."""
    words = said.split()
    command: click.Command = commands
    while words and isinstance(command, click.Group):
        word = words.pop(0)
        if word.startswith("-") or word == "COMMAND":
            return [] if word == "COMMAND" or word.partition("=")[0] in OF_ALL else [word]
        if word not in command.commands:
            return [word]
        command = command.commands[word]
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | OF_ALL
    return [word for word in words if word.startswith("-") and word.partition("=")[0] not in known]


def test_what_other_pages_tell_people_to_type_there_is() -> None:
    unknown = {}
    for page in (*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md")):
        typed = TYPED.findall(page.read_text("utf-8"))
        if found := [f"eval-assets {said}" for said in typed if unknown_in(said)]:
            unknown[page.name] = found
    assert unknown == {}


def test_every_option_says_what_it_means() -> None:
    options = [(name, one) for name, command in leaves(commands, "") for one in command.params]
    silent = [
        f"{name} {one.name}"
        for name, one in options
        if isinstance(one, click.Option) and not one.hidden and not one.help
    ]
    assert silent == []


if __name__ == "__main__":
    PAGE.write_text(with_parts(PAGE.read_text("utf-8"), PARTS), "utf-8")
