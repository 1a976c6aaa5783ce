"""Numbers as people write them, foreign text that can do nothing where it is shown, JSON that is always JSON."""

import json
import math
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from eval_assets.wording.foreign_text import code_text, fenced_text, markdown_text, visible_text
from eval_assets.wording.numbers import (
    confidence_text,
    count_text,
    interval_text,
    latency_text,
    money_text,
    number_text,
    plain_number,
    points_text,
    seconds_text,
    share_text,
    speed_text,
)
from eval_assets.wording.valid_json import finite_values, valid_json

ONE_NUMBER = (number_text, money_text, seconds_text, share_text, points_text, speed_text)
LINKED = re.compile(r"https?://|www\.|[\w.+-]+@[\w-]+\.[\w]", re.IGNORECASE)  # what makes a link of bare text
DIRECTION = "\u202e\u2066\u200f"


def test_latencies_are_written_without_an_exponent() -> None:
    assert latency_text(0.1402, 0.2, 0.21) == "140/200/210 ms"
    assert latency_text(0.0000012, 0.0001) == "0.0012/0.1 ms"
    assert latency_text(123.4, 1234.5) == "123/1,234 s"  # whole seconds are never rounded away
    assert seconds_text(0.14) == "140 ms"


def test_what_is_left_over_from_rounding_is_zero_in_every_form() -> None:
    tiny = -7.6e-13
    assert [number_text(tiny), points_text(tiny)] == ["0", "0.0 points"]
    assert interval_text(tiny, -0.0) == "[0, 0]"
    assert money_text(1e-12) == "$0"


EXTREMES = (0.0, -0.0, 1e-7, -1e-7, 1e-300, 9.9995, 999_999_999_999_999.9, 1e15, 1e308)


@pytest.mark.parametrize(
    "written", [*ONE_NUMBER, plain_number, confidence_text, lambda value: latency_text(value, 0.2)]
)
def test_extremes_are_short_and_what_is_no_number_is_a_dash_everywhere(written) -> None:
    for value in (*EXTREMES, *(-extreme for extreme in EXTREMES)):
        text = written(value)
        assert len(text) < 40, text
        assert not re.search(r"nan|inf|,(?!\d{3})|-0(?![.,]?\d)", text)
        assert "$-" not in text
    for value in (math.nan, math.inf, -math.inf):
        assert written(value).startswith("-")
        assert "nan" not in written(value)
        assert "inf" not in written(value)


def test_a_chosen_number_keeps_its_digits_however_large_it_is() -> None:
    chosen = (1_234_560.5, 1_234_567.0, 0.123456789, 999_999_999_999_999.9, -1_234_560.5, -0.0)
    assert [plain_number(value) for value in chosen] == [
        "1,234,560.5",
        "1,234,567",
        "0.123456789",
        "1,000,000,000,000,000",  # sixteen digits come of arithmetic
        "-1,234,560.5",
        "0",
    ]
    assert confidence_text(0.99999) == "99.999%"
    assert (money_text(-10.0), share_text(-0.0)) == ("-$10.00", "0 %")


def test_a_price_nobody_knows_is_a_dash_and_a_free_reply_costs_nothing() -> None:
    assert (money_text(None), money_text(0.0), money_text(float("nan"))) == ("-", "$0", "-")


def test_money_is_written_with_the_digits_that_matter() -> None:
    # 1.2e-05 would be the shortest form for a program
    assert [money_text(value) for value in (0.000012, 0.0099, 0.01, 1234.5)] == [
        "$0.000012",
        "$0.0099",
        "$0.01",
        "$1,234.50",
    ]


def test_a_share_is_only_none_or_all_where_it_is() -> None:
    assert [share_text(value) for value in (0.004, 0.996, 1 / 805, 804 / 805)] == ["0.4 %", "99.6 %", "0.1 %", "99.9 %"]
    assert [share_text(value) for value in (0.0, 1.0)] == ["0 %", "100 %"]


def test_counts_carry_the_right_noun() -> None:
    written = [count_text(n, "example") for n in (0, 1, 2, 1000)]
    assert written == ["0 examples", "1 example", "2 examples", "1,000 examples"]
    assert count_text(1, "reply", "replies") == "1 reply"


def test_thresholds_are_written_as_they_were_chosen() -> None:
    assert [plain_number(value) for value in (0.05, 0.1 + 0.2, 100 * 0.07, 1500.0, 0.00002)] == [
        "0.05", "0.3", "7", "1,500", "0.00002",
    ]  # fmt: skip


@given(st.floats(min_value=-1e14, max_value=-1e-12) | st.floats(min_value=1e-12, max_value=1e14) | st.just(0.0))
def test_no_number_of_this_world_is_written_with_an_exponent(value: float) -> None:
    for write in ONE_NUMBER:
        text = write(abs(value))
        assert not re.search(r"\de[-+]?\d", text), (write.__name__, text)
        assert "-0" not in text.replace("-0.", "-") or value != 0


@given(st.floats())
def test_every_float_is_written_by_every_form(value: float) -> None:
    for write in ONE_NUMBER:
        assert write(value)
    assert (number_text(value) == "-") == (not math.isfinite(value))


@given(st.floats(min_value=1e-9, max_value=1e14))
def test_a_written_number_is_the_number(value: float) -> None:
    read = float(number_text(value).replace(",", ""))
    assert read == pytest.approx(value, rel=0.0051)  # three digits that matter


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\u001b[31mred"),  # colour
        ("\x1b]8;;http://a\x07link", r"\u001b]8;;http://a\u0007link"),  # a hidden link, a bell
        ("over\rwritten", r"over\u000dwritten"),
        ("\x9b2Jcleared", r"\u009b2Jcleared"),  # the same commands in one byte
        ("user\u202etxt.exe", r"user\u202etxt.exe"),
        ("\u2066isolate\u2069", r"\u2066isolate\u2069"),
        ("\ufeffmark", r"\ufeffmark"),
        ("half \ud83d pair", r"half \ud83d pair"),
        ("tag\U000e0041", r"tag\udb40\udc41"),
        ("del\x7f nul\x00", r"del\u007f nul\u0000"),
        ("line\u2028separator", r"line\u2028separator"),
    ],
)
def test_what_would_speak_to_a_terminal_is_shown_as_its_code(text: str, shown: str) -> None:
    assert visible_text(text) == shown


def test_letters_of_every_script_stay_as_they_are() -> None:
    for text in ("naïve Straße", "سلام‌دنیا", "👩‍👩‍👧", "ﷺ 漢字 हिन्दी", "tab\tand\nline", "a\u00a0b"):
        assert visible_text(text) == text
    assert visible_text("windows\r\nline") == "windows\nline"


@given(st.text())
def test_nothing_shown_holds_a_control_character(text: str) -> None:
    shown = visible_text(text)
    controls = [c for c in shown if unicodedata.category(c) in ("Cc", "Cs") or c in DIRECTION]
    assert set(controls) <= {"\n", "\t"}
    shown.encode()  # can be written to any file or stream


@given(st.dictionaries(st.text(), st.one_of(st.text(), st.floats(), st.lists(st.floats()))))
def test_json_text_is_valid_and_holds_what_was_written(value) -> None:
    read = json.loads(valid_json(value), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert read == finite_values(value)[0]


def test_a_number_that_json_cannot_write_is_null_and_named() -> None:
    found, where = finite_values({"mean": 1.0, "rows": [{"variance": float("inf")}], "p90": float("nan")})
    assert found == {"mean": 1.0, "rows": [{"variance": None}], "p90": None}
    assert where == {"rows[0].variance": "too large for a number", "p90": "not a number"}


HOSTILE = (
    "![](https://example.org/?q=1)",
    "[click](https://example.org)",
    "[x]: https://example.org",
    "<img src=https://example.org>",
    "https://example.org/a?b=c|d",
    "see www.example.org.",
    "ftp://example.org HTTPS://EXAMPLE.ORG",
    "mail me@example.org",
    "`https://example.org`",
    "``` \nhttps://example.org\n ```",
    "<https://example.org>",
    "https\u200b://example.org",
    "javascript:alert(1) [x](javascript:alert(1))",
    "&lt;img src=x&gt;",
    "a\\![b](c)\\",
    "**bold** _em_ ~~gone~~ $x$ # head",
)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("place", ["{}", "| a |\n| --- |\n| {} |", "> **{}**", "- `m@p` {}"])
def test_nothing_foreign_becomes_a_link_a_picture_or_html(text: str, place: str) -> None:
    assert_plain(place.format(markdown_text(text)))
    assert_plain(place.format(code_text(text)))


PIECES = (*HOSTILE, "`", "``", "\\", "|", "!", "[", "](", ")", "<", "\n", " ", "a")


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_no_mixture_of_markup_becomes_a_link_a_picture_or_html(text: str) -> None:
    assert_plain(f"| a |\n| --- |\n| {markdown_text(text)} |")
    assert_plain(f"text {code_text(text)} text")
    assert_plain(fenced_text(text))


def assert_plain(markdown: str) -> None:
    """No token that acts, and no bare text of which a viewer makes a link by itself."""
    parser = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")
    for token in parser.parse(markdown):
        assert token.type != "html_block", markdown
        for child in token.children or ():
            assert child.type not in ("link_open", "image", "html_inline", "em_open", "strong_open", "s_open") or (
                child.type == "strong_open" and markdown.startswith("> **")
            ), (markdown, child)
            if child.type == "text":
                assert not LINKED.search(child.content), (markdown, child.content)


def test_a_fence_is_longer_than_any_in_the_text() -> None:
    text = "a\n````python\nb\n````\n"
    (block,) = [token for token in MarkdownIt().parse(fenced_text(text)) if token.type == "fence"]
    assert block.content == f"{text}\n"


def test_long_texts_are_made_harmless_in_a_moment() -> None:
    for piece in ("a", "@", "://", "`", "www.", "a@a.", "\\"):
        assert len(markdown_text(piece * 200_000)) >= 200_000
