// What stands beside and under the field: the picture or product that is asked with, weights, forms, suggestions.

import { product } from "./api.js";
import { h, said } from "./dom.js";
import { asks, padded } from "./state.js";

/** The picture or the product that is part of the question, each with a way to take it out. */
export function given(state, change) {
  const parts = [];
  if (state.image) parts.push(tile(`data:image/jpeg;base64,${padded(state.image)}`, "your picture", () => change({ image: "" })));
  if (state.like) parts.push(tile("", "similar to a product", () => change({ like: "" }), state.like));
  return parts;
}

function tile(source, what, remove, id) {
  const image = h("img", { alt: what, src: source || null });
  if (id) product(id).then((found) => {
    image.src = `/pictures/${found.pictures[0]}`;
    image.alt = `similar to ${found.title || found.id}`;
  }, () => {});
  return h("span", { class: "tile" }, image, h("button", { type: "button", "aria-label": `Remove: ${what}`, onclick: remove }, "×"));
}

/** `act`: ask(text), change(what), weigh(number). */
export function under(state, examples, act) {
  const text = state.q.trim();
  if (state.image && text) {
    const range = h("input", { type: "range", min: "0", max: "1", step: "0.05", value: state.weight, "aria-label": "Weight of the picture" });
    range.addEventListener("input", () => act.weigh(Number(range.value)));
    return [h("label", { class: "weight" }, "words", range, "picture")];
  }
  const known = text && examples.find((one) => one.short === text || one.long === text);
  if (known && known.short !== known.long) {
    const form = (name) => h("button", { type: "button", "aria-pressed": String(known[name] === text), onclick: () => act.change({ q: known[name] }) }, name);
    return [h("span", { class: "choice", role: "group", "aria-label": "Form of the query" }, form("short"), form("long")),
      h("small", {}, "the same wish, as a shopper types it and as a catalogue says it")];
  }
  if (asks(state)) return [];
  const telling = examples.filter((one) => one.short !== one.long && one.short.includes(" "));
  if (!telling.length) return [];
  const step = Math.max(1, Math.floor(telling.length / 4));
  const some = telling.filter((_, place) => place % step === 0).slice(0, 4);
  return [h("small", {}, "Try"), ...some.map((one) => h("button", { type: "button", class: "try", onclick: () => act.ask(one.short) }, said(one.short)))];
}
