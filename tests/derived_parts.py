"""Parts of pages that are derived from the code, between the marks of their names."""

from collections.abc import Callable, Mapping


def with_parts(page: str, parts: Mapping[str, Callable[[], str]]) -> str:
    """The page with its derived parts as they have to be.

    Args:
        page: Its text, which holds `<!-- name -->` and `<!-- /name -->` for each part.
        parts: Name → what makes the text between them.
    """
    for name, part in parts.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}\n{part()}\n\n{end}{rest.partition(end)[2]}"
    return page
