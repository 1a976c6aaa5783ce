# ruff: noqa: SIM905  words of many scripts, in lists that stay readable
"""Words around a verdict, in the languages judges reply in. How they are used is in `lines` and `values`."""

import re

VERDICT_WORDS = frozenset(
    "score rating grade verdict label judgement judgment mark marks "  # English
    "punktzahl bewertung wertung note urteil gesamtnote "  # German
    "évaluation puntuación puntaje calificación veredicto "  # French, Spanish
    "nota pontuação avaliação veredito "  # Portuguese
    "punteggio voto valutazione verdetto beoordeling cijfer "  # Italian, Dutch
    "ocena wynik betyg poäng puan skor оценка балл вердикт оцінка ציון "  # Polish, Swedish, Turkish, Russian, Hebrew
    "评分 得分 分数 判定 评级 評分 分數 評価 評点 得点 スコア 점수 평점 판정 "  # Chinese, Japanese, Korean
    "الدرجة التقييم النتيجة الحكم स्कोर अंक điểm คะแนน".split()  # Arabic, Hindi, Vietnamese, Thai
)

JUSTIFICATION_WORDS = frozenset(
    "justification reason reasoning explanation rationale analysis comment "
    "begründung erklärung raison justificación explicación razón justificativa motivazione обоснование объяснение "
    "理由 解释 原因 説明 이유 근거 السبب التبرير कारण".split()
)

QUALIFIERS = frozenset(
    "so thus therefore hence my the our overall total final conclusion in llm judge assigned given resulting "
    "endgültige gesamt meine die finale mi la le final총 最终 最终的 总 最終 итоговая моя".split()
)
"""May stand before a verdict word at the start of a line, and nothing else may."""

FINAL_WORDS = frozenset(
    "final finally conclusion endgültig endgültige finale définitif definitivo 最终 最終 итоговая 최종".split()
)
"""A last verdict announced by one of these replaces the ones before it."""

QUOTING_WORDS = frozenset(
    "says said claims contains writes wrote reads ends states includes quotes quote quotation demands instructs "
    "sagt schreibt enthält behauptet dit écrit affirme contient dice escribe afirma contiene diz scrive afferma "
    "пишет утверждает содержит".split()
)
"""Announce, before a colon, that a quotation follows."""

UNITS = "points?|pts?|stars?|punkte?n?|étoiles?|puntos?|pontos?|punti|баллов|балла|балл|分|점|点"
OUT_OF = "/|out of|of|von|sur|de|su|van|из|中"
OR = "-|–|—|~|/|,|to|or|and|bis|oder|und|ou|et|o|y|или|或|到|至"

CJK_NUMERALS = {numeral: str(value) for value, numeral in enumerate("零一二三四五六七八九十")} | {"〇": "0"}


def folded_words(text: str) -> list[str]:
    """The words of a text in lower case."""
    return re.findall(r"\w+", text.casefold())
