"""Asking a model anew for one row, from the page of its example: the forms, and both replies side by side.

Neither shows how the new reply scores: who keeps the better score keeps luck.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import polars as pl

from eval_assets.errors import EditError, EvalAssetsError, ViewError
from eval_assets.reports.word_diff import DiffPart, word_diff
from eval_assets.requests.conversations import answer_in
from eval_assets.stages.asking_again import ask_again, decide
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.storage.replies.asked_again import KEPT, WAITING, all_asked
from eval_assets.viewer.form_numbers import number_in_form
from eval_assets.viewer.trial import is_trial
from eval_assets.viewer.viewed_project import ViewedProject
from eval_assets.wording.numbers import money_text, seconds_text

Row = Mapping[str, Any]

ASK, KEEP, DISCARD = "ask", "keep", "discard"
FIELDS = ("do", "prediction", "asked", "max_cost_usd", "view")
MOST_COMPARED = 8_000
"""Characters of two replies whose words are compared."""


@dataclass(frozen=True, slots=True)
class ShownAsking:
    """One reply that was asked for anew.

    Args:
        row: Of `asked_again`.
        parts: The new reply, with the words that the former one lacks marked; empty where none came.
        is_same: Whether it says what the former one said.
        is_used: Whether the row has this reply now.
    """

    row: Row
    parts: tuple[DiffPart, ...]
    is_same: bool
    is_used: bool

    @property
    def waits(self) -> bool:
        """Whether nobody has decided on it."""
        return bool(self.row["state"] == WAITING)

    @property
    def facts(self) -> str:
        """How it ended, how long it took and what it cost."""
        cost = "no price is known" if self.row["cost_usd"] is None else money_text(self.row["cost_usd"])
        return f"{self.row['outcome']} · {seconds_text(self.row['latency_seconds'])} · {cost}"


@dataclass
class AskingDesk:
    """Shows what was asked for anew, and takes the forms.

    Args:
        project: What is looked at.
        token: Of the forms.
    """

    project: ViewedProject
    token: str
    _said: dict[str, tuple[str, bool]] = field(default_factory=dict, init=False)

    def takes(self, evaluation: str) -> bool:
        """Whether rows of an evaluation can be asked for again here: those of a trial are tried again instead."""
        return self.project.can_edit and not is_trial(evaluation)

    def shown(self, evaluation: str, rows: pl.DataFrame) -> dict[str, list[ShownAsking]]:
        """What was asked for anew of some rows of `predictions`: prediction → replies, the latest first."""
        found: dict[str, list[ShownAsking]] = {}
        if not self.takes(evaluation):
            return found
        at_hand = {row["prediction_id"]: row for row in rows.iter_rows(named=True)}
        asked = all_asked(self.project.warehouse, evaluation)
        for row in asked.reverse().iter_rows(named=True):
            if row["prediction_id"] in at_hand:
                one = _shown(row, at_hand[row["prediction_id"]])
                found.setdefault(row["prediction_id"], []).append(one)
        return found

    def said(self, prediction_ids: Collection[str]) -> tuple[str, bool]:
        """What the last form about one of these rows came to, once; and whether it is a problem."""
        named = [prediction_id for prediction_id in prediction_ids if prediction_id in self._said]
        return self._said.pop(named[0]) if named else ("", False)

    def take(self, name: str, fields: Mapping[str, str]) -> str:
        """Do what a form says; returns the address of the example, which shows what came of it.

        Raises:
            EditError: The viewer takes no edits.
            ViewError: It is no form of the page, or there is no such row.
        """
        if not self.takes(name):
            raise EditError(
                f"{name:.80}: rows are asked for again with `eval-assets view --allow-edit`, but for trials"
            )
        for key in fields:
            if key not in FIELDS:
                raise ViewError(f"expected one of {', '.join(FIELDS)}, got {key!r:.80}")
        do, prediction = fields.get("do", ""), self._prediction(name, fields.get("prediction", ""))
        if do not in (ASK, KEEP, DISCARD):
            raise ViewError(f"do: expected {ASK}, {KEEP} or {DISCARD}, got {do!r:.80}")
        try:
            said = self._done(name, do, prediction, fields)
        except EvalAssetsError as error:
            self._said[prediction["prediction_id"]] = (str(error), True)
        else:
            self._said[prediction["prediction_id"]] = (said, False)
        view = [(key, value) for key, value in parse_qsl(fields.get("view", "")) if key not in ("id", "part")]
        return f"/evaluations/{name}/example?{urlencode([('id', prediction['example_id']), *view])}"

    def _done(self, name: str, do: str, prediction: Row, fields: Mapping[str, str]) -> str:
        most = number_in_form(fields, "max_cost_usd", whole=False)
        with EngineRoom(
            project=self.project.files(),
            warehouse=self.project.warehouse,
            state_dir=self.project.settings.state_dir,
            writes_pages=False,
        ) as room:
            if do == ASK:
                row = ask_again(room, prediction, max_cost_usd=most)
                return "the request failed: the reply at hand stays" if row["response_id"] is None else ""
            row = decide(room, name, fields.get("asked", ""), keeps=do == KEEP)
        if row["state"] == KEPT:
            return f"kept: `eval-assets run {name}` takes it in, and scores the row anew"
        return "discarded: the row stays as it is"

    def _prediction(self, evaluation: str, prediction_id: str) -> Row:
        rows = self.project.warehouse.scan("predictions", {"evaluation": evaluation})
        found = rows.filter(pl.col("prediction_id") == prediction_id).collect().to_dicts()
        if not found:
            raise ViewError(f"prediction: expected one of {evaluation}, got {prediction_id!r:.80}")
        return found[0]


def _shown(row: Row, at_hand: Row) -> ShownAsking:
    is_used = row["response_id"] is not None and row["response_id"] == at_hand["response_id"]
    new = answer_in(row)
    former = row["former_output"] if is_used or row["state"] != WAITING else answer_in(at_hand)
    parts = word_diff((former or "")[:MOST_COMPARED], (new or "")[:MOST_COMPARED])
    kept = tuple(part for part in parts if part.kind != "removed")
    return ShownAsking(row, kept, new == former, is_used)
