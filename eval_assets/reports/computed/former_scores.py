"""What the former states of candidates score, as gates ask for it: on the same rows, measured in the same way."""

from dataclasses import dataclass

import polars as pl

from eval_assets.config.candidate import Candidate
from eval_assets.reports.computed.scores import ExampleGroups, MetricFacts, scores_by_candidate
from eval_assets.reports.computed.state_effects import OF_ANSWERS, scores_of_answers
from eval_assets.reports.computed.two_states import BEFORE, NOW, under_name
from eval_assets.statistics.comparison.decisions import GateDecision
from eval_assets.statistics.descriptive import ExampleScores
from eval_assets.tables.change_tables import PAIRED_SCORES
from eval_assets.tables.columns import CANDIDATE
from eval_assets.wording.numbers import count_text

NONE_OF = {
    "previous": "there is no former state to compare with: none yet, or maintenance has removed its rows",
    "released": "no state of it was released: `eval-assets release EVALUATION` marks the present one",
}


@dataclass(frozen=True, slots=True)
class FormerScores:
    """Scores of candidates beside those of their former states.

    Args:
        pairs: Rows of `paired_scores`.
        groups: Clusters of the dataset and of replies that examples share.
    """

    pairs: pl.DataFrame
    groups: ExampleGroups | None = None

    @classmethod
    def none(cls) -> "FormerScores":
        """No candidate has a former state."""
        return cls(pl.DataFrame(schema=PAIRED_SCORES))

    def settled(self, since: str, candidate: Candidate, metric: str) -> tuple[GateDecision, str, int] | None:
        """What a gate says without measuring: why nothing can be said, or that no answer changed; null: measure.

        Args:
            since: previous or released.
            candidate: The candidate.
            metric: Metric or judge name.

        Returns:
            Verdict, reason and how many examples it is over.
        """
        own = self._of(since, candidate)
        of_metric = own.filter(metric=metric, row="same")
        if own.is_empty():
            return GateDecision.INCONCLUSIVE, NONE_OF[since], 0
        if own.filter(metric=metric).is_empty():
            return GateDecision.INCONCLUSIVE, f"the candidate has no scores of {metric}", 0
        if of_metric.is_empty():
            return GateDecision.INCONCLUSIVE, f"no row is the same in the {since} state and now", 0
        if not of_metric["is_answered_otherwise"].any():
            same = f"all {count_text(of_metric.height, 'row')} that are the same in both states are answered as before"
            return GateDecision.GO, same, of_metric.height
        if (scoring := of_metric["scoring"][0]) not in OF_ANSWERS:
            both = (
                f"both the answers and how {metric} scores them changed since the {since} state ({scoring}), so that "
                "nothing says whether the answers got worse; change one of the two and run, then the other"
            )
            return GateDecision.INCONCLUSIVE, both, 0
        return None

    def scores(
        self, since: str, candidate: Candidate, metric: str, facts: MetricFacts
    ) -> tuple[ExampleScores, ExampleScores]:
        """What the former answers of a candidate score, and the present ones, on the rows that are the same in both.

        Args:
            since: previous or released.
            candidate: The candidate.
            metric: Metric or judge name, of which nothing is `settled`.
            facts: Its direction and range.
        """
        scores = scores_of_answers(self._of(since, candidate).filter(metric=metric))
        gathered = scores_by_candidate(scores, [BEFORE, NOW], facts, self._groups_of(candidate))
        return gathered[BEFORE], gathered[NOW]

    def _of(self, since: str, candidate: Candidate) -> pl.DataFrame:
        return self.pairs.filter((pl.col("since") == since) & (candidate == CANDIDATE))

    def _groups_of(self, candidate: Candidate) -> ExampleGroups | None:
        """The groups of a candidate, under the names of its two states."""
        if self.groups is None or self.groups.shared_replies is None:
            return self.groups
        shared = self.groups.shared_replies.filter(candidate == CANDIDATE)
        both = pl.concat([under_name(NOW, shared), under_name(BEFORE, shared)])
        return ExampleGroups(self.groups.examples, self.groups.cluster, self.groups.slices, both)
