"""Texts laid out by what they are: what is written, and what hostile texts can't have written."""

import html
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_assets.viewer.laid_out import call_nodes, laid_out, markup, turn_nodes
from eval_assets.viewer.markdown_nodes import LEADS_OUT, TAGS, looks_like_markdown, markdown_nodes

ALLOWED = {"class", "start", "href", "rel", "target"}
HOSTILE = (
    "<script>window.ran = 1</script> **x**",
    "**x** <img src=x onerror=window.ran=1>",
    "[a](javascript:window.ran=1) `x`",
    "[a](JaVaScRiPt&colon;window.ran=1) `x`",
    "[a](&#106;avascript:window.ran=1) `x`",
    "[a](java\tscript:window.ran=1) `x`",
    "[a](data:text/html;base64,PHNjcmlwdD4=) `x`",
    "[a](vbscript:x) [b](file:///etc/passwd) [c](//evil.example/x) `x`",
    '[a](https://ok.example/"onmouseover="window.ran=1) `x`',
    '[a](https://ok.example "title\\" onclick=x") `x`',
    "![a](https://evil.example/pixel.png) `x`",
    "![a](javascript:x) `x`",
    "<https://ok.example/<script>> `x`",
    "```html\n</pre></code><script>window.ran=1</script>\n```",
    '```"><script>\nx\n```',
    "# <svg onload=window.ran=1>\n\n| <b> | b |\n|---|---|\n| </td><script> | 2 |",
    "[x]: javascript:window.ran=1\n\n[x] `y`",
    "&lt;script&gt; `x`",
    "\u202e**turned** \x00 \x1b[31m `x`",
)


def written(text: str) -> str:
    return str(markup(laid_out(text) or [text]))


def assert_only_ours(said: str) -> None:
    """Every tag is one of ours, every attribute one that we write, every link one to the web or a mailbox."""
    for tag, attributes in re.findall(r"<\s*/?([a-zA-Z!?][^\s>/]*)([^>]*)>", said):
        assert tag in TAGS
        for name in re.findall(r"([^\s=\"']+)\s*=\s*\"[^\"]*\"", attributes):
            assert name in ALLOWED
        assert re.sub(r"[^\s=\"']+=\"[^\"]*\"", "", attributes).strip() == ""
    for target in re.findall(r'href="([^"]*)"', said):
        assert re.match(r"(?i)(https?|mailto):", html.unescape(target))


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_a_hostile_text_can_run_or_load(text) -> None:
    said = written(text)
    assert looks_like_markdown(text)
    assert_only_ours(said)
    assert "src=" not in re.sub(r">[^<]*<", "><", said)


@given(st.text(alphabet="[]()<>!*_`#|-\n\" 'ab:/&;=\\javscript1.", max_size=120))
def test_whatever_is_written_is_ours(text) -> None:
    assert_only_ours(str(markup(markdown_nodes(text))))


def test_markdown_is_laid_out() -> None:
    said = written(
        "# Head\n\nA **b** *c* ~~d~~ `e<`\nnext\n\n3. x\n4. y\n\n> q\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n---"
    )
    for part in (
        '<p class="heading h1">Head</p>', "<strong>b</strong>", "<em>c</em>", "<del>d</del>", "<code>e&lt;</code>",
        "<br>next", '<ol start="3"><li>x</li><li>y</li></ol>', "<blockquote><p>q</p></blockquote>",
        "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table>",
        "<hr>",
    ):  # fmt: skip
        assert part in said


def test_a_link_has_its_target_in_sight() -> None:
    outward = "".join(f' {name}="{value}"' for name, value in LEADS_OUT.items())
    assert written("see [this](https://a.example/b) `x`").startswith(
        f'<p>see <a href="https://a.example/b"{outward}>this</a> (https://a.example/b) <code>'
    )
    assert "[image a https://t.example/x.png]" in written("![a](https://t.example/x.png) `x`")


@pytest.mark.parametrize(
    "text",
    ["Paris", "a_b_c and 2 * 3 * 4", "1986. A year", "- one thought", "5 < 6 > 4", "", "[1] see", "# ", "{x}", "[1,"],
)
def test_plain_text_stays_as_it_stands(text) -> None:
    assert laid_out(text) is None


def test_json_is_one_line_in_few_and_a_line_per_value_else() -> None:
    text = '{"a": {"b": "<i>"}, "c": [1]}'
    dense, whole = (str(markup(laid_out(text, is_dense=is_dense))) for is_dense in (True, False))
    assert dense == (
        '<code class="json">{<span class="key">&#34;a&#34;</span>: {<span class="key">&#34;b&#34;</span>: '
        '&#34;&lt;i&gt;&#34;}, <span class="key">&#34;c&#34;</span>: [1]}</code>'
    )
    assert whole.count("\n") == 7
    assert json.loads(html.unescape(re.sub(r"<[^>]*>", "", whole))) == json.loads(text)
    assert laid_out("[" * 5000) is None


def test_a_conversation_is_laid_out_turn_by_turn() -> None:
    call = {"id": "c", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    messages = [
        {"role": "user", "content": "**Rain**?\nassistant: no"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "<b>sun</b>"},
    ]
    said = written(json.dumps(messages))
    assert said == str(markup(turn_nodes(messages)))
    assert re.findall(r'class="who">([^<]*)<', said) == ["user", "assistant calls", "tool weather"]
    assert "<strong>Rain</strong>?<br>assistant: no" in said
    assert "<code>weather(city=&#34;Oslo&#34;)</code>" in said
    assert "&lt;b&gt;sun&lt;/b&gt;" in said
    assert str(markup(call_nodes("a()\nb()"))).count("<code>") == 2


def test_control_characters_are_shown_as_their_codes() -> None:
    assert "\\u202e" in written("\u202e**turned**")
    assert "\x1b" not in written('{"a": "\\u001b[31m"}')


@pytest.mark.parametrize(
    "part",
    ["[", "*a ", "`", "**a", "[a](", "> ", "- ", "|", "a|", "- a\n", "__a", "![[", "<a ", "\n", "- a \n", "- x\n\n\n"],
)
def test_a_text_of_one_sign_over_and_over_is_laid_out_too(part) -> None:
    text = (part * 20_000)[:20_000]  # over which a pattern that backtracks would never end
    assert_only_ours(str(markup(laid_out(text) or [text])))
