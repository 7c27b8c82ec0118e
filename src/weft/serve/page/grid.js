// Results as cards, one pane a model. Cards are kept by product and glide to their new places.

import { $, calm, h, said } from "./dom.js";

const panes = new Map(); // model -> { element, list, cards: id -> card }

/** `sides`: [{ model, results, side }], drawn from left to right; `append` adds to what is there. */
export function draw(sides, { append, depth, act }) {
  const area = $("panes");
  const names = sides.map((one) => one.model);
  const old = new Map([...area.querySelectorAll(".card")].map((card) => [card, card.getBoundingClientRect()]));
  if ([...panes.keys()].join("\n") !== names.join("\n")) {
    panes.clear();
    area.replaceChildren(...sides.map((one) => pane(one.model, sides.length > 1)));
    area.classList.toggle("beside", sides.length > 1);
  }
  for (const one of sides) fill(one, sides, { append, depth, act });
  if (!append) glide(old);
  rove(area.querySelector('.open[tabindex="0"]') ?? area.querySelector(".open"));
  thread(null);
}

function pane(model, titled) {
  const list = h("ol", { class: "cards", "aria-label": titled ? `Results of ${model}` : "Results" });
  const element = h("section", { class: "pane" }, titled && h("h2", {}, said(model), h("small")), list);
  panes.set(model, { element, list, cards: new Map() });
  return element;
}

function fill({ model, results, before }, sides, { append, depth, act }) {
  const { list, cards, element } = panes.get(model);
  const other = sides.find((one) => one.model !== model);
  const now = new Set(results.map((hit) => hit.id));
  if (!append) for (const [id, element] of cards) if (!now.has(id)) (element.remove(), cards.delete(id));
  for (const hit of results) {
    let own = cards.get(hit.id);
    if (!own) cards.set(hit.id, (own = card(hit, model, act)));
    update(own, hit, other?.model, before, depth);
    list.append(own);
  }
  const note = element.querySelector("h2 small");
  if (note && other) note.textContent = before ? "→ place in the other" : "▲▼ against the other";
}

function card(hit, model, act) {
  const picture = h("img", { src: `/pictures/${hit.pictures[0]}`, alt: "", loading: "lazy", decoding: "async" });
  picture.addEventListener("load", () => measure(picture), { once: true });
  picture.addEventListener("error", () => picture.closest(".frame").classList.add("lost"), { once: true });
  const open = h("button", { type: "button", class: "open", tabindex: "-1", onclick: () => act.open(hit.id) },
    h("span", { class: "frame" }, picture),
    h("span", { class: "title" }, said(hit.title || hit.id)),
    h("span", { class: "brand" }, said([hit.brand, hit.category].find((one) => !hit.title.toLowerCase().includes(one.toLowerCase())) ?? "")),
    h("span", { class: "place" }));
  const like = h("button", { type: "button", class: "like", tabindex: "-1", title: "Find similar (s)", onclick: () => act.like(hit.id) },
    "Similar", h("span", { class: "unseen" }, ` to ${hit.title || hit.id}`));
  const own = h("li", { class: "card", "data-id": hit.id, "data-model": model }, open, like);
  open.addEventListener("focus", () => (rove(open), thread(own)));
  own.addEventListener("pointerenter", () => thread(own));
  own.addEventListener("pointerleave", () => thread(null));
  return own;
}

function update(own, hit, other, before, depth) {
  own.querySelector(".place").hidden = hit.score === null; // leafed through, not ranked
  const told = [h("b", {}, h("span", { class: "unseen" }, "rank "), String(hit.rank))];
  if (other) told.push(moved(hit, other, before, depth));
  own.querySelector(".place").replaceChildren(...told);
}

/** How a product stands against the other model's ranking. */
function moved({ rank, other_rank: place }, other, before, depth) {
  if (place === null) {
    const text = before ? `${depth}+` : "new";
    return h("i", { class: before ? "gone" : "new", title: `not among the first ${depth} of ${other}` },
      h("span", { "aria-hidden": "true" }, before ? `→ ${text}` : text), h("span", { class: "unseen" }, `, not among the first ${depth} of ${other}`));
  }
  const up = place - rank;
  const words = `, ${place === rank ? "the same" : place} in ${other}`;
  const sign = before ? `→ ${place}` : up > 0 ? `▲ ${up}` : up < 0 ? `▼ ${-up}` : "=";
  const kind = before ? "to" : up > 0 ? "up" : up < 0 ? "down" : "same";
  return h("i", { class: kind, title: `rank ${place} in ${other}` }, h("span", { "aria-hidden": "true" }, sign), h("span", { class: "unseen" }, words));
}

/** The frames take the shape of the first picture seen: a shop photographs its goods alike. */
let shaped = false;
function measure(picture) {
  if (shaped) return;
  shaped = true;
  const ratio = Math.min(Math.max(picture.naturalWidth / picture.naturalHeight, 0.66), 1.1);
  document.documentElement.style.setProperty("--ratio", ratio.toFixed(3));
}

function glide(old) {
  if (calm.matches) return;
  for (const own of $("panes").querySelectorAll(".card")) {
    const to = own.getBoundingClientRect();
    if (to.top > innerHeight * 1.5) break;
    const from = old.get(own);
    const easing = { duration: 260, easing: "cubic-bezier(.2, .7, .2, 1)" };
    if (!from) own.animate([{ opacity: 0 }, { opacity: 1 }], easing);
    else if (from.left !== to.left || from.top !== to.top)
      own.animate([{ transform: `translate(${from.left - to.left}px, ${from.top - to.top}px)` }, { transform: "none" }], easing);
  }
}

/** A thread from a product in one ranking to the same product in the other. */
function thread(own) {
  for (const lit of document.querySelectorAll(".card.twin")) lit.classList.remove("twin");
  $("thread")?.remove();
  if (!own || panes.size < 2) return;
  const twin = [...panes.values()].map((one) => one.cards.get(own.dataset.id)).find((one) => one && one !== own);
  if (!twin) return;
  const area = $("panes").getBoundingClientRect();
  const [left, right] = [own, twin].map((one) => one.querySelector(".frame").getBoundingClientRect()).sort((a, b) => a.left - b.left);
  const [x, y, u, v] = [left.right - area.left, left.top + left.height / 2 - area.top, right.left - area.left, right.top + right.height / 2 - area.top];
  const bend = Math.max(24, (u - x) / 2);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.id = "thread";
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(svg.namespaceURI, "path");
  path.setAttribute("d", `M${x} ${y}C${x + bend} ${y} ${u - bend} ${v} ${u} ${v}`);
  path.setAttribute("pathLength", "1");
  svg.append(path);
  $("panes").append(svg);
  own.classList.add("twin");
  twin.classList.add("twin");
}

/** One card is in the tab order; arrows go from there. */
function rove(to) {
  for (const other of $("panes").querySelectorAll('.open[tabindex="0"]')) other.tabIndex = -1;
  if (to) to.tabIndex = 0;
}

/** The card nearest in a direction, or null. */
export function neighbour(from, key) {
  const here = from.getBoundingClientRect();
  const across = key === "ArrowLeft" || key === "ArrowRight";
  const sign = key === "ArrowRight" || key === "ArrowDown" ? 1 : -1;
  let best = null;
  let least = Infinity;
  for (const one of $("panes").querySelectorAll(".open")) {
    const box = one.getBoundingClientRect();
    const ahead = sign * (across ? box.left - here.left : box.top - here.top);
    const aside = Math.abs(across ? box.top - here.top : box.left - here.left);
    if (ahead > 4 && ahead + 3 * aside < least && (!across || aside < here.height / 2)) (best = one), (least = ahead + 3 * aside);
  }
  return best;
}

export const first = () => $("panes").querySelector(".open");

export function clear() {
  panes.clear();
  $("panes").replaceChildren();
}
