// Sorts a table by a click, or Enter, on a column's head: best first, worst first, then as it was.
"use strict";

for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const rows = Array.from(body.rows); // the order in which the page came
  const heads = Array.from(table.tHead.rows[table.tHead.rows.length - 1].cells);

  const keyOf = (row, place) => {
    const cell = row.cells[place];
    const value = cell.dataset.v;
    return value === undefined ? null : Number(value);
  };

  heads.forEach((head, place) => {
    const numeric = rows.some((row) => row.cells[place].dataset.v !== undefined);
    const words = head.classList.contains("text") || place === 0;
    if (!numeric && !words) return; // intervals and drawings have no order of their own
    const first = numeric ? "descending" : "ascending";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const second = first === "descending" ? "ascending" : "descending";
      const now = before === null ? first : before === first ? second : null;
      for (const other of heads) other.removeAttribute("aria-sort");
      const sorted = rows.slice();
      if (now !== null) {
        head.setAttribute("aria-sort", now);
        const sign = now === "ascending" ? 1 : -1;
        sorted.sort((a, b) => {
          if (!numeric) return sign * a.cells[place].textContent.localeCompare(b.cells[place].textContent);
          const left = keyOf(a, place), right = keyOf(b, place);
          if (left === null || right === null) return (left === null) - (right === null); // missing: last, both ways
          return sign * (left - right);
        });
      }
      body.append(...sorted);
    });
  });
}
