"use strict";
// Files of an exported evaluation: scripts, as a page on a disk may load nothing else, that hand over one value each.
globalThis.evalAssets = (() => {
  const MOST_KEPT = 120;
  const kept = new Map();
  const arriving = new Map();
  const handed = new Map();

  const loaded = (name) => new Promise((found, failed) => {
    const script = document.createElement("script");
    handed.set(name, found);
    script.addEventListener("load", () => script.remove());
    script.addEventListener("error", () => {
      script.remove();
      arriving.delete(name);
      failed(new Error(`files/${name}.js can't be loaded: it belongs beside this page, in a folder that is copied as a whole`));
    });
    script.src = `files/${name}.js`;
    document.head.append(script);
  });

  // A file's value; those asked for last are kept.
  const file = (name) => {
    const value = kept.get(name);
    if (value === undefined) {
      if (!arriving.has(name)) arriving.set(name, loaded(name));
      return arriving.get(name);
    }
    keep(name, value);
    return Promise.resolve(value);
  };

  const keep = (name, value) => {
    kept.delete(name);
    kept.set(name, value);
    while (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
  };

  const given = (name, value) => {
    arriving.delete(name);
    keep(name, value);
    handed.get(name)?.(value);
    handed.delete(name);
  };

  // Numbers with NaN where there is none, as null counts as 0.
  const numbers = async (name, list) => Float64Array.from((await file(name))[list], (value) => value ?? NaN);

  return { file, given, numbers };
})();
