"""YAML of `data/`: read within bounds, never silently as something else than it looks like."""

import time
import tracemalloc

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_assets.config.files.yaml_documents import parse_yaml
from eval_assets.config.files.yaml_values import MAX_CHARACTERS
from eval_assets.errors import ConfigError


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as error:
        parse_yaml(text, file="f.yaml")
    return str(error.value)


def doubling(form: str, n: int) -> str:
    """A first value, then values of nine aliases of the one before: 9 to the power of n."""
    lines = [f"a0: &a0 {form.format('x: 1, y: 2' if '{{' in form else 'x')}"]
    for level in range(1, n):
        aliases = ", ".join([f"*a{level - 1}"] * 9)
        lines.append(f"a{level}: &a{level} {form.format(f'<<: [{aliases}]' if '{{' in form else aliases)}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: !ENV KEY\n", "f.yaml:1: expected a plain value, got the tag '!ENV'"),
        ("a: 1\nb: !!binary aGk=\n", "f.yaml:2: expected a plain value, got the tag '!!binary'"),
        ("a: !!python/object/apply:os.system [ls]\n", "f.yaml:1: expected a plain value, got the tag '!!python"),
        ("a: !!set {x: null}\n", "f.yaml:1: expected a plain value, got the tag '!!set'"),
        ("a: &x [*x]\n", "f.yaml:1: expected values that end, got an alias that holds itself"),
        ("a: &x {b: {c: *x}}\n", "f.yaml:1: expected values that end, got an alias that holds itself"),
        ("a: &x {<<: *x}\n", "f.yaml:1: expected values that end, got an alias that holds itself"),
        ("a: *nowhere\n", "f.yaml:1: not valid YAML: found undefined alias 'nowhere'"),
        ("a: 1\nb: x\0y\n", "f.yaml:2: not valid YAML: expected printable text, got the character U+0000"),
        ('a: "x\\0y"\n', "f.yaml:1: expected text, got a NUL character"),
        ('a: "\\ud83d"\n', "f.yaml:1: expected text that UTF-8 can encode, got half a surrogate pair"),
        ("a: " + "[" * 60 + "]" * 60, "f.yaml:1: expected values nested at most 50 deep"),
        ("a: [" + "1, " * 30_000 + "]", "f.yaml:1: expected at most 20,000 values"),
        ("a: " + "x" * MAX_CHARACTERS, "f.yaml:1: expected at most 262,144 characters"),
        ("a: " + "9" * 5_000, "f.yaml:1: expected a number, got one of 5,000 digits"),
        ("a: 9223372036854775808\n", "f.yaml:1: expected a whole number of at most 64 bits, got 9223372036854775808"),
        ("a: !!int x\n", "f.yaml:1: expected a number, got 'x'; put a text in quotes"),
        ("a: !!bool x\n", "f.yaml:1: expected a plain value, got the tag '!!bool'"),
        ("a: .nan\n", "f.yaml:1: expected a finite number, got .nan"),
        ("a: -.inf\n", "f.yaml:1: expected a finite number, got -.inf"),
        ("- a\n- b\n", "f.yaml:1: expected `field: value` lines at the top"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2: not valid YAML: expected one document, got a second one after '---'"),
    ],
)
def test_what_is_no_plain_value_is_refused_with_its_line(text: str, said: str) -> None:
    assert refusal(text).startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 2024-06-01\n", "f.yaml:1: got 2024-06-01, which YAML reads as a date; put it in quotes"),
        ("a: 1\nb: 2024-06-01T10:00:00Z\n", "f.yaml:2: got 2024-06-01T10:00:00Z, which YAML reads as a date; put it"),
        ("a: 12:30\n", "f.yaml:1: got 12:30, which YAML reads as the number 750; put it in quotes"),  # 12 * 60 + 30
        ("a: 007\n", "f.yaml:1: got 007, which YAML reads as the number 7; put it in quotes"),
        ("a: {2024-06-01: 1}\n", "f.yaml:1: expected a name, got 2024-06-01, which YAML reads as a date; put it"),
        ("a: {~: 1}\n", "f.yaml:1: expected a name, got ~, which YAML reads as no value; put it in quotes"),
        (
            "a: {{ inputs }}\n",
            "f.yaml:1: expected a name before the colon, got a list or mapping; put a text like this",
        ),
    ],
)
def test_what_yaml_reads_as_something_else_is_to_be_put_in_quotes(text: str, said: str) -> None:
    assert refusal(text).startswith(said)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("dataset: qa\nmodels: [a, b\nprompts: [ask]\n", 2, "the '[' that opens here isn't closed by ']'"),
        ("gates:\n  - {metric: a, min: 1\n  - {metric: b}\n", 2, "the '{' that opens here isn't closed by '}'"),
        ("a: 1\nb: {c: [1, 2}\n", 2, "the '[' that opens here isn't closed by ']'"),
        ("a: [1, b: [2}\nc: @d\n", 1, "the '[' that opens here isn't closed by ']'"),
        ("a: [\n", 1, "the '[' that opens here isn't closed by ']'"),
        ("a: {b: 1,\n\n\n", 1, "the '{' that opens here isn't closed by '}'"),
        ("a: [{b: [c, d]}, {e: [f}]\n", 1, "the '[' that opens here isn't closed by ']'"),
        ("a: 'x\nb: 1\nc: 2\n", 1, "the quote that opens here isn't closed"),
        ("a:\n\tb: 1\n", 2, "expected spaces, got a tab; indent with spaces"),
        ("a: b: c\n", 1, "expected one `field: value` a line"),
        ("a: @b\n", 1, "put a text that begins with '@' in quotes"),
        ("a: [1, 2]]\nb: 1\n", 1, "expected a line that goes on what begins in line 1"),
    ],
)
def test_a_slip_of_the_pen_is_said_where_it_is_to_be_mended(text: str, line: int, said: str) -> None:
    assert refusal(text).startswith(f"f.yaml:{line}: not valid YAML: {said}")


def test_lines_of_front_matter_are_lines_of_the_file() -> None:
    with pytest.raises(ConfigError, match=r"f.md:3: not valid YAML: .* goes on what begins in line 2|f.md:3"):
        parse_yaml("a: 1\nb: c: d\n", file="f.md", first_line=2)


def test_aliases_merges_and_numbers_and_yes_as_names_mean_what_they_say() -> None:
    text = "base: &b {x: 1, y: 2}\na: {<<: *b, y: 3}\nc: [*b, *b]\nlabels: {1: good, 0.5: bad, yes: fine}\n"
    values = parse_yaml(text, file="f.yaml").values
    assert values["a"] == {"x": 1, "y": 3}
    assert values["c"] == [{"x": 1, "y": 2}] * 2
    assert values["labels"] == {"1": "good", "0.5": "bad", "yes": "fine"}


@pytest.mark.parametrize("form", ["[{}]", "{{{}}}"])
def test_an_alias_bomb_is_refused_at_once_and_small(form: str) -> None:
    bomb = doubling(form, 12)  # 9 to the power of 11 values: gigabytes
    tracemalloc.start()
    try:
        assert refusal(bomb).startswith("f.yaml:1: expected at most 20,000 values")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200 * 2**20
    began = time.process_time()
    refusal(bomb)
    assert time.process_time() - began < 1


PIECES = st.sampled_from(
    [
        *"abyn:-[]{}&*!|>'\"#%@`?,.0123456789~ \n\t\0",
        "<<",
        "yes",
        "*a",
        "&a ",
        ": ",
        "- ",
        "\n  ",
        "2024-01-01",
        "!!int ",
    ]
)


@given(st.lists(PIECES, max_size=60).map("".join))
@settings(max_examples=100)
def test_any_text_is_read_or_refused_with_a_line(text: str) -> None:
    try:
        document = parse_yaml(text, file="f.yaml")
    except ConfigError as error:
        assert all(line.startswith("f.yaml:") for line in str(error).splitlines()[:1])  # noqa: PT017  both ways are right
    else:
        assert isinstance(document.values, dict)


NAMES = st.text("abcdefgh", min_size=3, max_size=6)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=5))
@settings(max_examples=60)
def test_plain_values_are_what_pyyaml_reads(values: dict[str, object]) -> None:
    text = yaml.safe_dump(values, allow_unicode=True)
    assert parse_yaml(text, file="f.yaml").values == yaml.safe_load(text)
