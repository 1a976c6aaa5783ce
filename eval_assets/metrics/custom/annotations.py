"""What annotations of a metric function say: pass or fail, whole columns. Read alike from source and live objects."""

import ast
import inspect
from typing import Any

OF_PANDAS = ("pd", "pandas")


def annotation_of(value: Any) -> ast.expr | None:
    """An annotation of a function of this process, as its source would have it; null where there is none.

    >>> ast.unparse(annotation_of(tuple[bool, str])), annotation_of(inspect.Parameter.empty)
    ('tuple[bool, str]', None)
    """
    if value is inspect.Parameter.empty:
        return None
    text = value if isinstance(value, str) else inspect.formatannotation(value)
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:  # an object whose `repr` is no expression
        return None


def is_pass_or_fail(annotation: ast.expr | None) -> bool:
    """Whether an annotation is a boolean, or 0 and 1: alone, optional, before its reason in a pair, or a list of such.

    >>> [is_pass_or_fail(annotation_of(text)) for text in ("bool | None", "tuple[bool, str]", "Optional[bool]", "int")]
    [True, True, True, False]
    """
    match annotation:
        case ast.Constant(value=str(quoted)):
            return is_pass_or_fail(annotation_of(quoted))
        case ast.BinOp(left=left, op=ast.BitOr(), right=ast.Constant(value=None)):
            return is_pass_or_fail(left)
        case ast.Subscript(value=kind, slice=item) if _last_name(kind) in ("list", "List", "Optional"):
            return is_pass_or_fail(item)
        case ast.Subscript(value=kind, slice=ast.Tuple(elts=[score, _])) if _last_name(kind) in ("tuple", "Tuple"):
            return is_pass_or_fail(score)
        case ast.Subscript(value=kind, slice=ast.Tuple(elts=values)) if _last_name(kind) == "Literal":
            return {getattr(value, "value", None) for value in values} == {0, 1}
        case _:
            return _last_name(annotation) == "bool"


def is_column(annotation: ast.expr | None) -> bool:
    """Whether an annotation is a series of polars: the function takes whole columns.

    >>> [is_column(annotation_of(text)) for text in ("pl.Series", "polars.series.series.Series", "pd.Series", "str")]
    [True, True, False, False]
    """
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = annotation_of(annotation.value)
    if annotation is None or _last_name(annotation) != "Series":
        return False
    return ast.unparse(annotation).partition(".")[0] not in OF_PANDAS


def _last_name(annotation: ast.expr | None) -> str:
    match annotation:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""
