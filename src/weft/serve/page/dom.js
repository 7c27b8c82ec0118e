// Elements made from data. Strings become text, never markup: a product's title can hold anything.

/** An element: `h("button", { class: "x", onclick: f, "aria-label": "y" }, "text", child, ...)`. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const $ = (id) => document.getElementById(id);

/** "1 product", "1,200 products". */
export const counted = (number, what) => `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;

/** A stranger's text: set apart, so that right-to-left writing does not reorder what stands beside it. */
export const said = (text, attributes = {}) => h("bdi", attributes, text);

export const calm = matchMedia("(prefers-reduced-motion: reduce)");
