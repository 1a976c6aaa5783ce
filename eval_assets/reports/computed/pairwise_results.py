"""From preferences between outputs to win rates, flip rates and a ranking. Asking is in `judges.pairwise`."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from eval_assets.config.candidate import Candidate
from eval_assets.judges.pairwise import PreferenceCounts, preference_counts
from eval_assets.statistics.judging.preferences import bradley_terry, win_rate
from eval_assets.tables.evaluation_tables import PAIRWISE_RESULTS

N_RESAMPLES = 1_000


def pairwise_results(preferences: pl.DataFrame, *, confidence: float, seed: int, run_id: str) -> pl.DataFrame:
    """Summarize one evaluation's preferences.

    Args:
        preferences: Rows of `pairwise_preferences`; each pair of candidates stands in them in one direction.
        confidence: Coverage of the intervals, strictly between 0 and 1.
        seed: Of the bootstrap of the ranking: one table and one seed give one interval.
        run_id: Recorded with every row.

    Returns:
        Rows of `pairwise_results`: for each candidate one per opponent, and one without opponent with its Bradley-Terry
        strength and its rank among all, which are null where the comparisons don't tell them. Pairs without a verdict
        in both orders are in `n_total` alone.
    """
    rows = []
    for (evaluation, judge), own in preferences.group_by("evaluation", "judge", maintain_order=True):
        named = {"evaluation": evaluation, "judge": judge, "confidence": confidence, "run_id": run_id}
        rows += [{**named, **row} for row in _duels(own, confidence)]
        rows += [{**named, **row} for row in _standings(own, confidence, seed)]
    return pl.DataFrame(rows, schema=PAIRWISE_RESULTS)


def _duels(preferences: pl.DataFrame, confidence: float) -> Iterator[dict[str, object]]:
    """Each pair of candidates from both sides."""
    for (a, b), pairs in preferences.group_by("candidate_a", "candidate_b", maintain_order=True):
        counts, outcomes = preference_counts(pairs), _outcomes(pairs)
        clusters = pairs.filter(pl.col("outcome") == "ok")["example_id"].to_numpy()
        for name, other, scores in ((str(a), str(b), outcomes), (str(b), str(a), 1 - outcomes)):
            won = win_rate(scores, confidence=confidence, clusters=clusters if _repeats(clusters) else None)
            yield {
                **_sides(name, other, counts),
                "wins": won.wins,
                "losses": won.losses,
                "ties": won.ties,
                "win_rate": won.rate,
                "ci_low": won.interval.low,
                "ci_high": won.interval.high,
                "ci_method": won.interval.method,
            }


def _standings(preferences: pl.DataFrame, confidence: float, seed: int) -> Iterator[dict[str, object]]:
    """Each candidate's place among all, by Bradley-Terry."""
    names = sorted({*preferences["candidate_a"], *preferences["candidate_b"]})
    judged = preferences.filter(pl.col("outcome") == "ok")
    if judged.is_empty():
        return
    place = {name: index for index, name in enumerate(names)}
    sides = np.array([[place[a], place[b]] for a, b in judged.select("candidate_a", "candidate_b").iter_rows()])
    strengths = bradley_terry(
        names,
        sides.astype(np.int64),
        _outcomes(judged),
        example_index=judged["example_id"].rank("dense").cast(pl.Int64).to_numpy(),
        confidence=confidence,
        n_resamples=N_RESAMPLES,
        seed=seed,
    )
    for row in strengths:
        own = preferences.filter((pl.col("candidate_a") == row.name) | (pl.col("candidate_b") == row.name))
        yield {
            **_sides(row.name, None, preference_counts(own)),
            "strength": row.strength,
            "strength_ci_low": row.interval.low,
            "strength_ci_high": row.interval.high,
            "rank": row.rank,
        }


def _sides(name: str, other: str | None, counts: PreferenceCounts) -> dict[str, object]:
    return {
        **Candidate(name).columns,
        "compared_with": other,
        "n_total": counts.n_total,
        "n_judged": counts.n_judged,
        "flips": counts.flips,
        "flip_rate": counts.flip_rate,
    }


def _outcomes(preferences: pl.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """How the first side of each judged pair fared."""
    return preferences.filter(pl.col("outcome") == "ok")["preference"].to_numpy()


def _repeats(clusters: np.ndarray[tuple[int], np.dtype[np.object_]]) -> bool:
    return len(set(clusters.tolist())) < len(clusters)
