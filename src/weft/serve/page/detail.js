// One product, large: its pictures, attributes, ranks, and the queries that were written for it.

import { product } from "./api.js";
import { $, h, said } from "./dom.js";

let shown = "";

/** Shows a product. `ranks`: [[model, rank or null]]; `act`: like, filter, ask, step, closed. */
export async function show(id, { ranks, example, act }) {
  const box = $("detail");
  shown = id;
  let found;
  try {
    found = await product(id);
  } catch (error) {
    if (shown === id) fill(box, [h("p", { id: "detail-title" }, error.message)], act);
    return;
  }
  if (shown !== id) return; // another one was opened meanwhile
  const large = h("img", { class: "large", src: `/pictures/${found.pictures[0]}`, alt: found.title || found.id });
  const views = found.pictures.length > 1 && h("div", { class: "views" }, found.pictures.map((sha, number) =>
    h("button", { type: "button", "aria-label": `Picture ${number + 1} of ${found.pictures.length}`, onclick: () => (large.src = `/pictures/${sha}`) },
      h("img", { src: `/pictures/${sha}`, alt: "" }))));
  const pairs = [["brand", [found.brand]], ["category", [found.category]], ...Object.entries(found.attributes)];
  const facts = pairs.filter(([, values]) => values.some(Boolean)).map(([name, values]) =>
    h("div", {}, h("dt", {}, said(name)), h("dd", {}, values.filter(Boolean).map((value) =>
      h("button", { type: "button", class: "chip", "aria-label": `Filter by ${name} ${value}`, onclick: () => act.filter(name, value) }, said(value))))));
  const places = ranks.map(([model, rank, score]) =>
    h("div", {}, h("dt", {}, "in ", said(model)), h("dd", {}, rank ? `rank ${rank}` : "further down", score ? h("small", {}, ` cosine ${score.toFixed(3)}`) : null)));
  const queries = example && h("div", { class: "queries" }, h("h3", {}, "Asked for by"), (example.short === example.long ? ["short"] : ["short", "long"]).map((form) =>
    h("button", { type: "button", class: "query", onclick: () => act.ask(example[form]) }, h("small", {}, form), said(example[form]))));
  fill(box, [
    h("div", { class: "sheet" },
      h("div", { class: "stage" }, large, views),
      h("div", { class: "told" },
        h("h2", { id: "detail-title", dir: "auto" }, found.title || found.id),
        found.description && h("p", { dir: "auto" }, found.description),
        h("button", { type: "button", class: "main", id: "similar", onclick: () => act.like(id) }, "Find similar"),
        h("dl", {}, facts, places),
        queries,
        h("p", { class: "id" }, said(found.id))))], act);
}

function fill(box, content, act) {
  const close = h("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => act.closed() }, "×");
  box.replaceChildren(close, ...content);
  if (!box.open) box.showModal();
  ($("similar") ?? close).focus({ preventScroll: true });
}

export function hide() {
  shown = "";
  if ($("detail").open) $("detail").close();
}
