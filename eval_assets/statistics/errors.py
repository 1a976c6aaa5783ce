"""Misuse of the statistics, raised. Too little data is not misuse: it is a result that says so."""

from eval_assets.errors import EvalAssetsError


class StatisticsError(EvalAssetsError):
    """Scores that no statistic can be computed from as they were passed."""


class UnpairedScoresError(StatisticsError):
    """Two columns that must describe the same examples in the same order do not."""


class UnscoredRowsError(StatisticsError):
    """NaN reached a function that counts no missing rows; drop or bound them first."""


class ScoreRangeError(StatisticsError):
    """A score or a setting lies outside the range it was declared with."""
