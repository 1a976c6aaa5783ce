"""Report pages beside the tables of a warehouse, wherever that is: written, and where they are."""

from dataclasses import dataclass
from pathlib import Path

from eval_assets.storage.warehouse import Warehouse

FOLDER = "reports"
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class ReportPages:
    """The pages of all evaluations.

    Args:
        warehouse: Whose.
    """

    warehouse: Warehouse

    def write(self, evaluation: str, html: str) -> str:
        """Replace the page of an evaluation. Returns its address."""
        if self.warehouse.is_local:
            page = self._local(evaluation)
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(html, encoding="utf-8")
        else:
            self.warehouse.objects.write(self._below(evaluation), html.encode(), media_type=HTML)
        return self._address(evaluation)

    def place(self, evaluation: str) -> str | None:
        """Path of the page of an evaluation, or its address in an object store; null if it has none."""
        if self.warehouse.is_local:
            page = self._local(evaluation)
            return str(page) if page.exists() else None
        return self._address(evaluation) if self.warehouse.objects.is_there(self._below(evaluation)) else None

    def address(self, evaluation: str) -> str | None:
        """Where the page of an evaluation is; null if it has none."""
        return None if self.place(evaluation) is None else self._address(evaluation)

    def _below(self, evaluation: str) -> str:
        return f"{FOLDER}/{evaluation}.html"

    def _local(self, evaluation: str) -> Path:
        return Path(self.warehouse.root) / self._below(evaluation)

    def _address(self, evaluation: str) -> str:
        if self.warehouse.is_local:
            return self._local(evaluation).absolute().as_uri()
        return self.warehouse.uri(self._below(evaluation))
