// Requests to the service. A newer search takes the place of an older one: stale answers never show.

const KEY = "weft-key";
let running = null;

export class Refusal extends Error {
  constructor(message, status, wait) {
    super(message);
    this.status = status;
    this.wait = wait; // seconds, where the service is busy
  }
}

export function useKey(key) {
  sessionStorage.setItem(KEY, key);
}

async function ask(path, options = {}) {
  const headers = { ...options.headers };
  const key = sessionStorage.getItem(KEY);
  if (key) headers.Authorization = `Bearer ${key}`;
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal("The service cannot be reached.", 0);
  }
  if (answer.ok) return answer.json();
  let message = `The service answered ${answer.status}.`;
  try {
    message = (await answer.json()).error.message;
  } catch { /* a proxy's page: the number must do */ }
  throw new Refusal(message, answer.status, Number(answer.headers.get("retry-after")) || 0);
}

export const gallery = () => ask("/v1/gallery");
/** Slashes stay, because some proxies refuse %2F, but for the one that would make it the address of similar products. */
export const product = (id) =>
  ask(`/v1/products/${id.split("/").map(encodeURIComponent).join("/").replace(/\/similar$/, "%2Fsimilar")}`);

/** A search; the one before, if it still runs, is aborted. */
export async function search(request) {
  running?.abort();
  const own = (running = new AbortController());
  const body = JSON.stringify(request);
  return ask("/v1/search", { method: "POST", headers: { "Content-Type": "application/json" }, body, signal: own.signal });
}

/** More of the same: aborted by the next search, aborts nothing. */
export async function more(request) {
  const signal = running?.signal;
  const body = JSON.stringify(request);
  return ask("/v1/search", { method: "POST", headers: { "Content-Type": "application/json" }, body, signal });
}
