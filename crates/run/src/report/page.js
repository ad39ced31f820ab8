// Headers become buttons that sort; without a script they stay headers.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const sort = (head, column) => {
    const up = head.getAttribute("aria-sort") === "descending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const cell = (row) => row.cells[column];
    const rows = [...table.tBodies[0].rows];
    const stated = rows.some((row) => cell(row).dataset.value !== undefined);
    const text = (row) => stated ? cell(row).dataset.value : cell(row).textContent.trim();
    const missing = (row) => [undefined, "", "–"].includes(text(row));
    const number = (row) => Number.parseFloat(text(row).replace("−", "-").replace(/,/g, ""));
    const numeric = rows.every((row) => missing(row) || !Number.isNaN(number(row)));
    rows.sort((left, right) => {
      if (missing(left) || missing(right)) return missing(left) - missing(right);
      const order = numeric ? number(left) - number(right) : text(right).localeCompare(text(left));
      return up ? order : -order;
    });
    table.tBodies[0].append(...rows);
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(head, column));
    head.append(button);
  });
}
