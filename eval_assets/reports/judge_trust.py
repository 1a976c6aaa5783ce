"""How far each judge of a report can be trusted, in words and rows. Measuring it is in `eval_assets.calibration`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from eval_assets.config.candidate import Candidate
from eval_assets.reports.candidate_report import Row
from eval_assets.reports.judge_parts import AGREEMENT, JudgePart, judge_parts
from eval_assets.reports.note import Note, Weight
from eval_assets.wording.numbers import interval_text, number_text, plain_number, share_text

UNCALIBRATED = "uncalibrated"
NO_BETTER_THAN_CHANCE = "no better than chance"
NOT_TOLD_FROM_CHANCE = "can't be told from chance"
CHECKED = "checked"
COLLAPSED = 0.5  # share of one and the same score that is worth a word
COPIED = 0.05  # share of justifications out of the judge's own file that is worth a word
TITLES = {
    "raw_agreement": "same score as people",
    "cohen_kappa": "Cohen's kappa",
    "cohen_kappa_quadratic": "Cohen's kappa, quadratic weights",
    "spearman": "Spearman's rank correlation",
    "krippendorff_alpha_with_judge": "Krippendorff's alpha, people and judge",
    "krippendorff_alpha_raters": "Krippendorff's alpha, people alone",
    "krippendorff_alpha_jurors": "Krippendorff's alpha, jurors",
    "length_bias": "score per 100 characters",
    "length_bias_beyond_people": "score per 100 characters, beyond people's",
    "self_preference": "preference for its own family",
    "self_preference_beyond_people": "preference for its own family, beyond people's",
    "position_flip_rate": "pairs whose winner changes with the order",
    "first_place_preference": "preference for the first place",
    "most_frequent_score_share": "outputs with the most frequent score",
    "copied_justification_share": "justifications copied from its own examples",
}


@dataclass(frozen=True, slots=True)
class JudgeTrust:
    """What is known about one judge.

    Args:
        judge: Its name.
        uncalibrated: Why no agreement holds for the judge as it is now, `uncalibrated: <why>`; null if one does.
        statistics: Statistic → row of `judge_agreement`; those about single candidates are not among them.
        corrected: Candidate `model@prompt` → row of its corrected mean.
        parts: Agreement with people by slice, and with other judges, as `judge_parts` orders them.
    """

    judge: str
    uncalibrated: str | None
    statistics: Mapping[str, Row]
    corrected: Mapping[str, Row]
    parts: tuple[JudgePart, ...] = ()

    @property
    def shown(self) -> Iterator[tuple[str, Row]]:
        """Title and row of each statistic that has a value."""
        for name, title in TITLES.items():
            row = self.statistics.get(name)
            if row is not None and row["value"] is not None:
                yield title, row

    @property
    def note(self) -> Note:
        """The sentence, as consequential as the judge is doubtful."""
        return Note(self.sentence, Weight.KNOWN if self.beats_chance else Weight.UNTRUSTED)

    @property
    def sentence(self) -> str:
        """What a reader must know before believing the judge's scores."""
        return " ".join([f"{self.judge}: {' '.join(self._agreement())}", *self._habits()])

    @property
    def badge(self) -> str:
        """What the judge is worth, in a few words.

        `checked` only where the interval of its agreement with people lies above 0, which is chance.
        """
        if self.uncalibrated is not None:
            return UNCALIBRATED
        measured = self.agreement
        if measured["value"] <= 0:
            return NO_BETTER_THAN_CHANCE
        return CHECKED if measured["ci_low"] is not None and measured["ci_low"] > 0 else NOT_TOLD_FROM_CHANCE

    @property
    def beats_chance(self) -> bool:
        """Whether it was shown to agree with people better than chance, as it is now."""
        return self.badge == CHECKED

    @property
    def agreement(self) -> Row:
        """The row that says how far it agrees with people: of kappa, or of the rank correlation where kappa has no
        value. There is one unless the judge is uncalibrated.
        """
        rows = (self.statistics[name] for name in AGREEMENT if name in self.statistics)
        return next(row for row in rows if row["value"] is not None)

    def _agreement(self) -> Iterator[str]:
        if self.uncalibrated is not None:
            yield f"{self.uncalibrated}. Nothing here says whether people would agree with its scores."
            return
        row = self.agreement
        raters = ", ".join(json.loads(row["raters"] or "[]"))
        same = self.statistics["raw_agreement"]["value"]
        yield f"compared with {row['n']:,} outputs labelled by {raters},"
        yield f"it gives the same score on {share_text(same)} and" if same is not None else "it"
        yield f"reaches {TITLES[row['statistic']]} {number_text(row['value'], within=(row['ci_low'], row['ci_high']))}"
        yield f"{interval_text(row['ci_low'], row['ci_high'])}, where 0 is chance and 1 is perfect."
        if not self.beats_chance:
            yield f"That {'is ' if self.badge == NO_BETTER_THAN_CHANCE else ''}{self.badge}."
        if self.corrected and all(corrected["value"] is None for corrected in self.corrected.values()):
            closest = max(self.corrected.values(), key=lambda corrected: corrected["n"])
            yield f"No mean can be corrected for its errors: {closest['method'].removeprefix('none: ')}."

    def _habits(self) -> Iterator[str]:
        frequent, copied, flipped = (
            self.statistics.get(name)
            for name in ("most_frequent_score_share", "copied_justification_share", "position_flip_rate")
        )
        if frequent is not None and frequent["value"] >= COLLAPSED:
            score = json.loads(frequent["detail"])["score"]
            yield f"It gives the score {plain_number(score)} to {share_text(frequent['value'])} of the outputs."
        if copied is not None and copied["value"] >= COPIED:
            yield f"{share_text(copied['value'])} of its justifications are copied from the examples it is shown."
        if flipped is not None:
            yield f"The order in which two outputs are shown decides {share_text(flipped['value'])} of its comparisons."


def judge_trust(agreement: pl.DataFrame, judges_now: Mapping[str, str | None]) -> tuple[JudgeTrust, ...]:
    """Gather what is known about each judge.

    Args:
        agreement: Rows of `judge_agreement` of one evaluation.
        judges_now: Judge → its data version as its file stands now; null if that can't be told, which leaves it
            uncalibrated.
    """
    return tuple(_of_judge(judge, agreement.filter(pl.col("judge") == judge), now) for judge, now in judges_now.items())


def _of_judge(judge: str, rows: pl.DataFrame, now: str | None) -> JudgeTrust:
    of_all = rows.filter(pl.col("slice_column").is_null() & pl.col("other_judge").is_null())
    overall = {row["statistic"]: row for row in of_all.filter(pl.col("model").is_null()).iter_rows(named=True)}
    corrected: dict[str, Row] = {
        Candidate.of_row(row): row for row in of_all.filter(pl.col("model").is_not_null()).iter_rows(named=True)
    }
    return JudgeTrust(judge, _why_uncalibrated(overall, now), overall, corrected, judge_parts(rows))


def _why_uncalibrated(statistics: Mapping[str, Row], now: str | None) -> str | None:
    measured = statistics.get("spearman")
    if measured is None:
        return f"{UNCALIBRATED}: its agreement with people was never measured"
    if measured["method"].startswith(UNCALIBRATED):
        return str(measured["method"])
    if all(statistics[name]["value"] is None for name in ("spearman", "cohen_kappa_quadratic")):
        return f"{UNCALIBRATED}: {measured['method']}"
    if measured["judge_sha256"] is None:
        return f"{UNCALIBRATED}: its verdicts come from several versions of it"
    if measured["judge_sha256"] != now:
        return f"{UNCALIBRATED}: agreement was measured with version {measured['judge_version']}, before it changed"
    return None
