"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const PAGE = 10;
  const [OUTPUT, OUTCOME, ERROR, SAMPLES, SCORES, REASONS, PREDICTION, REASONING, CALLS, TALK] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const byId = (id) => document.getElementById(id);
  const metricNames = data.metrics.map(([name]) => name);
  const state = { query: "", show: "all", metric: Math.max(0, metricNames.indexOf(data.headline)), order: "dataset", page: 0 };
  let texts = null;

  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const number = (value) => {
    if (value === null || value === undefined) return "-";
    if (typeof value === "string") return value;  // a label
    const size = Math.abs(value);
    if (size < 1e-9) return "0";
    if (size >= 1e15) return value.toExponential(1).replace("e+", "e");
    return value.toLocaleString("en", size < 1000 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: 0 });
  };
  const readable = (targets) => {
    if (!targets || targets[0] !== "[") return targets;
    try { return JSON.parse(targets).map((value) => typeof value === "string" ? value : JSON.stringify(value)).join(" / "); }
    catch { return targets; }
  };
  // How much better than the baseline, whatever the metric's direction; null where one of the two has no score.
  const improvement = (example, candidate) => {
    const own = example[4][candidate][SCORES][state.metric], base = example[4][data.baseline][SCORES][state.metric];
    const direction = data.metrics[state.metric]?.[1] || 1;
    return typeof own === "number" && typeof base === "number" ? direction * (own - base) : null;
  };
  const changes = (example) => data.candidates.map((_, index) => index === data.baseline ? null : improvement(example, index)).filter((value) => value !== null);
  const lowest = (example) => {
    const direction = data.metrics[state.metric]?.[1] || 1;
    const own = example[4].map((answer) => answer[SCORES][state.metric]).filter((value) => typeof value === "number");
    return own.length ? Math.min(...own.map((value) => direction * value)) : Infinity;
  };
  const shown = {
    all: () => true,
    worse: (example) => changes(example).some((value) => value < -1e-9),
    better: (example) => changes(example).some((value) => value > 1e-9),
    differ: (example) => new Set(example[4].map((answer) => answer[OUTPUT])).size > 1,
    failed: (example) => example[4].some((answer) => answer[OUTCOME] !== "ok"),
    unscored: (example) => example[4].some((answer) => (answer[SCORES][state.metric] ?? null) === null),
  };
  const selected = () => {
    let found = data.examples.map((example, index) => index).filter((index) => shown[state.show](data.examples[index]));
    if (state.query) {
      texts ??= data.examples.map((e) => [e[0], e[1], e[2], ...e[4].map((answer) => answer[OUTPUT])].join("\n").toLowerCase());
      found = found.filter((index) => texts[index].includes(state.query));
    }
    if (state.order === "dataset" || !data.metrics.length) return found;
    const key = {
      worst: (e) => Math.min(Infinity, ...changes(e)),
      best: (e) => -Math.max(-Infinity, ...changes(e)),
      lowest,
    }[state.order];
    const keys = new Map(found.map((index) => [index, key(data.examples[index])]));
    return found.sort((one, other) => keys.get(one) === keys.get(other) ? one - other : keys.get(one) - keys.get(other));
  };

  const folded = (label, text) => {
    const details = element("details");
    details.append(element("summary", "", label), element("p", "text", text));
    return details;
  };
  const answerCard = (example, index) => {
    const answer = example[4][index], card = element("div", "answer");
    card.append(element("h4", index === data.baseline ? "is-base" : "", data.candidates[index]));
    if (answer[OUTPUT] !== null) card.append(element("p", "text", answer[OUTPUT]));
    if (answer[OUTCOME] !== "ok") card.append(element("p", "failed", `${answer[OUTCOME]}${answer[ERROR] ? ": " + answer[ERROR] : ""}`));
    for (const [label, text] of [["Reasoning", answer[REASONING]], ["Tool calls", answer[CALLS]], ["Conversation", answer[TALK]]]) if (text) card.append(folded(label, text));
    if (answer[SAMPLES] > 1) card.append(element("p", "note", `first of ${answer[SAMPLES]} samples; scores are their means`));
    const scores = element("dl", "scores");
    metricNames.forEach((metric, place) => {
      const pair = element("div"), value = answer[SCORES][place];
      pair.append(element("dt", "", metric));
      const change = place === state.metric && index !== data.baseline ? improvement(example, index) : null;
      pair.append(element("dd", change > 1e-9 ? "up" : change !== null && change < -1e-9 ? "down" : "", number(value)));
      scores.append(pair);
    });
    card.append(scores);
    for (const [judge, reason] of Object.entries(answer[REASONS])) card.append(element("p", "why", `${judge}: ${reason}`));
    if (answer[PREDICTION]) card.append(element("p", "note id", answer[PREDICTION]));
    return card;
  };
  const exampleCard = (example) => {
    const card = element("article", "card example");
    card.append(element("h3", "", example[0]), element("p", "q text", example[1] ?? ""));
    if (example[2]) {
      const targets = element("p", "text");
      targets.append(element("span", "label", "Expected"), document.createTextNode(readable(example[2])));
      card.append(targets);
    }
    if (example[3]) {
      card.append(folded("Context", example[3]));
    }
    const answers = element("div", "answers");
    data.candidates.forEach((_, index) => answers.append(answerCard(example, index)));
    card.append(answers);
    return card;
  };
  const draw = () => {
    const found = selected(), pages = Math.max(1, Math.ceil(found.length / PAGE));
    state.page = Math.min(Math.max(0, state.page), pages - 1);
    const from = state.page * PAGE, page = found.slice(from, from + PAGE);
    byId("page").replaceChildren(...page.map((index) => exampleCard(data.examples[index])));
    byId("where").textContent = found.length
      ? `${(from + 1).toLocaleString("en")} to ${(from + page.length).toLocaleString("en")} of ${found.length.toLocaleString("en")}`
      : "No example matches.";
    byId("previous").disabled = state.page === 0;
    byId("next").disabled = state.page >= pages - 1;
  };
  const options = (id, pairs, chosen) => byId(id).replaceChildren(...pairs.map(([value, label]) => {
    const option = element("option", "", label);
    option.value = value;
    option.selected = String(value) === String(chosen);
    return option;
  }));
  options("show", [["all", "all"], ["worse", "worse than the baseline"], ["better", "better than the baseline"], ["differ", "different outputs"], ["failed", "a failed request"], ["unscored", "without a score"]], "all");
  options("metric", metricNames.map((name, index) => [index, name]), state.metric);
  const redraw = (change) => (event) => { change(event.target.value); state.page = 0; draw(); };
  let waiting;
  byId("search").addEventListener("input", (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { state.query = event.target.value.trim().toLowerCase(); state.page = 0; draw(); }, 120);
  });
  byId("show").addEventListener("change", redraw((value) => { state.show = value; }));
  byId("metric").addEventListener("change", redraw((value) => { state.metric = Number(value); }));
  byId("order").addEventListener("change", redraw((value) => { state.order = value; }));
  const turn = (by) => () => { state.page += by; draw(); byId("examples").scrollIntoView(); };
  byId("previous").addEventListener("click", turn(-1));
  byId("next").addEventListener("click", turn(1));
  byId("controls").hidden = byId("pager").hidden = false;
  draw();
})();
