"use strict";
// Which examples an address asks for, and in which order: the rules of the viewer's server, over the numbers in files.
Object.assign(globalThis.evalAssets, (() => {
  const { file, numbers } = globalThis.evalAssets;
  const MANY = ["c", "s"];
  const NUMBERS = ["low", "high", "dlow", "dhigh", "page"];

  // What the address says; what it leaves out is as the evaluation has it.
  const readView = async (query) => {
    const about = await file("evaluation");
    const given = new URLSearchParams(query);
    const last = (name) => given.getAll(name).filter(Boolean).at(-1);
    const one = (name, plain) => (given.has(name) ? last(name) ?? plain : about.usual[name] ?? plain);
    const fields = [...MANY, ...NUMBERS, "q", "id", ...about.choices.map(([name]) => name)];
    for (const name of given.keys()) {
      if (!fields.includes(name)) throw new Error(`expected one of ${fields.join(", ")} in the address, got ${JSON.stringify(name.slice(0, 80))}`);
    }
    const many = (name, usual) => (given.getAll(name).some(Boolean) ? [...new Set(given.getAll(name).filter(Boolean))] : usual);
    const known = (what, value, all) => {
      if (!all.includes(value)) throw new Error(`${what}: expected one of ${all.slice(0, 10).join(", ")}; got ${JSON.stringify(value)}`);
      return value;
    };
    const number = (name) => {
      const said = one(name);
      const value = said === undefined ? NaN : Number(said);
      if (said !== undefined && !Number.isFinite(value)) throw new Error(`${name}: expected a number, got ${JSON.stringify(said)}`);
      return value;
    };
    for (const name of MANY) many(name, []).forEach((value) => known(name, value, name === "c" ? about.candidates : about.metrics));
    const choices = new Map(about.choices);
    const choice = (name, usual) => (usual === null && !one(name) ? null : known(name, one(name, usual), choices.get(name)));
    const columns = many("c", about.columns);
    const [low, high, dlow, dhigh, page] = NUMBERS.map(number);
    return {
      columns: [about.base, ...columns.filter((name) => name !== about.base)].slice(0, about.mostColumns),
      scores: many("s", about.scores),
      metric: choice("metric", about.metric),
      show: choice("show", "all"),
      of: choice("of", ""),
      where: choice("where", "all"),
      outcome: choice("outcome", ""),
      slice: choice("slice", ""),
      sort: choice("sort", "dataset"),
      lines: choice("lines", about.lines),
      width: choice("width", "fit"),
      per: Number(choice("per", about.per)),
      q: one("q", "").slice(0, 500),
      low, high, dlow, dhigh,
      page: Math.max(1, Math.trunc(page || 1)),
    };
  };

  const rounded = (value) => {
    const scaled = value * 1e12;
    const whole = Math.round(scaled);
    return (whole - scaled === 0.5 && whole % 2 ? whole - 1 : whole) / 1e12; // halves to the even one, as numpy does
  };

  const fold = (lists, n, better) => {
    const found = new Float64Array(n).fill(NaN);
    for (const list of lists) list.forEach((value, row) => { if (Number.isNaN(found[row]) || better(value, found[row])) found[row] = value; });
    return found;
  };

  const select = async (view) => {
    const about = await file("evaluation");
    const n = about.nExamples;
    const at = (name) => about.candidates.indexOf(name);
    const isKnown = (name) => about.computed[at(name)];
    const scoresOf = (name) => (isKnown(name) && about.metrics.includes(view.metric)
      ? numbers(`scores-${at(name)}-${about.metrics.indexOf(view.metric)}`, "scores") : new Float64Array(n).fill(NaN));
    const of = view.of ? [view.of] : view.columns;
    const sign = about.isDownward[about.metrics.indexOf(view.metric)] ? -1 : 1;
    const scores = await Promise.all(of.map(scoresOf));
    const inView = await Promise.all(view.columns.map(scoresOf));
    const base = await scoresOf(about.base);
    const improved = of.flatMap((name, place) => (name === about.base ? [] : [scores[place].map((value, row) => rounded(sign * (value - base[row])))]));
    const numbered = (names, list) => Promise.all(names.filter(isKnown).map((name) => numbers(`numbers-${at(name)}`, list)));
    const least = (lists) => fold(lists, n, (one, other) => one < other);
    const greatest = (lists) => fold(lists, n, (one, other) => one > other);
    const negative = (list) => list.map((value) => -value);
    const high = greatest(inView);
    const low = least(inView);
    const spread = high.map((value, row) => value - low[row]);
    const any = (lists, holds) => (row) => lists.some((list) => holds(list[row]));

    const shown = {
      all: () => () => true,
      flips: () => any(improved, (value) => value > 0 || value < 0),
      worse: () => any(improved, (value) => value < 0),
      better: () => any(improved, (value) => value > 0),
      errors: async () => any(await numbered(of, "failed"), (value) => value > 0),
      disagreements: () => (row) => spread[row] > 0,
      outputs: async () => {
        const [first, ...rest] = await numbered(view.columns, "outputs");
        return (row) => rest.some((list) => list[row] !== first[row]);
      },
      flaky: async () => any(await numbered(of, "flaky"), Boolean),
      unscored: () => any(scores, Number.isNaN),
    };
    const conditions = [await shown[view.show]()];
    const within = (from, to) => (value) => value >= (Number.isNaN(from) ? -Infinity : from) && value <= (Number.isNaN(to) ? Infinity : to);
    const isSet = (...limits) => limits.some((limit) => !Number.isNaN(limit));
    if (isSet(view.low, view.high)) conditions.push(any(scores, within(view.low, view.high)));
    if (isSet(view.dlow, view.dhigh)) conditions.push(any(improved, within(view.dlow, view.dhigh)));
    if (view.outcome) {
      const wanted = about.outcomes.indexOf(view.outcome);
      conditions.push(any(await numbered(of, "outcomes"), (value) => value === wanted));
    }
    if (view.slice) {
      const column = view.slice.slice(0, view.slice.indexOf("="));
      const { values, codes } = await file(`slice-${about.slices.indexOf(column)}`);
      const wanted = values.indexOf(view.slice.slice(column.length + 1));
      conditions.push((row) => wanted >= 0 && codes[row] === wanted);
    }
    const rows = Array.from({ length: n }, (_, row) => row).filter((row) => conditions.every((holds) => holds(row)));

    const keys = {
      dataset: () => null,
      regression: () => least(improved),
      improvement: () => negative(greatest(improved)),
      lowest: () => least(scores),
      highest: () => negative(greatest(scores)),
      disagreement: () => negative(spread),
      longest: async () => negative(greatest(await numbered(of, "lengths"))),
      shortest: async () => least(await numbered(of, "lengths")),
      slowest: async () => negative(greatest(await numbered(of, "latencies"))),
    };
    const key = await keys[view.sort]();
    if (!key) return rows;
    const last = (value) => (Number.isNaN(value) ? Infinity : value);
    return rows.sort((one, other) => {
      const [left, right] = [last(key[one]), last(key[other])];
      return left === right ? 0 : left - right;
    });
  };

  // Rows of the given ones in whose texts something is found; shards in which none of them lies aren't loaded.
  const search = async (view, rows, onShard) => {
    const about = await file("evaluation");
    const pattern = new RegExp(view.q.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "iu");
    const holds = (text) => typeof text === "string" && pattern.test(text);
    const looksIn = (what) => view.where === what || view.where === "all";
    const shards = [...new Set(rows.map((row) => Math.floor(row / about.aShard)))].sort((one, other) => one - other);
    const found = new Set();
    for (const [done, shard] of shards.entries()) {
      onShard(done + 1, shards.length);
      const examples = looksIn("inputs") ? (await file(`examples-${shard}`)).rows : [];
      examples.forEach(([inputs, targets], place) => { if (holds(inputs) || holds(targets)) found.add(shard * about.aShard + place); });
      if (!looksIn("outputs") && !looksIn("reasons")) continue;
      for (const name of view.columns.filter((each) => about.computed[about.candidates.indexOf(each)])) {
        const answers = (await file(`answers-${about.candidates.indexOf(name)}-${shard}`)).rows;
        answers.forEach((answer, place) => {
          const isFound = answer?.[1].some(([, , , error, said, , , , scores]) => (
            (looksIn("outputs") && (holds(error) || holds(said))) || (looksIn("reasons") && scores.some((score) => holds(score[4])))
          ));
          if (isFound) found.add(shard * about.aShard + place);
        });
      }
    }
    return rows.filter((row) => found.has(row));
  };

  const chosen = async (view, onShard) => {
    const rows = await select(view);
    return view.q ? search(view, rows, onShard) : rows;
  };

  return { readView, chosen };
})());
