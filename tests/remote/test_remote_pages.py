"""Report pages of a warehouse in an object store lie in it, wherever they were written."""

from eval_assets.storage.report_pages import ReportPages
from eval_assets.storage.warehouse import Warehouse


def test_a_page_is_written_beside_the_tables_and_found_by_every_machine(store, root):
    here, there = (ReportPages(Warehouse(root, store.options)) for _ in range(2))
    assert there.address("main") is there.place("main") is None
    assert here.write("main", "<p>é</p>") == f"{root}/reports/main.html"
    here.write("main", "<p>anew</p>")
    assert there.address("main") == there.place("main") == f"{root}/reports/main.html"
    assert there.warehouse.objects.bytes_of("reports/main.html") == b"<p>anew</p>"
