"use strict";
// Rows of the grid and whole examples, as the viewer's templates write them. Text from elsewhere becomes text nodes alone.
Object.assign(globalThis.evalAssets, (() => {
  const { file } = globalThis.evalAssets;
  const ANSWERED = ["ok", "tool_call"];
  const count = (number) => number.toLocaleString("en-US");

  const make = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== "") made.setAttribute(name, value);
    made.append(...children.flat(Infinity).filter((child) => child !== null && child !== ""));
    return made;
  };
  // A text laid out by what it is: nodes of these tags alone, links to the web or a mailbox alone.
  const TAGS = "a b blockquote br code del div em hr li ol p pre span strong table tbody td th thead tr ul".split(" ");
  const laidOut = (nodes) => nodes.flatMap((node) => {
    if (typeof node === "string") return [node];
    const [tag, attributes, children] = node;
    if (!TAGS.includes(tag)) return laidOut(children);
    const isSafe = !("href" in attributes) || /^(https?|mailto):/i.test(attributes.href);
    return [make(tag, isSafe ? attributes : {}, laidOut(children))];
  });
  const rich = (nodes, kind) => make("div", { class: `rich ${kind}`, dir: "auto" }, laidOut(nodes));
  const text = (said, kind = "text", tag = "p") => make(tag, { class: kind, dir: "auto" }, said);
  const folded = (head, said) => (said ? make("details", {}, make("summary", {}, head), text(said)) : null);

  const candidateName = (name, isBase = false) => {
    const at = name.indexOf("@");
    const model = make("b", {}, name.slice(0, at));
    return make("span", { class: isBase ? "name is-base" : "name" }, model, make("span", {}, "@", make("wbr"), name.slice(at + 1)));
  };

  const begun = (said, most) => Array.from(said.slice(0, 2 * most)).slice(0, most).join("");

  const gridCell = (about, view, name, answer) => {
    const [outcome, error, own, length, nSamples, nFailed, scores] = answer?.[0] ?? ["missing", null, "", 0, 0, 0, []];
    const isFailed = !ANSWERED.includes(outcome);
    const most = new Map(about.characters).get(view.lines);
    const said = begun(own ?? answer?.[1][0][4] ?? "", most);
    const shown = view.scores.map((metric) => {
      const [value, change, isBetter] = scores[about.metrics.indexOf(metric)] ?? [null, "", null];
      const label = make("span", { class: "metric" }, metric);
      if (value === null) return make("span", { class: "note" }, label, " –");
      const changed = change ? [" ", make("span", { class: isBetter === null ? "note" : isBetter ? "up" : "down" }, change)] : [];
      return make("span", { class: metric === view.metric ? "first" : "" }, label, " ", make("b", {}, value), changed);
    });
    const samples = nSamples > 1 ? make("span", { class: "note" }, `${nSamples - nFailed} of ${nSamples} samples answered`) : null;
    const more = length > most ? [" … ", make("span", { class: "note" }, `${count(length - most)} more characters`)] : [];
    return make(
      "td", { "data-of": name, class: isFailed ? "failed-cell" : "" },
      isFailed ? [make("span", { class: "outcome" }, outcome), error ? [" ", text(error, "cell-text text", "span")] : []] : [],
      said ? text([said, ...more].flat(), "cell-text text", "div") : isFailed ? [] : make("span", { class: "note" }, "empty text"),
      make("div", { class: "cell-scores" }, shown, samples),
    );
  };

  const answersTo = async (about, row, columns) => {
    const shard = Math.floor(row / about.aShard);
    const place = row % about.aShard;
    return Promise.all(columns.map(async (name) => {
      const at = about.candidates.indexOf(name);
      return about.computed[at] ? (await file(`answers-${at}-${shard}`)).rows[place] : null;
    }));
  };
  const exampleAt = async (about, row) => (await file(`examples-${Math.floor(row / about.aShard)}`)).rows[row % about.aShard];

  const gridRow = async (about, view, row, href) => {
    const [inputs, targets, , , short] = await exampleAt(about, row);
    const answers = await answersTo(about, row, view.columns);
    const most = new Map(about.characters).get(view.lines);
    const expected = targets ? text("", "target text", "div") : null;
    expected?.append(make("span", { class: "label" }, "Expected"), begun(targets, most));
    const head = make(
      "th", { scope: "row", class: "c-example" },
      make("a", { class: "open", href }, short), text(begun(inputs ?? "", most), "cell-text text", "div"), expected,
    );
    return make("tr", { tabindex: "-1", "data-row": "1" }, head, view.columns.map((name, place) => gridCell(about, view, name, answers[place])));
  };

  const scoreTable = (name, scores) => {
    const hasReasons = scores.some(([, , , , why]) => why);
    const heads = [make("th", { scope: "col" }, "Metric"), make("th", { scope: "col", class: "n" }, "Score")];
    return make(
      "table", { class: "reasons" },
      make("caption", { class: "skip" }, `Scores of ${name}`),
      make("thead", {}, make("tr", {}, ...heads, hasReasons ? make("th", { scope: "col" }, "Why") : null)),
      make("tbody", {}, scores.map(([metric, juror, value, outcome, why]) => make(
        "tr", {},
        make("th", { scope: "row" }, metric, juror ? [" ", make("span", { class: "note" }, juror)] : []),
        make("td", { class: "n" }, value ?? make("span", { class: "missing" }, outcome)),
        hasReasons ? text(why ?? "", "text", "td") : null,
      ))),
    );
  };

  const answerSection = (about, name, [id, sample, outcome, error, said, reasoning, extra, facts, scores, nodes]) => {
    const command = `eval-assets trace ${id}`;
    return make(
      "section", { class: ANSWERED.includes(outcome) ? "answer" : "answer failed-cell", "aria-label": name },
      make("h2", { class: "small" }, candidateName(name, name === about.base), sample ? [" ", make("span", { class: "note" }, `sample ${sample + 1}`)] : []),
      outcome === "ok" ? null : make("p", {}, make("span", { class: "outcome" }, outcome), " ", error ?? ""),
      nodes ? rich(nodes, "said") : said === null ? null : text(said, "text said", "div"),
      folded("Thoughts", reasoning),
      extra ? make("details", {}, make("summary", {}, "Returned beside it"), make("pre", {}, extra)) : null,
      scores.length ? scoreTable(name, scores) : null,
      make("p", { class: "note facts-line" }, `${facts} · `, make("code", {}, command), " ", make("button", { type: "button", "data-copy": command }, "Copy")),
    );
  };

  const wholeExample = async (about, view, row, extra) => {
    const [inputs, targets, context, shownId, , nodes] = await exampleAt(about, row);
    const answers = await answersTo(about, row, view.columns);
    const sections = view.columns.flatMap((name, place) => (answers[place]?.[1] ?? []).map((sample) => answerSection(about, name, sample)));
    const expected = targets ? text("") : null;
    expected?.append(make("span", { class: "label" }, "Expected"), targets);
    return make(
      "article", { class: "example-whole" },
      make("h1", { class: "says" }, make("code", {}, shownId)), extra,
      nodes ? rich(nodes, "q") : text(inputs ?? "", "q text"), expected, folded("Context", context),
      make("div", { class: "answers" }, sections.length ? sections : make("p", {}, "No column of the grid has an answer to it; choose others.")),
    );
  };

  return { make, count, candidateName, gridRow, wholeExample };
})());
