"""A trace as people read it: from score down to dataset row, each part with its Delta version and Dagster run."""

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eval_assets.config.candidate import cell_key
from eval_assets.requests.answerer import ANSWERER
from eval_assets.requests.conversations import answer_in, conversation_in, conversation_text, turns_in
from eval_assets.requests.tool_calls import calls_text
from eval_assets.wording.foreign_text import visible_text
from eval_assets.wording.numbers import ABSENT, money_text, plain_number, seconds_text

WIDTH = 110
INDENT = "  "
MODEL_FIELDS = ("provider", "model", "base_url", "query", "callable", "arguments", "file", "gguf_file", "parameters")

Part = Mapping[str, Any]


def trace_text(traced: Mapping[str, Any]) -> str:
    """Write a trace, at most 110 columns wide.

    Args:
        traced: What `trace` returns.
    """
    return "\n\n".join("\n".join(section) for section in trace_sections(traced))


def trace_sections(traced: Mapping[str, Any]) -> list[list[str]]:
    """The lines of each part of a trace, the first of them its heading.

    Args:
        traced: What `trace` returns, or some of its parts.
    """
    writers = {
        "score": _score,
        "judge": _judge,
        "prediction": _prediction,
        "prompt": _prompt,
        "model": _model,
        "example": _example,
    }
    sections = [writer(traced[part]) for part, writer in writers.items() if traced.get(part) is not None]
    if traced.get("scores") is not None and traced.get("predictions") is None:
        sections.append(_scores(traced["scores"]))
    if traced.get("predictions") is not None:
        sections.append(_predictions(traced["predictions"]))
    return [list(section) for section in sections]


def _score(score: Part) -> Iterator[str]:
    yield from _heading(f"score {score['score_id']}", score)
    yield from _field(score["metric"], _scored(score))
    yield from _field("justification", score["justification"])
    yield from _field("reason", score["reason"])
    yield from _field("version", score["version"])
    yield from _field("computed by", score["signature"])
    yield from _field("parameters", score["parameters_sha256"] and f"sha256 {score['parameters_sha256']}")


def _judge(judge: Part) -> Iterator[str]:
    yield from _heading(f"judge {judge['name']}, version {judge['judge_version']}", judge)
    yield from _asked(judge)
    for vote in judge["votes"]:
        yield f"{INDENT}juror {vote['juror']}: {_scored(vote)} ({vote['score_id']})"
        yield from _deeper(_asked(vote))


def _asked(exchange: Part) -> Iterator[str]:
    yield from _field("model", exchange["judge_model"])
    for earlier in exchange["earlier"]:
        yield from _messages("asked before", earlier["messages"])
        yield from _field("raw reply", earlier["raw_reply"])
    yield from _messages("judge messages", exchange["messages"])
    yield from _field("raw reply", exchange["raw_reply"])
    yield from _field("reasoning", exchange["reasoning"])
    yield from _field("read as", exchange["method"])
    yield from _spent(exchange)


def _prediction(prediction: Part) -> Iterator[str]:
    yield from _heading(f"prediction {prediction['prediction_id']}", prediction)
    cell = cell_key(prediction)
    yield from _field("cell", f"{cell}, example {prediction['example_id']}, sample {prediction['sample_index']}")
    yield from _field("output", prediction["output"])
    yield from _field("reasoning", prediction["reasoning"])
    calls, trajectory = prediction["tool_calls"], prediction["trajectory"]
    yield from _field("tool calls", None if calls is None else calls_text(calls))
    yield from _messages("trajectory", None if trajectory is None else json.loads(trajectory))
    yield from _field("returned beside it", prediction["extra"])
    yield from _field("not of the form asked for", prediction["output_fault"] or None)
    yield from _field("outcome", prediction["outcome"])
    error = [part for part in (prediction["error_kind"], prediction["error"]) if part]
    yield from _field("error", ": ".join(error) or None)
    yield from _messages("rendered prompt", prediction["messages"])
    yield from _spent(prediction)
    yield from _field("request key", prediction["request_key"])


def _prompt(prompt: Part) -> Iterator[str]:
    yield from _heading(f"prompt {prompt['name']}, {_version(prompt)}", prompt)
    yield from _field("template", prompt["template"])


def _model(model: Part) -> Iterator[str]:
    yield from _heading(f"model {model['name']}, {_version(model)}", model)
    file = model["content"]["file"]
    for name in MODEL_FIELDS:
        yield from _field(name, _text(file[name]) if file.get(name) else None)
    yield from _field("implementation", model["content"].get("implementation"))


def _example(example: Part) -> Iterator[str]:
    yield from _heading(f"dataset row {example['example_id']} of {example['dataset']}", example)
    for name, value in example["columns"].items():
        yield from _field(name, _text(value))
    state = "the dataset has it unchanged"
    if not example["is_current"]:
        state = "changed since" if example["current_sha256"] else "no longer in the dataset"
    yield from _field("sha256", f"{example['sha256']} ({state})")


def _scores(scores: Sequence[Part]) -> Iterator[str]:
    yield f"scores of this prediction: {len(scores) or 'none yet'}"
    yield from _listed(scores, INDENT)


def _predictions(predictions: Sequence[Part]) -> Iterator[str]:
    yield f"predictions for this example: {len(predictions) or 'none yet'}"
    for row in predictions:
        cell = cell_key(row)
        yield f"{INDENT}{row['prediction_id']}  {cell}, sample {row['sample_index']}"
        yield from _deeper(
            _field("output", row["output"] or answer_in(row) if row["outcome"] == "ok" else row["outcome"])
        )
        yield from _listed(row["scores"], INDENT * 2)


def _listed(scores: Sequence[Part], indent: str) -> Iterator[str]:
    """Scores with why they are as they are, where something was said."""
    for score in scores:
        yield f"{indent}{score['score_id']}  {score['metric']}: {_scored(score)}"
        if score["reason"] is not None:
            yield from _wrapped(f"reason: {score['reason']}", indent + INDENT)


def _heading(title: str, part: Part) -> Iterator[str]:
    """What the part is, and where it lies."""
    delta = part["delta"]
    yield from textwrap.wrap(title, WIDTH)
    yield from _wrapped(f"Delta table {delta['table']}, version {delta['version']}: {delta['uri']}", INDENT)
    yield f"{INDENT}Dagster run {part['run_id']}"


def _field(name: str, value: str | None) -> Iterator[str]:
    """A short value beside its name, a long one below it; nothing when there is none."""
    if value is None:
        return
    line = f"{INDENT}{name}: {visible_text(value)}"
    if len(line) <= WIDTH and "\n" not in line and "\t" not in line:
        yield line
        return
    yield f"{INDENT}{name}:"
    yield from _wrapped(value, INDENT * 2)


def _messages(name: str, messages: Sequence[Part] | None) -> Iterator[str]:
    if messages is None:
        return
    yield f"{INDENT}{name}:"
    for who, said in turns_in(messages):
        yield from _wrapped(f"[{who}]", INDENT * 2)
        yield from _wrapped(said, INDENT * 3)


def _wrapped(text: str, indent: str) -> Iterator[str]:
    """Lines with their own indentation kept; control characters would speak to the terminal and are shown as codes."""
    for shown in visible_text(text).expandtabs(4).split("\n"):
        own = shown[: len(shown) - len(shown.lstrip())][: WIDTH // 2]
        lead = indent + own
        yield from textwrap.wrap(shown.strip(), WIDTH, initial_indent=lead, subsequent_indent=lead) or [""]


def _deeper(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield from _wrapped(line, INDENT)


def _scored(score: Part) -> str:
    label = f"label {score['label']!r}" if score.get("label") is not None else ""
    if score["score"] is None:
        return label or f"no score ({score['outcome']})"
    return ", ".join(part for part in (plain_number(score["score"]), label) if part)


def _version(part: Part) -> str:
    latest = part["latest_version"]
    newer = f" (the latest is {latest})" if latest != part["version"] else ""
    return f"version {part['version']}{newer}"


def _spent(part: Part) -> Iterator[str]:
    """Tokens, time and money of a reply, and which run paid for it."""
    if part["response_id"] is None:
        return
    asked, said = (
        ABSENT if part[name] is None else f"{part[name]:,}" for name in ("prompt_tokens", "completion_tokens")
    )
    spent = f"{seconds_text(part['latency_seconds'])}, {money_text(part['cost_usd'])}"
    first = part.get("first_token_seconds")
    began = f", first token after {seconds_text(first)}" if first is not None else ""
    yield from _field("used", f"{asked} + {said} tokens, {spent}{began}")
    told = [part[name] for name in ANSWERER if part.get(name)]
    yield from _field("answered by", ", ".join(told) or None)
    yield from _field("reply", f"{part['response_id']}{', reused' if part['reused'] else ''}")
    yield from _field("paid by run", part["paid_by_run_id"])


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    found = conversation_in(value)
    return json.dumps(value, ensure_ascii=False) if found is None else conversation_text(found)
