(() => {
  const PAGE = 20;
  const byId = (id) => document.getElementById(`slice-${id}`);
  if (!byId("rows")) return;
  const rows = [...byId("rows").rows];
  if (rows.length <= PAGE) return;
  const state = { query: "", column: "", order: "difference", page: 0 };
  const change = (row) => row.dataset.change === undefined ? null : Number(row.dataset.change);
  // Rows come with the largest difference first; what has no difference stays behind what has one.
  const keys = {
    difference: null,
    worst: (row) => change(row) ?? Infinity,
    best: (row) => -(change(row) ?? -Infinity),
    examples: (row) => -Number(row.dataset.n),
  };
  const name = (row) => `${row.dataset.column}\n${row.dataset.value}`;
  const selected = () => {
    const found = rows.filter((row) => (!state.column || row.dataset.column === state.column) && name(row).toLowerCase().includes(state.query));
    if (state.order === "name") return found.sort((one, other) => name(one).localeCompare(name(other), "en", { numeric: true }));
    const key = keys[state.order];
    return key ? found.sort((one, other) => key(one) === key(other) ? 0 : key(one) - key(other)) : found;
  };
  const draw = () => {
    const found = selected(), pages = Math.max(1, Math.ceil(found.length / PAGE));
    state.page = Math.min(Math.max(0, state.page), pages - 1);
    const from = state.page * PAGE, page = found.slice(from, from + PAGE);
    byId("rows").replaceChildren(...page);
    byId("where").textContent = found.length
      ? `${(from + 1).toLocaleString("en")} to ${(from + page.length).toLocaleString("en")} of ${found.length.toLocaleString("en")}`
      : "No slice matches.";
    byId("previous").disabled = state.page === 0;
    byId("next").disabled = state.page >= pages - 1;
  };
  const redraw = (event, field) => { state[field] = event.target.value; state.page = 0; draw(); };
  let waiting;
  byId("search").addEventListener("input", (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { state.query = event.target.value.trim().toLowerCase(); state.page = 0; draw(); }, 120);
  });
  byId("column").addEventListener("change", (event) => redraw(event, "column"));
  byId("order").addEventListener("change", (event) => redraw(event, "order"));
  byId("previous").addEventListener("click", () => { state.page -= 1; draw(); });
  byId("next").addEventListener("click", () => { state.page += 1; draw(); });
  byId("controls").hidden = byId("pager").hidden = false;
  draw();
})();
