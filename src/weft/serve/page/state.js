// What is being looked at, as an address: the link reproduces the view. A picture travels in the fragment, which
// browsers never send to a server.

export const PAGE = 24;

export const empty = () => ({
  q: "", image: "", weight: 0.5, like: "", filters: {}, model: "", hybrid: false, shown: PAGE, product: "",
});

/** Whether anything is asked at all; otherwise the gallery is leafed through. */
export const asks = (state) => Boolean(state.q.trim() || state.image || state.like);

export function read() {
  const query = new URLSearchParams(location.search);
  const state = empty();
  state.q = query.get("q") ?? "";
  state.like = query.get("like") ?? "";
  state.model = query.get("model") ?? "";
  state.product = query.get("product") ?? "";
  state.hybrid = query.get("titles") === "1";
  state.shown = Math.min(Math.max(Number(query.get("shown")) || PAGE, PAGE), 96);
  const weight = Number(query.get("weight") ?? "0.5");
  state.weight = weight >= 0 && weight <= 1 ? weight : 0.5;
  for (const pair of query.getAll("filter")) {
    const cut = pair.indexOf("=");
    if (cut > 0) (state.filters[pair.slice(0, cut)] ??= []).push(pair.slice(cut + 1));
  }
  const picture = new URLSearchParams(location.hash.slice(1)).get("image") ?? "";
  if (/^[A-Za-z0-9_-]+$/.test(picture)) state.image = picture.replaceAll("-", "+").replaceAll("_", "/");
  return state;
}

export function address(state) {
  const query = new URLSearchParams();
  if (state.q) query.set("q", state.q);
  if (state.like) query.set("like", state.like);
  if (state.model) query.set("model", state.model);
  if (state.hybrid) query.set("titles", "1");
  if (state.shown !== PAGE) query.set("shown", state.shown);
  if (state.image && state.q && state.weight !== 0.5) query.set("weight", state.weight);
  for (const [name, values] of Object.entries(state.filters)) for (const value of values) query.append("filter", `${name}=${value}`);
  if (state.product) query.set("product", state.product);
  const picture = state.image ? "#image=" + state.image.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "") : "";
  const text = query.toString();
  return location.pathname + (text ? `?${text}` : "") + picture;
}

/** Writes the address; `step` makes a step that "back" undoes. */
export function write(state, step) {
  const now = address(state);
  if (now === location.pathname + location.search + location.hash) return;
  history[step ? "pushState" : "replaceState"](null, "", now);
}

/** Base64 without its padding, as it is in an address, is base64 all the same. */
export const padded = (text) => text + "=".repeat((4 - (text.length % 4)) % 4);
