"""The commands of a page run one after the other in a copy of its project, and what they print beside what it says.

python -m tests.tutorial     # writes what the commands of docs/tutorial.md print into the page
"""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from tests.command_line import exit_code

CHECKOUT = Path(__file__).parents[1]
PAGE = CHECKOUT / "docs" / "tutorial.md"
EXAMPLE = CHECKOUT / "examples" / "support-bot"
BLOCK = re.compile(r"^```console\n(?P<typed>.*?)^```\n(?:```text\n(?P<printed>.*?)^```\n)?", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.*?)(?=^\$ |\Z)", re.MULTILINE | re.DOTALL)
OURS = re.compile(r"eval-assets (?P<arguments>[^|&\"]+(?:\"[^\"]*\")?)(?P<code>\|\| echo \"exit code \$\?\")?")
MOMENT = re.compile(
    r"\d{1,2} \w{3} \d{4}, \d\d:\d\d UTC \(run [^)]+\)|state \w{8}|\d{4}-\d\d-\d\d \d\d:\d\d UTC|127\.0\.0\.1:\d+"
)
OF_A_RUN = ("gate of ", "  GO ", "  NO-GO ", "  INCONCLUSIVE ")
"""What is shown of a run: how it ended, not how far it was when."""


@dataclass(frozen=True)
class Step:
    """A block of commands, and what the page says that they print."""

    commands: tuple[str, ...]
    printed: str


def steps(page: str) -> list[Step]:
    """The blocks of a page."""
    return [
        Step(tuple(command.strip() for command in COMMAND.findall(block["typed"])), block["printed"] or "")
        for block in BLOCK.finditer(page)
    ]


def run_step(step: Step, folder: Path) -> str:
    """Run the commands of a block in the project's folder; what they print."""
    return "".join(printed for command in step.commands for printed in _outcome(command, folder))


def without_moments(text: str) -> str:
    """A text without times, ids of runs and states, and ports, which differ from run to run."""
    return MOMENT.sub("…", text)


def _outcome(command: str, folder: Path) -> Iterator[str]:
    if command.startswith("cp -r examples/"):
        shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True)
        return
    if not command.startswith("eval-assets"):
        subprocess.run(["/bin/bash", "-c", command], cwd=folder, check=True)
        return
    for found in OURS.finditer(command):
        out, err = io.StringIO(), io.StringIO()
        arguments = [part.strip('"') for part in re.findall(r'"[^"]*"|\S+', found["arguments"])]
        if arguments[0] == "view":
            yield _viewed(folder, *arguments)
            continue
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = exit_code(folder / "data", *arguments)
        if arguments[0] == "run":
            yield "".join(f"{line}\n" for line in err.getvalue().splitlines() if line.startswith(OF_A_RUN))
        else:
            yield out.getvalue().rstrip("\n") + "\n"
        if code and found["code"]:
            yield f"exit code {code}\n"
        assert found["code"] or not code, (command, err.getvalue())


def _viewed(folder: Path, *arguments: str) -> str:
    """What a server says when it has begun; the address that it names has to show the page."""
    command = [sys.executable, "-m", "eval_assets", "--data", str(folder / "data"), *arguments, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            said = server.stdout.readline() if server.stdout else ""
            with urlopen(said.split()[0]) as page:  # noqa: S310  the server's own address
                assert "<h1" in page.read().decode()
        finally:
            server.terminate()
    return said


def write_page() -> None:
    """Put into the page what its commands print."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DAGSTER_HOME"] = f"{folder}/dagster"
        project = Path(folder) / "support-bot"
        text = PAGE.read_text("utf-8")
        printed = [run_step(step, project) for step in steps(text)]

    def filled(block: re.Match[str]) -> str:
        return f"```console\n{block['typed']}```\n```text\n{printed.pop(0)}```\n"

    PAGE.write_text(BLOCK.sub(filled, text), encoding="utf-8")


if __name__ == "__main__":
    write_page()
