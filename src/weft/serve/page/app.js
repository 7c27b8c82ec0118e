// The page: state in, requests out, results drawn. What the user does changes `state`; `look` makes it so.

import * as api from "./api.js";
import * as detail from "./detail.js";
import { $, counted, h, said } from "./dom.js";
import * as filters from "./filters.js";
import * as grid from "./grid.js";
import * as picture from "./picture.js";
import * as query from "./query.js";
import { PAGE, asks, empty, padded, read, write } from "./state.js";

const BOTH = "both";
const PATIENCE = 120; // milliseconds after a key before a search
let state = read();
let about = { models: [], examples: [], products: 0, pictures: 0 };
let latest = null; // the last answer
let asked = 0; // numbers searches, so that late ones are known
let timer = 0;
let retry = 0;

const models = () => {
  const both = about.models.length > 1 && (!state.model || state.model === BOTH);
  return { both, model: both ? about.models[0] : state.model || about.models[0] };
};

function request(offset = 0, limit = state.shown) {
  const { both, model } = models();
  const wanted = { model, compare: both && asks(state), filters: state.filters, offset, limit, facets: !offset };
  wanted.hybrid = state.hybrid && Boolean(state.q.trim());
  if (state.like) return { ...wanted, like: state.like, hybrid: false };
  if (state.q.trim()) wanted.text = state.q;
  if (state.image) Object.assign(wanted, { image: padded(state.image), image_weight: state.weight });
  return wanted;
}

/** Makes the view what `state` says; `step`: the browser's "back" returns to what was before. */
async function look({ step = false, keep = false } = {}) {
  clearTimeout(timer);
  clearTimeout(retry);
  write(state, step);
  controls();
  const own = ++asked;
  const slow = setTimeout(() => $("results").classList.add("waiting"), 150);
  try {
    const answer = await api.search(request());
    if (own !== asked) return;
    latest = answer;
    message();
    results(false);
    if (!keep && scrollY > $("results").offsetTop) scrollTo({ top: 0 });
  } catch (error) {
    if (error.name !== "AbortError" && own === asked) failed(error);
  } finally {
    clearTimeout(slow);
    if (own === asked) $("results").classList.remove("waiting");
  }
}

function results(append, answer = latest) {
  const sides = [{ model: answer.model, results: answer.results, before: false }];
  if (answer.other) sides.unshift({ model: answer.other.model, results: answer.other.results, before: true });
  grid.draw(sides, { append, depth: answer.depth, act });
  if (append) return;
  filters.draw(answer.facets ?? {}, state.filters, answer.total, choose, () => narrow(false));
  filters.chips(state.filters, choose, () => change({ filters: {} }));
  count();
  if (!answer.results.length) message(h("p", {}, "No product satisfies these filters."), h("button", { type: "button", onclick: () => change({ filters: {} }) }, "Clear the filters"));
  $("more").hidden = answer.results.length >= answer.total || answer.results.length < PAGE || answer.results.length >= 1000;
}

function count() {
  const shown = latest.results.length;
  let text = asks(state) ? `${counted(latest.total, "product")}, nearest first` : counted(latest.total, "product");
  if (latest.other) {
    const there = new Set(latest.other.results.map((hit) => hit.id));
    const shared = latest.results.filter((hit) => there.has(hit.id)).length;
    text += `; ${shared} of the first ${shown} are in both`;
  }
  $("count").textContent = text;
}

function failed(error) {
  if (error.status === 401) return key();
  const again = h("button", { type: "button", onclick: () => look() }, "Try again");
  if (error.status === 429) {
    const wait = error.wait || 1;
    retry = setTimeout(() => look(), 1000 * wait);
    return message(h("p", {}, `Many are asking at once; trying again in ${counted(wait, "second")}.`));
  }
  if (error.status === 404 && state.like) grid.clear();
  message(h("p", {}, error.message), again);
  $("count").textContent = "";
}

/** Asks for the key that the service asks for. */
function key() {
  const input = h("input", { id: "key", type: "password", autocomplete: "off", required: true });
  const form = h("form", {}, h("label", { for: "key" }, "This service asks for a key"), input, h("button", {}, "Go on"));
  form.addEventListener("submit", (event) => (event.preventDefault(), api.useKey(input.value), start()));
  message(form);
  input.focus();
}

const message = (...parts) => $("message").replaceChildren(...parts);

function change(what, how = { step: true }) {
  Object.assign(state, { shown: PAGE, product: "" }, what);
  return look(how);
}

function choose(name, value, on) {
  const values = (state.filters[name] ?? []).filter((one) => one !== value);
  const next = { ...state.filters, [name]: on ? [...values, value] : values };
  if (!next[name].length) delete next[name];
  change({ filters: next }, { step: true, keep: true });
}

const act = {
  open(id) {
    state.product = id;
    write(state, true);
    opened();
  },
  closed() {
    const id = state.product;
    state.product = "";
    write(state, true);
    detail.hide();
    document.querySelector(`.card[data-id="${CSS.escape(id)}"] .open`)?.focus();
  },
  like: (id) => (detail.hide(), change({ like: id, q: "", image: "" })),
  ask: (text) => (detail.hide(), change({ q: text, like: "", image: "" })),
  filter: (name, value) => (detail.hide(), (state.product = ""), choose(name, value, true)),
};

function opened() {
  if (!state.product) return detail.hide();
  const place = (side) => side?.results.find((hit) => hit.id === state.product);
  const hit = place(latest) ?? place(latest?.other);
  const sides = [latest, latest?.other].filter(Boolean);
  const ranks = hit && latest.results[0]?.score !== null ? sides.map((side, number) => {
    const own = place(side);
    const across = place(sides[1 - number]);
    return [side.model, own?.rank ?? across?.other_rank ?? null, state.hybrid ? null : own?.score];
  }) : [];
  const example = about.examples.find((one) => one.product_id === state.product);
  detail.show(state.product, { ranks, example, act });
}

/** What belongs to the query: its field, picture, weight, forms, suggestions, the choice of models. */
function controls() {
  const field = $("q");
  if (field.value !== state.q && document.activeElement !== field) field.value = state.q;
  else if (field.value.trim() !== state.q.trim()) field.value = state.q;
  document.title = state.q ? `${state.q} – Weft` : "Weft";
  $("given").replaceChildren(...query.given(state, change));
  field.placeholder = state.like ? "Similar products" : state.image ? "Add words, if you like" : "Describe it, or drop a picture";
  $("hybrid").checked = state.hybrid;
  $("words").hidden = Boolean(state.like) || !state.q;
  const weigh = (weight) => ((state.weight = weight), later());
  if (!document.activeElement?.matches("#under input")) // or the slider would be taken from under the hand
    $("under").replaceChildren(...query.under(state, about.examples, { ask: act.ask, change, weigh }));
  const { both, model } = models();
  for (const input of $("models").querySelectorAll("input")) input.checked = input.value === (both ? BOTH : model);
  document.body.classList.toggle("comparing", both);
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(() => look(), PATIENCE);
}

async function take(file) {
  try {
    const image = await picture.shrink(file);
    detail.hide();
    change({ image, like: "" });
    $("q").focus();
  } catch {
    message(h("p", {}, "That file is no picture this browser can open."));
  }
}

async function onward() {
  const shown = latest.results.length;
  const own = asked;
  $("more").disabled = true;
  try {
    const answer = await api.more(request(shown, PAGE));
    if (own !== asked) return;
    latest.results.push(...answer.results);
    latest.other?.results.push(...answer.other.results);
    state.shown = Math.min(latest.results.length, 96);
    write(state, false);
    results(true, { ...answer, depth: latest.depth });
    count();
    $("more").hidden = answer.results.length < PAGE || latest.results.length >= latest.total;
  } catch (error) {
    if (error.name !== "AbortError") failed(error);
  } finally {
    $("more").disabled = false;
  }
}

function keys(event) {
  const field = $("q");
  const typing = event.target.matches("input:not([type=checkbox], [type=radio], [type=range]), textarea");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if ($("detail").open) return;
  if (event.key === "/" && !typing) return event.preventDefault(), field.focus(), field.select();
  if (event.key === "Escape") {
    if (document.body.classList.contains("narrowing")) return narrow(false);
    if (event.target === field && !field.value && !state.like && !state.image) return field.blur();
    event.preventDefault();
    if (event.target === field || state.like) return change({ q: "", like: "", image: "" }), field.focus();
    return field.focus();
  }
  if (!event.key.startsWith("Arrow") && event.key !== "s") return;
  if (event.target === field && event.key === "ArrowDown") return event.preventDefault(), grid.first()?.focus();
  const card = event.target.closest(".open");
  if (!card) return;
  if (event.key === "s") return act.like(card.closest(".card").dataset.id);
  event.preventDefault();
  const next = grid.neighbour(card, event.key);
  if (next) next.focus(), next.scrollIntoView({ block: "nearest" });
  else if (event.key === "ArrowUp") field.focus();
}

function narrow(on) {
  document.body.classList.toggle("narrowing", on);
  $("narrow").setAttribute("aria-expanded", String(on));
  if (!on) $("narrow").focus(), $("results").scrollIntoView({ block: "start" });
}

function choiceOfModels() {
  const names = about.models.length > 1 ? [BOTH, ...about.models.toReversed()] : [];
  const one = (name) => h("label", {}, h("input", { type: "radio", name: "model", value: name, onchange: () => change({ model: name === BOTH ? "" : name }, { step: true, keep: true }) }),
    name === BOTH ? "side by side" : said(name));
  $("models").replaceChildren($("models").firstElementChild, ...names.map(one));
  $("models").hidden = !names.length;
}

function listen() {
  $("form").addEventListener("submit", (event) => (event.preventDefault(), change({ q: $("q").value })));
  $("q").addEventListener("input", () => {
    Object.assign(state, { q: $("q").value, like: "", shown: PAGE });
    later();
  });
  $("hybrid").addEventListener("change", () => change({ hybrid: $("hybrid").checked }));
  $("more").addEventListener("click", onward);
  $("narrow").addEventListener("click", () => narrow(!document.body.classList.contains("narrowing")));
  $("copy").addEventListener("click", async () => {
    const copied = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
    $("copy").textContent = copied ? "Copied" : "Copy it from the address bar";
    setTimeout(() => ($("copy").textContent = "Copy link"), 1600);
  });
  document.querySelector(".mark").addEventListener("click", (event) => {
    event.preventDefault();
    change({ ...empty(), model: state.model });
  });
  $("detail").addEventListener("cancel", (event) => (event.preventDefault(), act.closed()));
  $("detail").addEventListener("click", (event) => event.target === $("detail") && act.closed());
  addEventListener("popstate", () => ((state = read()), look({ keep: true }).then(opened)));
  document.addEventListener("keydown", keys);
  picture.listen(take);
}

async function start() {
  message();
  try {
    about = await api.gallery();
  } catch (error) {
    return failed(error);
  }
  $("facts").textContent = `${counted(about.products, "product")}, ${counted(about.pictures, "picture")}`;
  choiceOfModels();
  await look();
  opened();
}

listen();
start();
