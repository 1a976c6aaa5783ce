"""Taking the labels that people give to outputs of an evaluation: what can be taken, what it is of, how many there are.

Which labels count is in `given_labels`.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from eval_assets.calibration.given_labels import (
    OUTPUT,
    PREFERENCES,
    TABLE,
    GivenLabel,
    fingerprint,
    in_order,
    judges_named,
    number_in,
    stored_labels,
    used_labels,
)
from eval_assets.config.candidate import Candidate
from eval_assets.config.problems import nearest
from eval_assets.config.project import Project
from eval_assets.config.scales import Scale
from eval_assets.errors import LabelError
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.label_tables import GIVEN_LABELS

Outputs = Mapping[tuple[str, str, int], str | None]
"""Example, candidate and sample → the present output."""


@dataclass(frozen=True, slots=True)
class Labelling:
    """Takes labels of the outputs of one evaluation.

    Args:
        project: The files; the scales are those of its judges.
        warehouse: The tables.
        evaluation: Its name.
    """

    project: Project
    warehouse: Warehouse
    evaluation: str

    def give(self, labels: Sequence[GivenLabel]) -> pl.DataFrame:
        """Add labels, all in one commit; none of them unless all can be taken. Returns the rows that were added.

        Raises:
            ConfigError: There is no such evaluation.
            LabelError: Of the first label that can't be taken: what was expected, what came.
        """
        rows = self.rows_of(labels)
        for row in rows:
            if isinstance(row, str):
                raise LabelError(row)
        added = pl.DataFrame(rows, schema=GIVEN_LABELS)
        self.append(added)
        return added

    def append(self, rows: pl.DataFrame) -> None:
        """Add rows of `GIVEN_LABELS` in one commit."""
        if rows.height:
            self.warehouse.append(TABLE, rows, {"raters": ", ".join(sorted(set(rows["rater"])))})

    @property
    def dataset(self) -> str:
        """Name of the dataset, to which labels belong."""
        return self.project.evaluation(self.evaluation).file.dataset

    def present(self, labels: pl.DataFrame) -> pl.DataFrame:
        """Those of some rows of `GIVEN_LABELS` that are of outputs as candidates of the evaluation give them now."""
        examples = labels["example_id"].unique().to_list()
        predictions = self.warehouse.scan("predictions", {"evaluation": self.evaluation}).filter(
            pl.col("example_id").is_in(examples)
        )
        outputs = set(predictions.select(OUTPUT).unique().collect().iter_rows())
        first = pl.Series([row in outputs for row in labels.select(OUTPUT).iter_rows()], dtype=pl.Boolean)
        others = labels.select("example_id", "other_model", "other_prompt", "other_output").iter_rows()
        other = pl.Series([row[1] is None or row in outputs for row in others], dtype=pl.Boolean)
        return labels.filter(first & other)

    def counts(self) -> pl.DataFrame:
        """How many labels there are on the dataset, a row per judge, kind and rater.

        Returns:
            `judge`, `is_pair`, `rater`, `n_given` (all that are stored), `n_used` (without those that were replaced or
            taken back), `n_outdated` (of these, of outputs that no candidate of the evaluation gives now),
            `last_given_at`.
        """
        stored = stored_labels(self.warehouse, self.dataset)
        used = used_labels(stored)
        present = set(self.present(used)["label_id"])
        is_used = pl.col("label_id").is_in(used["label_id"].to_list())
        return (
            stored.group_by("judge", pl.col("other_model").is_not_null().alias("is_pair"), "rater")
            .agg(
                n_given=pl.len(),
                n_used=is_used.sum(),
                n_outdated=(is_used & ~pl.col("label_id").is_in(list(present))).sum(),
                last_given_at=pl.col("given_at").max(),
            )
            .sort("judge", "is_pair", "rater", nulls_last=True)
        )

    def rows_of(self, labels: Sequence[GivenLabel]) -> list[dict[str, Any] | str]:
        """For each label its row of `GIVEN_LABELS`, or what is wrong with it."""
        outputs = self._outputs({label.example_id for label in labels})
        now = datetime.now(UTC)
        return [self._row(in_order(label), outputs, now) for label in labels]

    def scale_of(self, judge: str) -> Scale:
        """The scale of a judge: a jury's is that of its jurors.

        Raises:
            ConfigError: There is no such judge.
        """
        declared = self.project.judge(judge).file
        return self.project.judge(declared.jurors[0]).file.scale if declared.jurors else declared.scale

    @property
    def judges(self) -> tuple[str, ...]:
        """Judges of the evaluation, the one of pairs last."""
        return judges_named(self.project.evaluation(self.evaluation))

    def _row(self, label: GivenLabel, outputs: Outputs, now: datetime) -> dict[str, Any] | str:
        fault = self._fault(label)
        if fault:
            return fault
        texts: dict[str, str | None] = {"": None, "other_": None}
        seen = [("", label.candidate, label.output, label.shown)]
        seen += [("other_", label.other, label.other_output, label.other_shown)] if label.other is not None else []
        for side, candidate, given, shown in seen:
            found = self._labelled(label, candidate, given, shown, outputs)
            if isinstance(found, LabelError):
                return str(found)
            texts[side] = found
        other = Candidate(label.other) if label.other is not None else None
        return {
            "dataset": self.dataset,
            "label_id": f"l-{uuid.uuid4().hex[:16]}",
            "given_at": label.given_at or now,
            "rater": label.rater.strip(),
            "evaluation": self.evaluation,
            "example_id": label.example_id,
            "sample_index": label.sample_index,
            **Candidate(label.candidate).columns,
            "output": texts[""],
            "output_sha256": fingerprint(texts[""]),
            "other_model": other and other.model,
            "other_prompt": other and other.prompt,
            "other_output": texts["other_"],
            "other_output_sha256": fingerprint(texts["other_"]),
            "judge": label.judge,
            "label": label.label,
            "score": None if label.other is not None else number_in(label.label),
            "note": label.note,
            "is_chosen": label.is_chosen,
        }

    def _fault(self, label: GivenLabel) -> str | None:
        """What is wrong with a label, whatever the outputs are."""
        if not label.rater.strip():
            return "expected the name of the rater, got none"
        candidates = self.project.evaluation(self.evaluation).candidates
        for candidate in filter(None, (label.candidate, label.other)):
            if candidate not in candidates:
                return f"expected a candidate of {self.evaluation}, got {candidate!r}; {nearest(candidate, candidates)}"
        if label.other == label.candidate:
            return f"expected two candidates side by side, got {label.other!r} twice"
        if label.judge is not None and label.judge not in self.judges:
            return f"expected a judge of {self.evaluation}, got {label.judge!r}; {nearest(label.judge, self.judges)}"
        return None if label.label is None else self._off_scale(label, label.label)

    def _off_scale(self, label: GivenLabel, given: str) -> str | None:
        """Why what is given is no label of a pair, or of any scale it is compared with."""
        if label.other is not None:
            is_one = given in PREFERENCES
            return None if is_one else f"expected one of {', '.join(PREFERENCES)} for a pair, got {given!r:.80}"
        asked = [label.judge] if label.judge is not None else self.judges
        scales = {judge: self.scale_of(judge) for judge in asked}
        if any(scale.score_by_people(given, number_in(given)) is not None for scale in scales.values()):
            return None
        spans = "; ".join(f"{judge}: {scale.span}" for judge, scale in scales.items())
        return f"expected a verdict on the scale ({spans or 'the evaluation has no judge'}), got {given!r:.80}"

    def _labelled(
        self, label: GivenLabel, candidate: str, given: str | None, shown: str | None, outputs: Outputs
    ) -> str | LabelError:
        """The output that a label is of, or why there is none."""
        place = (label.example_id, candidate, label.sample_index)
        present = outputs.get(place)
        if given is not None:
            # Files may have other line ends than the output that they are of.
            text = given if shown in (None, fingerprint(given)) else present
            if shown is None or fingerprint(text) == shown:
                return text or ""
            return LabelError("the output isn't the one that `output_sha256` tells: one of the two was changed")
        which = f"{candidate} on example {label.example_id!r}, sample {label.sample_index}"
        if place not in outputs:
            return LabelError(f"expected an output of {which}, there is none in {self.evaluation}")
        if present is None:
            return LabelError(f"expected an output with a text, {which} has none: there is nothing to label")
        if shown not in (None, fingerprint(present)):
            return LabelError(f"the output of {which} has changed since it was shown; look at it again")
        return present

    def _outputs(self, example_ids: set[str]) -> Outputs:
        """Example, candidate and sample → the present output."""
        rows = self.warehouse.scan("predictions", {"evaluation": self.evaluation})
        found = rows.filter(pl.col("example_id").is_in(list(example_ids))).select(
            "example_id", "model", "prompt", "sample_index", "output"
        )
        return {
            (row["example_id"], Candidate.of_row(row), row["sample_index"]): row["output"]
            for row in found.collect().iter_rows(named=True)
        }
