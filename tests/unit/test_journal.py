"""Journal segments: what was appended comes back, what was torn does not."""

from hypothesis import given, settings
from hypothesis import strategies as st

from eval_assets.storage.replies.journal import Segment, framed, read_segment


def test_records_come_back_in_order(tmp_path):
    segment = Segment(tmp_path / "a.journal")
    segment.append({"n": 1, "text": "two\nlines"})
    segment.append({"n": 2, "text": "é\0"})
    assert [record["n"] for record in read_segment(segment.path).records] == [1, 2]  # while open, with space ahead
    segment.close()
    assert segment.path.stat().st_size == len(framed({"n": 1, "text": "two\nlines"}) + framed({"n": 2, "text": "é\0"}))
    assert read_segment(segment.path).records[0] == {"n": 1, "text": "two\nlines"}


@settings(max_examples=50)
@given(cut=st.integers(1, 30))
def test_a_torn_tail_is_counted_and_ignored(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("journal") / "a.journal"
    whole, torn = framed({"n": 1}), framed({"n": 2, "text": "longer than the cut"})
    path.write_bytes(whole + torn[:-cut] + b"\0" * 100)
    recovered = read_segment(path)
    # Cutting only the newline leaves a whole record.
    assert [record["n"] for record in recovered.records] == ([1, 2] if cut == 1 else [1])
    assert recovered.n_torn == (0 if cut == 1 else 1)


def test_a_damaged_record_does_not_hide_those_after_it(tmp_path):
    path = tmp_path / "a.journal"
    path.write_bytes(framed({"n": 1}) + framed({"n": 2}).replace(b"2}", b"7}") + framed({"n": 3}))
    recovered = read_segment(path)
    assert [record["n"] for record in recovered.records] == [1, 3]
    assert recovered.n_torn == 1


def test_space_is_claimed_before_it_is_needed(tmp_path):
    segment = Segment(tmp_path / "a.journal", 0)
    segment.ensure(10 * 2**20)
    assert segment.path.stat().st_blocks * 512 >= 10 * 2**20
    segment.close()
    assert segment.path.stat().st_size == 0
