"use strict";
// Without this script the page reads the same: it adds sorting and filtering to tables.

for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(table, heads, column));
  });
}

for (const box of document.querySelectorAll(".filter")) {
  const input = box.querySelector("input");
  const table = document.getElementById(input.getAttribute("aria-controls"));
  const show = () => filter(table, input.value, box.querySelector("output"));
  input.addEventListener("input", show);
  box.hidden = false;
  show();
}

// Numbers begin with the largest, text with the first; the next click turns the order. Rows that
// are equal stay as they stood, so that one sort refines another.
function sort(table, heads, column) {
  const number = heads[column].classList.contains("number");
  const first = number ? "descending" : "ascending";
  const other = number ? "ascending" : "descending";
  const order = heads[column].getAttribute("aria-sort") === first ? other : first;
  for (const head of heads) head.removeAttribute("aria-sort");
  heads[column].setAttribute("aria-sort", order);
  const sign = order === "ascending" ? 1 : -1;
  const compare = number ? numbers : texts;
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [key(row.cells[column], number), row]);
  rows.sort(([a], [b]) => compare(a, b, sign));
  body.append(...rows.map(([, row]) => row));
}

function key(cell, number) {
  if (!number) return cell.textContent;
  return cell.dataset.value === undefined ? NaN : Number(cell.dataset.value);
}

// What is no number stands last in either order. Equal infinities have no difference.
function numbers(a, b, sign) {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
  return a === b ? 0 : a < b ? -sign : sign;
}

function texts(a, b, sign) {
  return sign * a.localeCompare(b, "en", { numeric: true });
}

// A row stays where every word stands in it somewhere.
function filter(table, text, output) {
  const words = text.toLowerCase().split(/\s+/);
  const rows = [...table.tBodies[0].rows];
  for (const row of rows) {
    const cells = [...row.cells].map((cell) => cell.textContent.toLowerCase());
    row.hidden = !words.every((word) => cells.some((cell) => cell.includes(word)));
  }
  const left = rows.filter((row) => !row.hidden).length;
  output.value = `${left} of ${rows.length} rows`;
}
