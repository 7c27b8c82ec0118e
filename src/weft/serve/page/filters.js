// Filters by attribute, with how many products each value would show.

import { $, counted, h, said } from "./dom.js";

const FEW = 8;
const opened = new Set(); // names whose list is shown whole
const closed = new Set(); // names that were folded

const small = matchMedia("(max-width: 52rem)");

/** Draws the lists; `change(name, value, on)` is called when a value is ticked or not, `done()` to see the results. */
export function draw(facets, filters, total, change, done) {
  const side = $("filters");
  const focus = document.activeElement?.closest("#filters") ? document.activeElement.id : "";
  const parts = Object.entries(facets).filter(([, values]) => values.length);
  side.replaceChildren(
    ...parts.map(([name, values], place) => group(name, values, new Set(filters[name] ?? []), place, change)),
    h("button", { type: "button", class: "main", id: "show", onclick: done }, `Show ${counted(total, "product")}`),
  );
  if (focus) $(focus)?.focus();
}

function group(name, values, chosen, place, change) {
  // The first lists are open: what one filters by most, brand and category, come first.
  const folded = closed.has(name) || (place > (small.matches ? 0 : 3) && !chosen.size && !opened.has(`+${name}`));
  const list = h("ul");
  const fill = () => {
    const whole = opened.has(name);
    const shown = values.filter((one, number) => whole || number < FEW || chosen.has(one.value));
    list.replaceChildren(...shown.map((one) => row(name, one, chosen.has(one.value), change)));
    if (!whole && shown.length < values.length) {
      const rest = h("button", { type: "button", class: "plain" }, `${values.length - shown.length} more`);
      rest.addEventListener("click", () => (opened.add(name), fill()));
      list.append(h("li", {}, rest));
    }
  };
  fill();
  const count = chosen.size ? h("b", { class: "chosen" }, String(chosen.size)) : null;
  const part = h("details", { open: !folded }, h("summary", {}, said(name), count), list);
  part.addEventListener("toggle", () => {
    (part.open ? closed.delete(name) : closed.add(name), part.open && opened.add(`+${name}`));
  });
  return part;
}

function row(name, { value, count }, on, change) {
  const id = `f-${encodeURIComponent(name)}-${encodeURIComponent(value)}`;
  const box = h("input", { type: "checkbox", id, checked: on });
  box.addEventListener("change", () => change(name, value, box.checked));
  return h("li", {}, box, h("label", { for: id }, said(value), h("span", {}, count.toLocaleString("en"))));
}

/** The chosen values as chips that take themselves away. */
export function chips(filters, change, clear) {
  const pairs = Object.entries(filters).flatMap(([name, values]) => values.map((value) => [name, value]));
  const chip = ([name, value]) =>
    h("li", {}, h("button", { type: "button", class: "chip", "aria-label": `Remove filter ${name} ${value}`, onclick: () => change(name, value, false) },
      h("span", {}, said(name)), " ", said(value), h("i", { "aria-hidden": "true" }, "×")));
  $("chosen").replaceChildren(...pairs.map(chip),
    ...(pairs.length > 1 ? [h("li", {}, h("button", { type: "button", class: "plain", onclick: clear }, "Clear all"))] : []));
}
