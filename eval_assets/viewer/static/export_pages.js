"use strict";
// Fills the exported pages: the grid and one example. All of what they show stands in the address, as on the server.
(() => {
  const { file, readView, chosen, make, count, candidateName, gridRow, wholeExample } = globalThis.evalAssets;
  const filters = document.getElementById("filters");
  const OWN = ["id"];
  let usual = {};

  // The address of this grid with some fields changed, back on the first page unless said; what is empty is left out.
  const changed = (fields) => {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries({ page: "", ...fields })) {
      query.delete(name);
      if (value !== "" || usual[name]) query.set(name, value);
    }
    OWN.filter((name) => !(name in fields)).forEach((name) => query.delete(name));
    return query.toString();
  };
  const opened = (id) => `example.html?${changed({ id, page: new URLSearchParams(location.search).get("page") ?? "" })}`;
  const grid = (fields) => `grid.html?${changed(fields)}`;

  const fillForm = (view) => {
    for (const field of filters.elements) {
      if (field.name === "c") field.checked = view.columns.includes(field.value);
      else if (field.name === "s") field.checked = view.scores.includes(field.value);
      else if (field.name) field.value = Number.isNaN(view[field.name]) ? "" : view[field.name] ?? "";
    }
    const folded = filters.querySelector("details");
    folded.open = [view.low, view.high, view.dlow, view.dhigh].some((value) => !Number.isNaN(value)) || Boolean(view.outcome || view.slice);
    filters.addEventListener("submit", (event) => {
      event.preventDefault();
      const sent = [...new FormData(filters)].filter(([name, value]) => value !== "" || usual[name]);
      location.href = `grid.html?${new URLSearchParams(sent)}`;
    });
  };

  const head = (about, view, name) => {
    const [mean, changes] = about.heads[about.metrics.indexOf(view.metric)]?.[about.candidates.indexOf(name)] ?? ["", null];
    const link = (show, kind, sort, number) => make(
      "a", { class: kind, href: grid({ show, of: name, sort }), "aria-current": view.show === show && view.of === name ? "true" : "" }, `${count(number)} ${show}`,
    );
    const line = make("span", { class: "head-line" }, mean ? make("span", {}, mean) : null);
    if (changes) line.append(" ", link("better", "up", "improvement", changes[0]), " ", link("worse", "down", "regression", changes[1]));
    return make("th", { scope: "col" }, candidateName(name, name === about.base), " ", line);
  };

  const PRESETS = [["flips", "regression"], ["errors", ""], ["disagreements", ""]];
  const ALL = { show: "", of: "", q: "", where: "", low: "", high: "", dlow: "", dhigh: "", outcome: "", slice: "" };
  const isAll = (value) => ["", "all"].includes(value) || Number.isNaN(value);

  const showGrid = async () => {
    const about = await file("evaluation");
    ({ usual } = about);
    const view = await readView(location.search);
    fillForm(view);
    const said = document.getElementById("found");
    const rows = await chosen(view, (done, of) => { said.textContent = `Searching ${count(done)} of ${count(of)} …`; });
    const { ids } = await file("ids");
    const nPages = Math.max(1, Math.ceil(rows.length / view.per));
    const page = Math.min(view.page, nPages);
    const first = (page - 1) * view.per;
    const onPage = rows.slice(first, first + view.per);
    const isFiltered = Object.keys(ALL).some((name) => !isAll(view[name]));
    const all = (said) => make("a", { href: grid(ALL) }, said);
    const table = document.getElementById("grid");
    table.className = `grid lines-${view.lines} of-${view.columns.length} width-${view.width}`;
    table.tHead.replaceChildren(make("tr", {}, make("th", { scope: "col", class: "c-example" }, "Example"), view.columns.map((name) => head(about, view, name))));
    const written = await Promise.all(onPage.map((row) => gridRow(about, view, row, opened(ids[row]))));
    const nothing = make("tr", {}, make("td", { colspan: String(view.columns.length + 1) }, "No example matches. ", isFiltered ? all("Show all") : null));
    table.tBodies[0].replaceChildren(...(written.length ? written : [nothing]));
    const words = ` of ${count(about.nExamples)} ${about.nExamples === 1 ? "example" : "examples"}`;
    said.replaceChildren(make("b", {}, count(rows.length)), words, ...(isFiltered ? [" · ", all("show all")] : []));
    document.getElementById("presets").replaceChildren(...PRESETS.flatMap(([show, sort]) => [
      make("a", { href: grid({ show, of: "", sort }), "aria-current": view.show === show ? "true" : "" }, show), " ",
    ]));
    document.getElementById("pages").replaceChildren(
      ...(page > 1 ? [make("a", { rel: "prev", href: grid({ page: String(page - 1) }) }, "Previous")] : []),
      make("span", {}, onPage.length ? `${count(first + 1)} to ${count(first + onPage.length)}, page ${count(page)} of ${count(nPages)}` : ""),
      ...(page < nPages ? [make("a", { rel: "next", href: grid({ page: String(page + 1) }) }, "Next")] : []),
    );
  };

  const found = async (query) => {
    const id = new URLSearchParams(query).get("id") ?? "";
    const row = (await file("ids")).ids.indexOf(id);
    if (row < 0) throw new Error(`expected the id of an example that was answered, got ${JSON.stringify(id.slice(0, 80))}`);
    return [id, row];
  };

  const showExample = async () => {
    const [about, view, [, row]] = [await file("evaluation"), await readView(location.search), await found(location.search)];
    ({ usual } = about);
    document.getElementById("example").replaceChildren(await wholeExample(about, view, row, []));
    const { ids } = await file("ids");
    const rows = await chosen(view, () => {});
    const place = rows.indexOf(row);
    const link = (rel, to, words) => (place < 0 || to === undefined ? [] : [make("a", { rel, href: opened(ids[to]) }, words)]);
    document.getElementById("pages").replaceChildren(
      make("a", { href: grid({ page: new URLSearchParams(location.search).get("page") ?? "" }) }, "Back to the grid"),
      ...link("prev", rows[place - 1], "Previous"), ...link("next", rows[place + 1], "Next"),
    );
  };

  // What the grid's side panel shows in place of a server's answer.
  globalThis.evalAssets.part = async (asked) => {
    const [about, view, [id, row]] = [await file("evaluation"), await readView(location.search), await found(asked.search)];
    const links = make("p", {}, make("a", { href: opened(id) }, "As a page"), " ", make("button", { type: "button", "data-close": "1" }, "Close"));
    return [await wholeExample(about, view, row, links)];
  };

  (filters ? showGrid() : showExample()).catch((error) => {
    const problem = document.getElementById("problem");
    problem.textContent = error.message;
    problem.hidden = false;
    const said = document.getElementById("found");
    if (said) said.textContent = "";
  });
})();
