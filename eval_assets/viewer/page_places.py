"""Where pages of the viewer link to: addresses of its server, or files that lie beside each other."""

from dataclasses import dataclass

FILES_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'"
)
"""Of pages that are files: nothing but the files beside them runs or loads."""


@dataclass(frozen=True, slots=True)
class Places:
    """Writes links.

    Args:
        root: What leads from a page to the first one's folder.
        is_files: Whether pages are files.
        scripts: Of the page, in order.

    >>> SERVED.grid("support", "show=flips"), Places("../../", is_files=True).grid("support", "show=flips")
    ('/evaluations/support/grid?show=flips', '../../evaluations/support/grid.html?show=flips')
    """

    root: str = "/"
    is_files: bool = False
    scripts: tuple[str, ...] = ("viewer.js",)

    @property
    def home(self) -> str:
        """The list of evaluations."""
        return f"{self.root}index.html" if self.is_files else self.root

    @property
    def policy(self) -> str | None:
        """What a page has to say itself, as no server says it."""
        return FILES_POLICY if self.is_files else None

    def report(self, name: str) -> str:
        """The page of an evaluation."""
        return f"{self.root}evaluations/{name}{'/index.html' if self.is_files else ''}"

    def grid(self, name: str, query: str = "") -> str:
        """Its grid, as a query has it."""
        return self._page(name, "grid", query)

    def example(self, name: str, query: str) -> str:
        """One of its examples."""
        return self._page(name, "example", query)

    def asset(self, file: str) -> str:
        """A style sheet or a script."""
        return f"{self.root}static/{file}"

    def _page(self, name: str, page: str, query: str) -> str:
        ending = ".html" if self.is_files else ""
        return f"{self.root}evaluations/{name}/{page}{ending}{'?' if query else ''}{query}"


SERVED = Places()
