"""An edited prompt becomes its file's text: the one file that the viewer writes, and only where it was there before."""

from threading import Lock

from eval_assets.config.files.places import declared_text, project_root
from eval_assets.config.project import SUFFIXES, Project
from eval_assets.errors import ConfigError, EditError
from eval_assets.stages.content_hash import content_sha256
from eval_assets.storage.atomic_files import write_atomically
from eval_assets.viewer.trial import Draft, editable_prompts, refuse_broken_prompt

_SAVING = Lock()


def stands_as(text: str) -> str:
    """The fingerprint of a file's text, by which a form says what it was opened with."""
    return content_sha256([text])


def save_prompt(project: Project, draft: Draft) -> None:
    """Replace a prompt's file whole.

    Args:
        project: The files as they stand.
        draft: The prompt, its new text, and the fingerprint of the text that was edited.

    Raises:
        ConfigError: The text is no prompt, or breaks an evaluation that uses it; the file is as it was.
        EditError: It is no file of `data/prompts` that the evaluation uses, or it has changed since it was opened.
    """
    if draft.prompt not in editable_prompts(project, draft.evaluation):
        raise EditError(f"expected a prompt file of {draft.evaluation}, got {draft.prompt!r:.80}")
    file = project.prompts[draft.prompt].file
    path = project.data_dir / "prompts" / f"{draft.prompt}{SUFFIXES['prompts']}"
    with _SAVING:
        if path.is_symlink():
            raise EditError(f"{file} is a link; edit the file that it leads to")
        now = declared_text(path, file=file, root=project_root(project.data_dir))
        if stands_as(now) != draft.opened:
            raise EditError(
                f"{file} has changed since this page was opened, and was not overwritten: "
                "open the prompt anew and make the edit on what is there now"
            )
        refuse_broken_prompt(project, draft.prompt, draft.text)
        mode = path.stat().st_mode
        text = draft.text.replace("\n", "\r\n") if "\r\n" in now else draft.text
        try:
            write_atomically(path, text, to_disk=True)
            path.chmod(mode)
        except OSError as error:
            raise ConfigError(f"{file} could not be written: {error}") from error
