"""What providers do to batches: every row keeps an outcome, nothing that came is lost, and nothing is paid twice."""

import json
import logging

import polars as pl
import pytest

from eval_assets.errors import ProviderError, StorageError, UnderWayError
from eval_assets.providers.batches.openai_batches import OpenAIBatches
from eval_assets.providers.failures import RequestFailed
from eval_assets.stages.edges import compute
from eval_assets.stages.spending import Spending
from tests.faults.batch_worker import CELL, N, batched_project, opened, run
from tests.loopback import Fault

pytestmark = pytest.mark.usefixtures("hurried")
KEPT_LINES = 2
AT_ONCE = Spending(sending="at_once")


def predictions(folder) -> pl.DataFrame:
    with opened(folder) as room:
        return room.warehouse.scan("predictions").collect()


def outcomes(folder) -> list[tuple[str, str | None]]:
    return predictions(folder).sort("example_id").select("outcome", "error_kind").rows()


def ledger(folder):
    with opened(folder) as room:
        return room.store.batches


def test_requests_of_a_batch_that_expired_are_asked_again_in_the_next_one(folder, provider) -> None:
    provider.batches.ends = lambda n: "expired" if n == 1 else "completed"
    provider.batches.share_before_end = 0.34  # one of three
    assert run(folder) == 0
    assert outcomes(folder) == [("ok", None)] * N
    assert [batch.request_counts.total for batch in provider.batches.created] == [N, N - 1]
    assert set(provider.batches.paid.values()) == {1}


def test_what_expires_again_and_again_is_a_failed_row(folder, provider) -> None:
    provider.batches.ends = lambda _: "expired"
    provider.batches.share_before_end = 0.0
    assert run(folder) == 0
    assert outcomes(folder) == [("error", "batch_expired")] * N
    assert len(provider.batches.created) == 3
    provider.batches.ends = lambda _: "completed"
    assert run(folder) == 0  # a run asks again for what failed in the one before
    assert outcomes(folder) == [("ok", None)] * N


def test_what_expired_is_asked_at_once_where_a_run_says_so(folder, provider) -> None:
    provider.batches.ends = lambda _: "expired"
    provider.batches.share_before_end = 0.34
    assert run(folder, wait=False) == N
    assert run(folder, AT_ONCE) == 0
    assert outcomes(folder) == [("ok", None)] * N
    assert (provider.requests, len(provider.batches.created)) == (N - 1, 1)


def test_a_batch_whose_every_request_failed_says_why_and_keeps_every_row(folder, provider, caplog) -> None:
    provider.faults = lambda _: Fault(400, message="the context is too long", code="context_length_exceeded")
    with caplog.at_level(logging.WARNING, "eval_assets"):
        assert run(folder) == 0
    assert outcomes(folder) == [("error", "context_length_exceeded")] * N
    assert set(predictions(folder)["error"]) == {"HTTP 400: the context is too long"}
    (record,) = ledger(folder).records()
    assert "(completed): 0 replies, every request failed (3 context_length_exceeded: HTTP 400" in record.said
    assert record.said in caplog.text
    assert provider.batches.created[0].output_file_id is None


@pytest.mark.parametrize("status", [429, 500, 503])
def test_requests_that_a_batch_could_not_send_are_asked_again(folder, provider, status: int) -> None:
    provider.script(None, Fault(status))
    assert run(folder) == 0
    assert outcomes(folder) == [("ok", None)] * N
    assert [batch.request_counts.total for batch in provider.batches.created] == [N, 1]


def test_results_come_in_any_order_and_one_that_is_missing_is_asked_again(folder, provider) -> None:
    provider.batches.shuffles = True
    missing = []

    def drops(key: str) -> bool:
        missing.append(key)
        return len(provider.batches.created) == 1 and key == missing[0]

    provider.batches.drops = drops
    assert run(folder) == 0
    rows = predictions(folder)
    assert all(row["output"] == f"echo: Answer: {row['inputs']}" for row in rows.iter_rows(named=True))
    assert [batch.request_counts.total for batch in provider.batches.created] == [N, 1]


def test_lines_that_are_none_and_keys_that_nobody_asked_for_are_passed_over(folder, provider, caplog) -> None:
    assert run(folder, wait=False) == N
    batch = provider.batches.created[0]
    provider.batches._end(batch)
    name = provider.batches.created[0].output_file_id
    foreign = {"custom_id": "f" * 64, "response": {"status_code": 200, "body": {}}, "error": None}
    odd = b'{"custom_id": 7\n[]\n' + json.dumps(foreign).encode() + b"\n\n"
    provider.batches.files[name] = odd + provider.batches.files[name]
    assert run(folder) == 0
    assert outcomes(folder) == [("ok", None)] * N
    assert caplog.text.count("a line of a batch's results can't be read") == KEPT_LINES


def test_a_batch_that_its_provider_lost_is_not_paid_again_behind_anybodys_back(folder, provider) -> None:
    assert run(folder, wait=False) == N
    provider.batches.forgets = True
    assert run(folder) == 0
    assert outcomes(folder) == [("error", "batch_lost")] * N
    assert "with the key of another account it may still be known" in predictions(folder)["error"][0]
    assert len(provider.batches.created) == 1
    provider.batches.forgets = False
    assert run(folder) == 0  # whoever runs again after having been told
    assert outcomes(folder) == [("ok", None)] * N


def test_results_that_are_lost_are_failed_rows(folder, provider) -> None:
    assert run(folder, wait=False) == N
    provider.batches._end(provider.batches.created[0])
    provider.batches.files.clear()
    assert run(folder) == 0
    assert outcomes(folder) == [("error", "batch_lost")] * N


def test_a_batch_refused_for_want_of_room_is_submitted_again(folder, provider) -> None:
    provider.batches.ends = lambda n: "failed" if n == 1 else "completed"
    assert run(folder) == 0
    assert outcomes(folder) == [("ok", None)] * N
    assert len(provider.batches.created) == 2


def test_a_batch_that_was_cancelled_is_not_submitted_again_by_the_run_that_waits(folder, provider) -> None:
    provider.batches.share_before_end = 0.34
    provider.batches.ends = lambda _: "cancelled"
    assert run(folder) == 0
    assert sorted(outcomes(folder)) == [("error", "batch_cancelled")] * (N - 1) + [("ok", None)]
    assert len(provider.batches.created) == 1


def test_refusals_cut_and_filtered_replies_are_kept_as_such(folder, provider) -> None:
    provider.script(Fault("refusal"), Fault("length"), Fault("content_filter"))
    assert run(folder) == 0
    assert sorted(outcome for outcome, _ in outcomes(folder)) == ["refused", "refused", "truncated"]
    assert len(provider.batches.created) == 1


def test_a_parameter_that_the_endpoint_does_not_take_costs_one_batch(tmp_path, provider) -> None:
    provider.takes_no = ("max_tokens", "temperature")
    folder = batched_project(tmp_path, provider.base_url, parameters="{temperature: 0, max_tokens: 64}")
    assert run(folder) == 0
    assert outcomes(folder) == [("ok", None)] * N
    assert [sorted(line["body"].keys() - {"model", "messages"}) for line in provider.batches.lines[::N]] == [
        ["max_tokens", "temperature"],
        ["max_completion_tokens", "temperature"],
        ["max_completion_tokens"],
    ]


def test_a_run_beside_a_batch_submits_and_sends_nothing_again(folder, provider) -> None:
    provider.batches.looks_until_over = 10
    assert run(folder, wait=False) == N
    assert run(folder, wait=False) == N
    assert run(folder, AT_ONCE, wait=False) == N  # neither in a batch nor at once
    assert (len(provider.batches.created), provider.requests) == (1, 0)


def test_a_cell_run_by_itself_sends_nothing_that_belongs_into_a_batch(folder, provider) -> None:
    with opened(folder) as room, pytest.raises(UnderWayError, match="3 requests to m wait in a batch or are to go"):
        compute(room, "predictions", CELL, Spending(), run_id="alone")
    assert (len(provider.batches.created), provider.requests) == (0, 0)


def test_limits_of_a_file_split_batches(folder, provider, monkeypatch) -> None:
    monkeypatch.setattr(OpenAIBatches, "most_requests", 2)
    assert run(folder) == 0
    assert [batch.request_counts.total for batch in provider.batches.created] == [2, 1]
    assert outcomes(folder) == [("ok", None)] * N


def test_bytes_of_a_file_split_batches(folder, provider, monkeypatch) -> None:
    monkeypatch.setattr(OpenAIBatches, "most_bytes", 10)  # a line has more, and goes alone
    assert run(folder) == 0
    assert [batch.request_counts.total for batch in provider.batches.created] == [1] * N


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        ((401, "invalid_api_key"), "the key was refused"),
        ((404, "not_found"), "this endpoint takes no batches; leave `mode: batch` out, or run with --now"),
        ((403, "forbidden"), "no permission"),
    ],
)
def test_a_provider_that_takes_no_batch_is_told_of_and_leaves_nothing_behind(folder, provider, refusal, said) -> None:
    provider.batches.refuses = refusal
    with pytest.raises(ProviderError, match=said):
        run(folder)
    assert ledger(folder).records() == []
    provider.batches.refuses = None
    assert run(folder) == 0
    assert set(provider.batches.paid.values()) == {1}


def test_an_outage_while_a_batch_is_created_creates_one(folder, provider) -> None:
    """The response of the creation is an error, and the batch is there all the same."""

    def fails_once(when: str, call: str) -> None:
        if (when, call) == ("after", "POST /batches") and len(provider.batches.created) == 1:
            raise RuntimeError("the server breaks off")

    provider.batches.on_call = fails_once
    assert run(folder) == 0
    assert outcomes(folder) == [("ok", None)] * N
    assert len(provider.batches.created) == 1


def test_an_outage_leaves_batches_under_way(folder, provider, caplog) -> None:
    assert run(folder, wait=False) == N
    provider.batches.refuses = (500, "server_error")
    assert run(folder, wait=False) == N
    assert "can't be asked about, and counts as under way: HTTP 500" in caplog.text
    provider.batches.refuses = None
    assert run(folder) == 0
    assert (len(provider.batches.created), set(provider.batches.paid.values())) == (1, {1})


def test_a_refresh_asks_everything_again_once(folder, provider) -> None:
    assert run(folder) == 0
    refresh = Spending(cache="refresh")
    assert run(folder, refresh, wait=False) == N
    assert run(folder, refresh) == 0
    assert set(provider.batches.paid.values()) == {2}
    assert len(provider.batches.created) == 2


def test_a_record_that_cannot_be_read_is_told_of(folder, provider) -> None:
    assert run(folder, wait=False) == N
    (path,) = (folder / "data").glob("**/batches/*/*.json")
    path.write_text("{")
    with pytest.raises(StorageError, match=r"expected the record of a batch in .*may still be under way"):
        run(folder)


def test_half_the_price_is_what_a_batch_costs_and_is_set_aside(tmp_path, provider) -> None:
    prices = "{request_usd: 1.0, batch: {request_usd: 0.5}}"
    folder = batched_project(tmp_path, provider.base_url, prices=prices)
    assert run(folder, Spending(max_cost_usd=1.5)) == 0
    assert predictions(folder)["cost_usd"].to_list() == [0.5] * N


def test_a_budget_stops_a_batch_before_it_is_submitted(tmp_path, provider) -> None:
    prices = "{request_usd: 1.0, batch: {request_usd: 0.5}}"
    folder = batched_project(tmp_path, provider.base_url, prices=prices)
    assert run(folder, Spending(max_cost_usd=1.0)) == 0
    assert [batch.request_counts.total for batch in provider.batches.created] == [2]
    assert predictions(folder).is_empty()
    assert run(folder, Spending(max_cost_usd=1.0)) == 0
    assert [batch.request_counts.total for batch in provider.batches.created] == [2, 1]


def test_results_that_cannot_be_read_now_are_read_later(folder, provider) -> None:
    seen = []

    def outage(when: str, call: str) -> None:
        if (when, call) == ("before", "GET /files/{id}/content"):
            seen.append(call)
            provider.batches.refuses = (503, "overloaded") if len(seen) < 3 else None
        elif when == "before":
            provider.batches.refuses = None

    provider.batches.on_call = outage
    assert run(folder) == 0
    assert outcomes(folder) == [("ok", None)] * N
    assert (len(seen), len(provider.batches.created)) == (3, 1)


def test_a_request_that_cannot_be_written_costs_its_row(folder, provider, monkeypatch) -> None:
    write = OpenAIBatches.line

    def refusing(batches, key, request):
        if request.messages[-1]["content"].endswith("question 1"):
            raise RequestFailed("an image can't be sent in this API", "unsendable")
        return write(batches, key, request)

    monkeypatch.setattr(OpenAIBatches, "line", refusing)
    assert run(folder) == 0
    assert outcomes(folder) == [("ok", None), ("error", "unsendable"), ("ok", None)]
    monkeypatch.setattr(OpenAIBatches, "line", write)
    assert run(folder) == 0
    assert outcomes(folder) == [("ok", None)] * N
    assert [batch.request_counts.total for batch in provider.batches.created] == [N - 1, 1]


def test_batches_speak_the_api_of_the_model_file(tmp_path, provider) -> None:
    folder = batched_project(tmp_path, provider.base_url, api="responses")
    assert run(folder) == 0
    assert set(predictions(folder)["output"]) == {f"echo: Answer: question {n}" for n in range(N)}
    assert provider.batches.created[0].endpoint == "/v1/responses"
    assert {line["url"] for line in provider.batches.lines} == {"/v1/responses"}


def test_an_outage_that_hides_whether_a_batch_was_created_creates_no_other(folder, provider) -> None:
    """Its creation is answered by an error, and so is the look for it: the next round finds it."""

    def outage(when: str, call: str) -> None:
        n_asked = provider.batches.calls["POST /batches"] + provider.batches.calls["GET /batches"]
        if (when, call, n_asked) in (("after", "POST /batches", 1), ("before", "GET /batches", 2)):
            raise RuntimeError("the server breaks off")

    provider.batches.on_call = outage
    assert run(folder) == 0
    assert outcomes(folder) == [("ok", None)] * N
    assert (len(provider.batches.created), provider.batches.calls["POST /batches"]) == (1, 1)
