"""The environment templates run in: neither Python's objects nor the machine's memory and time are within their reach.

What a template makes is counted as it goes. What one operator, method or filter would make is in `strokes`.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any

from jinja2 import nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from eval_assets.prompts.strokes import BOUNDED_FILTERS, refuse_huge_call, refuse_huge_filter, refuse_huge_operator

MAX_CHARACTERS = 10_000_000
"""Characters that one text of a template may make on its way."""
CHARACTERS_A_STEP = 50
"""What a turn of a loop, a call and a shown value count beside their characters: 200,000 of them are the most."""


class CountedContext(Context):
    """The variables of one rendering, and how much it has made."""

    made = 0

    def count(self, characters: int = 0) -> None:
        """Count one step that makes so many characters.

        Raises:
            OverflowError: It makes too many.
        """
        self.made += CHARACTERS_A_STEP + characters
        if self.made > MAX_CHARACTERS:
            raise OverflowError(
                f"it makes more than {MAX_CHARACTERS:,} characters, {CHARACTERS_A_STEP} for each turn of a loop; "
                "does a loop in a loop go over too much?"
            )


class BoundedSandbox(ImmutableSandboxedEnvironment):
    """Refuses what is out of all proportion; computes nothing while a template is only read."""

    intercepted_binops = frozenset({"*", "**", "%", "+"})
    context_class = CountedContext

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.filters |= {name: _bounded(name, self.filters[name]) for name in BOUNDED_FILTERS}
        self.filters |= {_Counting.TURNS: _counted_turns, _Counting.JOINED: _counted_text}

    def compile(self, source: str | nodes.Template, *arguments: Any, **options: Any) -> Any:
        """Compile a template with its loops and `~` counted."""
        parsed = self.parse(source) if isinstance(source, str) else source
        counted = _Counting().visit(parsed)
        counted.set_environment(self)
        return super().compile(counted, *arguments, **options)

    def call(self, context: Context, called: Any, /, *arguments: Any, **named: Any) -> Any:
        """Call a method or macro.

        Raises:
            OverflowError: The result would be huge, or there are too many calls.
        """
        refuse_huge_call(called, arguments, named)
        if isinstance(context, CountedContext):
            context.count()
        return super().call(context, called, *arguments, **named)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Apply an operator.

        Raises:
            OverflowError: The result would be huge.
        """
        refuse_huge_operator(operator, left, right)
        return super().call_binop(context, operator, left, right)


class _Counting(NodeTransformer):
    """Sends what loops go over, and texts that `~` joins, through filters that count."""

    TURNS = "counted turns"
    JOINED = "counted text"

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802  jinja's name
        written = sum(len(data.data) for data in node.find_all(nodes.TemplateData))
        self.generic_visit(node)
        node.iter = nodes.Filter(node.iter, self.TURNS, [nodes.Const(written)], [], None, None, lineno=node.lineno)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802  jinja's name
        self.generic_visit(node)
        parts = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(parts, self.JOINED, [], [], None, None, lineno=node.lineno)


@pass_context
def _counted_turns(context: CountedContext, values: Iterable[Any], written: int) -> Iterator[Any]:
    for value in values:
        context.count(written)
        yield value


@pass_context
def _counted_text(context: CountedContext, parts: list[Any]) -> str:
    texts = [str(part) for part in parts]
    context.count(sum(map(len, texts)))
    return "".join(texts)


def _bounded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def bounded(*arguments: Any, **named: Any) -> Any:
        refuse_huge_filter(name, arguments, named)
        return function(*arguments, **named)

    return bounded
