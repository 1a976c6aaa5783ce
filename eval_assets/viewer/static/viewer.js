"use strict";
// Presses what is on the page: forms and links work without it.
(() => {
  const filters = document.getElementById("filters");
  const panel = document.getElementById("panel");
  const listed = () => [...document.querySelectorAll("[data-row]")];
  let at = -1;

  const copy = async (button, text) => {
    const said = button.textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "The browser refused";
    }
    setTimeout(() => { button.textContent = said; }, 1500);
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.copy) await copy(button, button.dataset.copy);
    if (button?.dataset.copyFrom) await copy(button, await (await fetch(button.dataset.copyFrom)).text());
    if (button && "close" in button.dataset) close();
    const link = event.target.closest("a.open, a[data-why], #panel a[data-trace]");
    if (link && panel && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      const place = listed().indexOf(link.closest("[data-row]"));
      at = place >= 0 ? place : at;
      show(link.href);
    }
  });

  // While a run goes on: say that there is more, and leave what is being read as it is.
  const newer = document.querySelector(".newer");
  const look = async () => {
    if (document.hidden || !newer.firstElementChild.hidden) return;
    const answer = await fetch(newer.dataset.ask).catch(() => null);
    if (answer?.ok && (await answer.text()) !== newer.dataset.version) newer.firstElementChild.hidden = false;
  };
  if (newer) {
    setInterval(look, 10000);
    document.addEventListener("visibilitychange", look);
  }

  // While a trial runs: say how it goes, and show what it found.
  const going = document.querySelector("[data-going]");
  const ask = async () => {
    const answer = await fetch(going.dataset.going).catch(() => null);
    const said = answer?.ok ? await answer.text() : going.textContent;
    if (!said) location.replace(location.pathname);
    else going.textContent = said;
  };
  if (going) setInterval(ask, 1000);

  // An address that leads to something folded opens it.
  const aimed = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (aimed instanceof HTMLDetailsElement) {
    aimed.open = true;
    aimed.scrollIntoView();
  }

  // What else can be a column is asked for when it is looked for; without a script it is a page.
  const others = document.getElementById("others");
  document.getElementById("more-columns")?.addEventListener("click", async (event) => {
    event.preventDefault();
    if (!others.hasChildNodes()) others.append(...await answered(new URL(event.target.href)));
    others.hidden = !others.hidden;
    event.target.setAttribute("aria-expanded", String(!others.hidden));
  });

  if (filters) {
    const send = () => filters.requestSubmit();
    filters.addEventListener("change", (event) => {
      if (event.target.matches("select")) send();
    });
    filters.addEventListener("submit", () => {
      // What is empty needs no place in the address.
      for (const field of filters.elements) if (field.name && field.value === "" && !("kept" in field.dataset)) field.disabled = true;
    });
    addEventListener("pageshow", () => { for (const field of filters.elements) field.disabled = false; });
  }

  // What takes its time comes after the page; without a script it is a link.
  const later = document.querySelector("a[data-part]");
  const fill = async (link) => {
    const answer = await fetch(`${link.href}&part=1`);
    if (!answer.ok) return;
    const read = new DOMParser().parseFromString(await answer.text(), "text/html");
    link.closest("section").replaceChildren(...read.body.childNodes);
  };
  if (later) fill(later);

  // The answer is a page of this server, in which every text is escaped.
  const answered = async (asked) => {
    asked.searchParams.set("part", "1");
    const answer = await fetch(asked);
    return new DOMParser().parseFromString(await answer.text(), "text/html").body.childNodes;
  };
  const part = globalThis.evalAssets?.part ?? answered;
  const show = async (address) => {
    panel.replaceChildren(...await part(new URL(address)));
    panel.hidden = false;
    listed().forEach((row, place) => row.classList.toggle("is-open", place === at));
    panel.scrollTop = 0;
    panel.focus();
    document.getElementById("trace")?.scrollIntoView({ block: "start" });
  };
  const close = () => {
    panel.hidden = true;
    panel.replaceChildren();
    listed()[at]?.focus();
  };
  const go = (place) => {
    const rows = listed();
    at = Math.min(Math.max(place, 0), rows.length - 1);
    rows[at].focus();
    rows[at].scrollIntoView({ block: "nearest" });
    if (!panel.hidden) open(at, 0);
  };
  const open = (place, column) => {
    const rows = listed();
    const cell = rows[place].children[column]; // the example's own first; a column without an answer has no trace
    const link = cell?.querySelector(column ? "a[data-why]" : "a.open");
    if (link) show(link.href);
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input, select, textarea")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const rows = listed();
    const named = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (named) {
      event.preventDefault();
      if (named.matches("textarea")) named.focus();
      else named.click();
    } else if (event.key === "/" && document.getElementById("search")) {
      event.preventDefault();
      document.getElementById("search").select();
    } else if (rows.length && event.key === "j") go(at + 1);
    else if (rows.length && event.key === "k") go(at - 1);
    else if (rows.length && event.key === "Enter" && !event.target.closest("a, button, summary")) open(Math.max(at, 0), 0);
    else if (rows.length && /^[1-9]$/.test(event.key)) open(Math.max(at, 0), Number(event.key));
    else if (event.key === "Escape" && panel && !panel.hidden) close();
    else if (!rows.length && (event.key === "j" || event.key === "k")) {
      document.querySelector(event.key === "j" ? "a[rel=next]" : "a[rel=prev]")?.click();
    }
  });
})();
