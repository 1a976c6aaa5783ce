"""The file that remembers which concurrency worked: a hint that nothing depends on."""

import asyncio

import pytest

from eval_assets.config.model import Limits
from eval_assets.providers.dispatch.concurrency import Level
from eval_assets.providers.dispatch.limiter import Limiters
from eval_assets.providers.dispatch.remembered import remember_levels, remembered_levels


async def answer_some(limiter, n):
    for permit in [await limiter.acquire() for _ in range(n)]:
        limiter.release(permit, answered=True)


def test_what_worked_is_where_the_next_process_starts(tmp_path):
    path, limits = tmp_path / "state" / "concurrency.json", Limits(max_concurrency=64)
    first = Limiters(path)
    for n in (1, 4):
        asyncio.run(answer_some(first.of("account", "m", limits), n))
    first.of("other", "m", limits)  # nothing was answered there
    first.remember()
    assert remembered_levels(path) == {"account": Level(16)}
    assert Limiters(path).of("account", "m", limits).limit == 16
    assert Limiters(path).of("account", "m", Limits(max_concurrency=5)).limit == 5  # no more than its file says
    assert Limiters(path).of("other", "m", limits).limit == 1


def test_a_level_beyond_which_requests_were_refused_is_not_quadrupled(tmp_path):
    path = tmp_path / "concurrency.json"
    remember_levels(path, {"found": Level(16, is_found=True), "untried": Level(16)})
    limiters, limits = Limiters(path), Limits(max_concurrency=64)
    for account in ("found", "untried"):
        asyncio.run(answer_some(limiters.of(account, "m", limits), 16))
    assert limiters.of("untried", "m", limits).limit == 64
    assert limiters.of("found", "m", limits).limit == 18  # 16 / 8 more per round trip


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b'{"account": {"limit": 8, "is_fou',
        b"\xff\x00",
        b"[]",
        b"[" * 100_000,
        b'{"account": 8}',
        b'{"account": {"limit": "8", "is_found": false}}',
        b'{"account": {"limit": 0, "is_found": false}}',
        b'{"account": {"limit": true, "is_found": false}}',
    ],
)
def test_a_damaged_file_is_forgotten_and_written_anew(tmp_path, damage):
    path = tmp_path / "concurrency.json"
    path.write_bytes(damage)
    assert remembered_levels(path) == {}
    remember_levels(path, {"other": Level(4)})
    assert remembered_levels(path) == {"other": Level(4)}


def test_processes_keep_what_others_learned_of_other_accounts(tmp_path):
    path, limits = tmp_path / "concurrency.json", Limits()
    one, other = Limiters(path), Limiters(path)
    for limiters, account in ((one, "a"), (other, "b")):
        asyncio.run(answer_some(limiters.of(account, "m", limits), 1))
        limiters.remember()
    assert remembered_levels(path) == {"a": Level(16), "b": Level(16)}
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_takes_no_file_costs_the_memory_and_nothing_else(tmp_path):
    (tmp_path / "file").write_text("")
    remember_levels(tmp_path / "file" / "concurrency.json", {"a": Level(2)})
    assert remembered_levels(tmp_path / "file" / "concurrency.json") == {}
