// One pair at a time. Everything that comes from the catalogue is set as text; nothing is kept in the browser.
"use strict";

const at = (id) => document.getElementById(id);
let state = null; // what the server said last
let busy = false; // an answer is on its way: keys pressed meanwhile would hit a pair that nobody has seen
let failed = null; // the request that is to be tried again

async function ask(path, body) {
  if (busy) return;
  busy = true;
  for (const button of document.querySelectorAll("footer button")) button.disabled = true;
  try {
    const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    const response = await fetch(path, options || {});
    const told = await response.json();
    if (!response.ok) throw new Error(told.error || `the server said ${response.status}`);
    const before = state;
    state = told;
    failed = null;
    at("problem").hidden = true;
    show(before);
  } catch (error) {
    failed = [path, body];
    const why = error instanceof TypeError ? "The server does not answer: is weft annotate still running?" : error.message;
    at("problem-text").textContent = (body ? "Not saved. " : "") + why;
    at("problem").hidden = false;
    at("loading").hidden = true;
  } finally {
    busy = false;
    for (const button of document.querySelectorAll("footer button")) button.disabled = false;
    at("undo").disabled = !state || !state.undo;
  }
}

function show(before) {
  const pair = state.pair;
  at("annotator").textContent = state.annotator;
  at("progress").max = Math.max(state.total, 1);
  at("progress").value = state.total - state.left;
  at("count").textContent = `${state.total - state.left} of ${state.total}` + (pair ? left(state.seconds) : "");
  document.title = `${state.total - state.left}/${state.total} · ${state.annotator} · Weft`;
  at("loading").hidden = true;
  at("pair").hidden = at("grades").hidden = at("skip").hidden = !pair;
  at("bar").hidden = !pair && !state.undo;
  at("done").hidden = Boolean(pair);
  if (!at("grades").children.length) grades();
  if (pair) {
    at("query").textContent = pair.query;
    at("query").hidden = !pair.query;
    at("place").textContent = `${pair.place} of ${pair.of} things shown for it`;
    at("title").textContent = pair.title;
    picture(at("query-image"), pair.query_image);
    picture(at("image"), pair.image, pair.title);
    at("lost").hidden = Boolean(pair.image);
    if (!before || before.pair?.query !== pair.query) at("query").scrollTop = 0;
    if (pair.next_image) new Image().src = `/image/${pair.next_image}`; // fetched while this one is looked at
  } else {
    done();
  }
  at("said").textContent = pair ? `${pair.query ? `Asked for: ${pair.query}. ` : ""}Shown: ${pair.title || "no title"}` : "";
}

function picture(image, name, title) {
  image.hidden = !name;
  if (title !== undefined) image.alt = title ? `Picture of ${title}` : "Picture of the thing";
  if (!name) image.removeAttribute("src");
  else if (image.getAttribute("src") !== `/image/${name}`) image.src = `/image/${name}`;
}

function grades() {
  for (const level of state.rubric) {
    const button = document.createElement("button");
    const [key, name, meaning] = [document.createElement("kbd"), document.createElement("b"), document.createElement("small")];
    button.type = "button";
    button.id = `grade-${level.grade}`;
    button.className = `g${level.grade}`;
    key.textContent = level.grade;
    name.textContent = level.name;
    meaning.textContent = level.meaning;
    button.append(key, name, meaning);
    button.setAttribute("aria-label", `${level.grade}: ${level.name}${level.meaning ? `. ${level.meaning}` : ""}`);
    button.addEventListener("click", () => grade(level.grade));
    at("grades").append(button);
  }
}

function left(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 60) return " · less than a minute left";
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? ` · about ${minutes} min left` : ` · about ${Math.round(minutes / 6) / 10} h left`;
}

function done() {
  const empty = state.total === 0;
  at("done-head").textContent = empty ? "This pool holds no pairs" : state.skipped ? "Nothing is left but what was skipped" : "All done, thank you";
  at("done-text").textContent = empty
    ? "Make it again with weft pool: it needs at least one query and one thing shown for it."
    : `${state.graded} graded, ${state.skipped} skipped. ${state.files} and its qrels are written; the page can be closed.`;
  at("again").hidden = !state.skipped;
  at("again").textContent = `Look at the ${state.skipped} skipped again`;
  at("done-head").focus();
}

function grade(value) {
  if (!state?.pair || busy) return;
  flash(value);
  ask("/api/answer", { number: state.pair.number, grade: value });
}

function flash(value) {
  const button = value === null ? at("skip") : at(`grade-${value}`);
  button.classList.add("just");
  setTimeout(() => button.classList.remove("just"), 250);
}

function undo() {
  if (state?.undo) ask("/api/undo", {});
}

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
  const pressed = event.key.toLowerCase();
  if (failed && pressed === "r") ask(...failed);
  else if (pressed === "u" || pressed === "backspace") undo();
  else if (pressed === "s") grade(null);
  else if (state?.rubric.some((level) => String(level.grade) === pressed)) grade(Number(pressed));
  else return;
  event.preventDefault();
}

document.addEventListener("keydown", key);
at("undo").addEventListener("click", undo);
at("skip").addEventListener("click", () => grade(null));
at("again").addEventListener("click", () => ask("/api/again", {}));
at("retry").addEventListener("click", () => failed && ask(...failed));
at("image").addEventListener("error", () => { at("image").hidden = true; at("lost").hidden = false; });
at("query-image").addEventListener("error", () => { at("query-image").hidden = true; });
ask("/api/state");
