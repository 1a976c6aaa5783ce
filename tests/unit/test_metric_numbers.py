"""The reader of numbers: what it reads, what it refuses to guess, and that nothing makes it fail."""

import time
import tracemalloc
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_assets.errors import MetricError
from eval_assets.metrics.answers.numerals import numeral
from eval_assets.metrics.answers.stated_numbers import last_quantity
from tests.unit.test_metric_rows import resolved, score_rows, scores


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3/4", "3/4"),
        ("1 1/2 cups", "3/2"),  # 1 + 1/2
        ("3½", "7/2"),
        ("−1 1/2", "-3/2"),  # -(1 + 1/2)
        (r"\boxed{\frac{3}{4}}", "3/4"),
        ("1,5", "3/2"),
        ("1.5", "3/2"),
        ("0,234", "117/500"),  # no group begins with 0
        ("1,234", "1234"),
        ("1.234.567", "1234567"),
        ("1.234,5", "2469/2"),
        ("1,234.5", "2469/2"),
        ("12,34,567 rupees", "1234567"),  # lakhs
        ("1'234", "1234"),
        ("1 234 567", "1234567"),
        ("1\u202f234,5", "2469/2"),
        ("1_000", "1000"),
        ("1e3", "1000"),
        ("1.5×10^5", "150000"),
        ("1.5 x 10⁵", "150000"),
        (r"1.5 \times 10^{-1}", "3/20"),
        ("2^10", "1024"),
        ("5 km2", "5"),
        ("5km²", "5"),
        ("5 m s⁻¹", "5"),
        ("5 of H2O", "5"),
        ("18 (COVID-19)", "18"),
        ("-$18", "-18"),
        ("$-18.", "-18"),
        ("USD5", "5"),
        ("€ 5,50", "11/2"),
        ("x = - 5", "-5"),
        ("minus 5 degrees", "-5"),
        (r"$-\frac{1}{2}$", "-1/2"),
        (r"1\frac{1}{2}", "3/2"),
        (r"5 \text{ km}^2", "5"),
        ("No.5", "5"),
        (".5", "1/2"),
        ("50%", "50"),
        ("5 million", "5000000"),
        ("2 hundred thousand", "200000"),
        ("$1.5bn", "1500000000"),
        ("5万円", "50000"),
        ("答案是18。", "18"),
        ("١٬٢٣٤٫٥", "2469/2"),
        ("१८", "18"),
        ("**18**", "18"),
        ("<<3+4=7>>7", "7"),
        ("Total:\n- 5", "5"),  # a bullet, not a sign
    ],
)
def test_one_number_is_read_however_it_is_written(text, value):
    assert last_quantity(text).value == Fraction(value)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "2-3",
            "10 – 20",
            "2024-01-05",
            "05/01/2024",
            "3.11.2",
            "555-1234",
            "1,2,3",
            "3:1",
            "3 + 4",
            "7 - 5",
            "5×3",
            "10 minus 5",
        ),
        *("±5", "≤5", "√2", r"\sqrt{2}", "2π", r"\frac{\pi}{2}", "10h30", "5ft6in", "0x1F", "1/0", "1.5/2", "1-1/2"),
        *("5M", "300K", "9" * 2000, "1e99999", "9^9999"),
    ],
)
def test_what_stands_for_no_single_number_is_not_guessed(text):
    assert last_quantity(text).value is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-½", "-1/2"),
        ("x = −½%", "-1/2"),
        ("- ½", "1/2"),  # an item of a list
        ("½ million", "500000"),
        (",5", "1/2"),
        ("a,5", "5"),
        (r"5{.}5", "11/2"),
        ("A$5", "5"),
        ("R$ 1.234,50", "2469/2"),
        ("HK$5.50", "11/2"),
        ("AUD5", "5"),
        ("£5m", "5000000"),
        ("$3 bn", "3000000000"),
        ("5m", "5"),  # metres
        ("a 5-million-dollar house", "5000000"),
        ("5 миллионов", "5000000"),
        ("5 тыс. руб.", "5000"),
        ("3 करोड़", "30000000"),
        ("٥ مليون", "5000000"),
        ("5만원", "50000"),
        ("3 mila euro", "3000"),
        ("8 out of 10", "4/5"),
        ("6 CO₂", "6"),
        ("log₂ 8", "8"),
        ("\u200e-5\u200e", "-5"),  # marks of direction
        ("from 10 to 12", "12"),
        ("30 min a day in 2 days", "2"),
        ("5 minutes 3 times", "3"),
    ],
)
def test_signs_currencies_and_words_of_other_places_are_read(text, value):
    assert str(last_quantity(text).value) == value


@pytest.mark.parametrize(
    "text",
    [
        "2 h 30 min", "2 hours and 30 minutes", "5ft 3in", "5 feet, 3 inches", "6 lb 4 oz", "3 kg 500 g",
        "5 dollars and 30 cents", "2 Stunden 30 Minuten", "90° 30′", "5 ± 1", "5 +/- 1", "10 to 12", "$5 to $7",
        "between 5 and 7", "101₂",
    ],
)  # fmt: skip
def test_quantities_of_two_numbers_are_not_known_by_their_last(text):
    assert last_quantity(text).value is None
    [row] = score_rows("numeric_match", [f"about {text}"], ["7"]).to_dicts()
    assert row["score"] == 0.0
    assert row["reason"].startswith("expected one number at the end of the output, got ")


@pytest.mark.parametrize(
    ("output", "target"),
    [
        ("5 миллионов", "5 тысяч"),
        ("-½", "½"),
        ("10.30 am", "10.30 pm"),
        ("3 out of 10", "7 out of 10"),
        ("2₃ CO₂", "7"),
    ],
)
def test_what_is_written_alike_and_means_another_number_is_not_equal(output, target):
    assert scores("numeric_match", [output], [target]) == [0.0]


@pytest.mark.parametrize(
    "text", ["H₂O", "CO₂", "x₁₀", "H2O", "km2", "x_1", "m^2", "GPT-4", "COVID-19", "none", "", "eighteen"]
)
def test_digits_inside_a_word_are_no_number(text):
    assert last_quantity(text) is None


@pytest.mark.parametrize(
    ("output", "target", "expected"),
    [
        ("1/4", "3/4", 0.0),
        ("0.75", "3/4", 1.0),
        ("9 km2", "5 km2", 0.0),
        ("1,5", "15", 0.0),
        ("1,5", "1.5", 1.0),
        ("23:30", "10:30", 0.0),
        ("10:30 PM", "22:30", 1.0),
        ("10:30", "10.5", 0.0),
        ("3 a.m.", "3 pm", 0.0),
        ("5pm", "17:00", 1.0),
        ("5 m2", "5", 1.0),
        ("5", "5 m2", 1.0),
        ("H2O", "2", 0.0),
        ("1e3", "10", 0.0),
        ("10^5", "105", 0.0),
        ("5 million", "5", 0.0),
        ("-$18", "18", 0.0),
    ],
)
def test_output_and_target_are_read_by_the_same_rule(output, target, expected):
    assert scores("numeric_match", [output], [target]) == [expected]


def test_a_target_that_cant_be_read_leaves_the_row_unscored_and_an_output_is_wrong_with_the_reason():
    rows = score_rows("numeric_match", ["20", "10-20"], ["10-20", "20"])
    assert rows.select("score", "outcome", "reason").rows() == [
        (None, "skipped", "expected one number in the targets, got '10-20'"),
        (0.0, "ok", "expected one number at the end of the output, got '10-20'"),
    ]


def test_a_decimal_comma_is_a_parameter_where_a_number_has_two_readings():
    assert (numeral("1,234"), numeral("1,234", ",")) == (1234, Fraction(1234, 1000))
    assert scores("numeric_match", ["1.234", "1,5"], ["1234", "1.5"], decimal_mark=",") == [1.0, 1.0]


def test_a_tolerance_that_is_no_number_is_refused():
    with pytest.raises(MetricError, match=r"expected parameter 'tolerance' .* as a finite number, got inf"):
        resolved("numeric_match", tolerance=float("inf"))


@given(st.text(st.sampled_from("0123456789 .,'/:-+^*×eE$%km½²πx_\\{}()=<>#\n\u066b٣万M&~√\u202f"), max_size=60))
def test_any_text_is_read_or_refused_and_never_fails(text):
    found = last_quantity(text)
    assert found is None or found.value is None or isinstance(found.value, Fraction)


@given(st.text(max_size=80))
def test_any_unicode_is_read_or_refused_and_never_fails(text):
    last_quantity(text)


@given(st.fractions(max_denominator=10**6))
def test_a_fraction_is_read_as_itself(number):
    assert last_quantity(f"The answer is {number}").value == number


@given(st.integers(-(10**15), 10**15), st.sampled_from([",", ".", "'", "\u202f", " ", "_"]))
def test_groups_of_thousands_are_read_whatever_divides_them(number, mark):
    grouped = f"{number:,}".replace(",", mark)
    if grouped.count(mark) != 1 or mark != ".":  # 1.234 is a decimal number unless the metric is told otherwise
        assert last_quantity(grouped).value == number


@pytest.mark.parametrize(
    "unit",
    [
        "9",
        "9 ",
        "1 2/",
        "1,",
        "-",
        "1e9",
        "9^",
        "  ",
        "\n1",
        "$-",
        "½",
        "999 ",
        "1/1 ",
        "x9",
        "９",
        "\\frac{1}",
        "{",
        "^9",
    ],
)
def test_a_long_text_takes_time_and_memory_in_proportion(unit):
    text = unit * (30_000 // len(unit))
    tracemalloc.start()
    began = time.process_time()
    last_quantity(text)
    seconds, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6e6  # 200 MB for a million characters
    assert seconds < 6
