"""The viewer's pages as files: what is written where, its numbers, and what must not be written over or told."""

import html
import json
import re
import shutil
from collections.abc import Mapping
from urllib.parse import unquote

import pytest
from click.testing import CliRunner

from eval_assets.cli.main import commands
from eval_assets.config.settings import settings_from
from eval_assets.errors import ConfigError, ExportError, StorageError
from eval_assets.storage.warehouse import Warehouse
from eval_assets.viewer.exported import shards
from eval_assets.viewer.exported.export import export_pages
from eval_assets.viewer.exported.folder import MARKER, written_folder
from eval_assets.viewer.exported.script_files import Writer
from eval_assets.viewer.viewed_project import ViewedProject
from tests.viewed import N_EXAMPLES, NAME, ODD, PLAIN, SCRIPT, viewer_of

PLACE = f"evaluations/{NAME}"


@pytest.fixture(scope="module")
def project(viewed):
    return viewed


def exported(project, folder, only=None):
    settings = settings_from({}, data_dir=project / "data")
    viewed = ViewedProject(settings, Warehouse(settings.warehouse_root))
    return export_pages(viewed, folder, only=only, on_done=lambda _: None)


@pytest.fixture(scope="module")
def folder(project, tmp_path_factory):
    """An export with shards of 7 examples."""
    target = tmp_path_factory.mktemp("exported") / "pages"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "A_SHARD", 7)
        exported(project, target)
    return target


def value(folder, name: str) -> Mapping:
    """What a file hands over; the same by JSON as by the script that it is."""
    text = (folder / PLACE / "files" / f"{name}.js").read_text()
    called, _, rest = text.partition(",")
    assert called == f'evalAssets.given("{name}"'
    return json.loads(rest.removesuffix(");\n"))


def rows_of(folder, name: str) -> list:
    return [row for number in range(-(-N_EXAMPLES // 7)) for row in value(folder, f"{name}-{number}")["rows"]]


def words(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def test_every_example_lies_in_one_shard_in_dataset_order(folder) -> None:
    assert [row[4] for row in rows_of(folder, "examples")] == [f"e{n}/ä" for n in range(N_EXAMPLES)]
    assert value(folder, "ids")["ids"] == [f"e{n}/ä" for n in range(N_EXAMPLES)]
    assert len(list((folder / PLACE / "files").glob("answers-0-*.js"))) == 5  # 30 examples by 7


def test_the_page_of_an_evaluation_says_what_the_servers_says(project, folder) -> None:
    served = viewer_of(project).get(f"/{PLACE}").text
    written = (folder / PLACE / "index.html").read_text()
    of_the_server = r'<p class="newer".*?</p>|<footer>.*|<time.*?</time>'
    without_time = [words(re.sub(of_the_server, "", page)) for page in (written, served)]
    assert "newer" not in written
    assert without_time[0] == without_time[1]


def test_every_number_of_a_cell_is_that_of_the_server(project, folder) -> None:
    page = viewer_of(project).get(f"/{PLACE}/grid?per=100&s=token_f1&s=exact_match&s=right&s=token_count").text
    metrics = value(folder, "evaluation")["metrics"]
    for number, name in enumerate((PLAIN, ODD)):
        cells = re.findall(rf'<td data-of="{name}".*?</td>', page, re.DOTALL)
        assert len(cells) == N_EXAMPLES
        for cell, (written, samples) in zip(cells, rows_of(folder, f"answers-{number}"), strict=True):
            shown = dict(zip(metrics, written[6], strict=True))
            texts = [
                f"{metric} {shown[metric][0] or '–'} {shown[metric][1]}".strip()
                for metric in ("token_f1", "exact_match", "right", "token_count")
            ]
            assert " ".join(texts) in words(cell)
            assert samples[0][0] in cell
            assert (written[0] != "ok") == ("failed-cell" in cell)


def test_scores_and_heads_are_those_of_the_server(project, folder) -> None:
    about = value(folder, "evaluation")
    for at, metric in enumerate(about["metrics"]):
        page = words(viewer_of(project).get(f"/{PLACE}/grid?metric={metric}").text)
        mean, (better, worse) = about["heads"][at][1]
        assert f"{mean} {better} better {worse} worse" in page
        base, other = (value(folder, f"scores-{number}-{at}")["scores"] for number in (0, 1))
        pairs = [(one, two) for one, two in zip(base, other, strict=True) if None not in (one, two)]
        assert (better, worse) == (sum(two > one for one, two in pairs), sum(two < one for one, two in pairs))
    assert value(folder, "numbers-1")["failed"] == [int(n == 4) for n in range(N_EXAMPLES)]
    slices = value(folder, "slice-0")
    assert [slices["values"][code] for code in slices["codes"]] == [["even", "odd"][n % 2] for n in range(N_EXAMPLES)]


def test_every_link_and_every_script_is_a_file_of_the_export(folder) -> None:
    n_links = 0
    for page in folder.rglob("*.html"):
        for link in re.findall(r'(?:href|src|action)="([^"]*)"', page.read_text()):
            path, _, aimed = html.unescape(link).partition("#")
            target = (page.parent / unquote(path.partition("?")[0])).resolve() if path else page
            assert target.is_file(), link
            assert target.is_relative_to(folder)
            assert not aimed or f'id="{aimed}"' in target.read_text(), link
            n_links += 1
    assert n_links > 40


def test_what_was_never_computed_is_listed_without_a_link(folder) -> None:
    page = (folder / "index.html").read_text()
    assert "none yet: <code>eval-assets run never</code>" in page
    assert "evaluations/never" not in page


def test_foreign_text_is_no_markup_and_ends_no_script(folder) -> None:
    for path in (
        path for path in folder.rglob("*") if path.suffix in (".html", ".js") and path.parent.name != "static"
    ):
        text = path.read_text()
        assert "<img" not in text, path
        assert not set("\x00\x1b\u202e\u2028") & set(text), path
        if path.suffix == ".js":
            assert "<" not in text, path
        else:
            assert "default-src 'none'; style-src 'self'; script-src 'self'" in html.unescape(text), path
            assert re.findall(r"<script(?![^>]* src=\")|<[^>]*\s(?:style|on\w+)=", text) == [], path
    assert rows_of(folder, "answers-1")[1][1][0][4] == SCRIPT
    assert rows_of(folder, "answers-1")[2][1][0][4] == "a\\u202eright to left\\u001b[31m\\u0000end"


def test_a_megabyte_is_cut_and_says_so(folder) -> None:
    cell, samples = rows_of(folder, "answers-1")[3]
    assert cell[3] == 1_000_000
    assert samples[0][4].endswith("x … (980,000 more characters)")
    assert sum(path.stat().st_size for path in folder.rglob("*.js")) < 300_000


def test_names_of_files_are_slugs_and_numbers(folder) -> None:
    names = [str(path.relative_to(folder)) for path in folder.rglob("*")]
    assert [name for name in names if not re.fullmatch(r"[A-Za-z0-9._/-]+", name)] == []


def test_no_path_of_this_machine_is_told(project, folder) -> None:
    for path in folder.rglob("*"):
        assert not path.is_file() or str(project) not in path.read_text(), path


def test_paths_are_hidden_in_every_spelling_and_words_are_left(tmp_path) -> None:
    writer = Writer(tmp_path, ("/home/ann/a&b",))
    writer.write("page.html", "in /home/ann/a&amp;b/data, not in /home/ann/a&amp;bc or x/home/ann/a&amp;b")
    assert (tmp_path / "page.html").read_text() == "in …/data, not in /home/ann/a&amp;bc or x/home/ann/a&amp;b"
    writer.hand_over("files", "x", {"said": "at\n/home/ann/a&b or file:///home/ann/a&b: \u2028</script>"})
    said = 'evalAssets.given("x",{"said":"at\\n… or file://…: \\u2028\\u003c/script\\u003e"});\n'
    assert (tmp_path / "files" / "x.js").read_text() == said


def test_one_evaluation_alone(project, tmp_path) -> None:
    written = exported(project, tmp_path / "one", NAME)
    assert written.evaluations == (NAME,)
    assert "never" not in (tmp_path / "one" / "index.html").read_text()
    assert written.n_files == sum(path.is_file() for path in (tmp_path / "one").rglob("*")) - 1  # the marker


def test_an_export_replaces_an_export_and_nothing_else(project, folder, tmp_path) -> None:
    own = tmp_path / "own"
    shutil.copytree(folder, own)
    (own / "evaluations" / "former").mkdir()
    exported(project, own)
    assert not (own / "evaluations" / "former").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["own"]
    (own / "CNAME").write_text("pages.example.org")
    with pytest.raises(ExportError, match="holds CNAME; name another, or remove them"):
        exported(project, own)
    (own / "CNAME").unlink()
    (own / MARKER).unlink()
    with pytest.raises(ExportError, match="expected an empty folder, or one written by an export"):
        exported(project, own)
    assert (own / "index.html").exists()


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_folder_is_refused(project, tmp_path, kind) -> None:
    target = tmp_path / "target"
    if kind == "file":
        target.write_text("mine")
    else:
        (tmp_path / "elsewhere").mkdir()
        target.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ExportError, match="expected a folder"):
        exported(project, target)


def test_what_cannot_be_written_is_said(project, tmp_path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ExportError, match="pages can't be written: Not a directory"):
        exported(project, tmp_path / "file" / "pages")
    with pytest.raises(ExportError, match="can't be written: File name too long"):
        exported(project, tmp_path / ("long" * 99))


def test_a_failure_leaves_the_former_export_and_nothing_beside_it(tmp_path) -> None:
    target = tmp_path / "pages"
    with written_folder(target) as begun:
        (begun / "index.html").write_text("former")

    def stopped() -> None:
        with written_folder(target) as begun:
            (begun / "index.html").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert (target / "index.html").read_text() == "former"
    assert [path.name for path in tmp_path.iterdir()] == ["pages"]


def test_an_evaluation_that_a_run_writes_meanwhile_is_not_exported(project, tmp_path, monkeypatch) -> None:
    versions = iter(range(99))
    monkeypatch.setattr(ViewedProject, "version", lambda *_: str(next(versions)))
    with pytest.raises(ExportError, match="a run wrote results of seen meanwhile"):
        exported(project, tmp_path / "pages")
    assert list(tmp_path.iterdir()) == []


def test_what_was_never_computed_and_what_is_not_there_write_nothing(project, tmp_path) -> None:
    with pytest.raises(StorageError, match="eval-assets run never"):
        exported(project, tmp_path / "pages", "never")
    with pytest.raises(ConfigError, match="there is no 'nope'"):
        exported(project, tmp_path / "pages", "nope")
    shutil.copytree(project, tmp_path / "own", ignore=shutil.ignore_patterns("warehouse"))
    with pytest.raises(ExportError, match="no evaluation has results yet"):
        exported(tmp_path / "own", tmp_path / "pages")
    assert not (tmp_path / "pages").exists()


def test_the_command_says_what_it_wrote_and_listens_nowhere(project, tmp_path) -> None:
    asked = ["--data", str(project / "data"), "view", NAME, "--export", str(tmp_path / "pages")]
    for served in (["--port", "3141"], ["--allow-edit"]):
        refused = CliRunner().invoke(commands, [*asked, *served])
        assert (refused.exit_code, "leave --host, --port and --allow-edit out" in refused.output) == (2, True)
    written = CliRunner().invoke(commands, asked)
    assert written.exit_code == 0, written.output
    assert f"files, 0.2 MB: {tmp_path / 'pages' / 'index.html'}" in written.output.replace("\n", "")
