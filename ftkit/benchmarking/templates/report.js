"use strict";
// Search and filters over the rows that stand in the page; without this script all of them are shown.
(() => {
  const list = document.getElementById("rows");
  const tools = document.getElementById("tools");
  if (!list || !tools) return;
  const STEP = Number(list.dataset.step);
  const fold = (text) => text.normalize("NFKC").toLocaleLowerCase();
  const rows = [...list.children].map((item) => ({
    item,
    text: fold(item.textContent),
    kind: item.dataset.kind,
    right: new Set(JSON.parse(item.dataset.right)),
  }));
  const words = document.getElementById("words");
  const kind = document.getElementById("kind");
  const right = document.getElementById("right");
  const count = document.getElementById("count");
  const more = document.getElementById("more");
  const marks = "highlights" in CSS ? new Highlight() : null;
  if (marks) CSS.highlights.set("found", marks);
  let shown = STEP;

  const wanted = (parts) => rows.filter((row) => parts.every((part) => row.text.includes(part))
    && (!kind.value || row.kind === kind.value)
    && (!right || !right.value || row.right.has(right.value)));

  const mark = (items, parts) => {
    if (!marks) return;
    marks.clear();
    if (!parts.length) return;
    for (const item of items) {
      const walker = document.createTreeWalker(item, NodeFilter.SHOW_TEXT);
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const text = node.data.toLocaleLowerCase();
        if (text.length !== node.data.length) continue; // places would not be the same
        for (const part of parts) {
          for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) {
            const range = new Range();
            range.setStart(node, at);
            range.setEnd(node, at + part.length);
            marks.add(range);
          }
        }
      }
    }
  };

  const show = () => {
    const parts = fold(words.value).split(/\s+/).filter(Boolean);
    const found = wanted(parts);
    const now = new Set(found.slice(0, shown).map((row) => row.item));
    for (const row of rows) row.item.hidden = !now.has(row.item);
    list.classList.add("ready");
    mark(now, parts);
    more.hidden = found.length <= shown;
    count.textContent = found.length === rows.length
      ? `${rows.length} rows, ${now.size} shown`
      : `${found.length} of ${rows.length} rows, ${now.size} shown`;
  };

  const begin = () => { shown = STEP; show(); };
  words.addEventListener("input", begin);
  kind.addEventListener("change", begin);
  if (right) right.addEventListener("change", begin);
  tools.addEventListener("submit", (event) => event.preventDefault());
  more.addEventListener("click", () => {
    const next = rows.filter((row) => !row.item.hidden).length;
    shown += STEP;
    show();
    const first = rows.filter((row) => !row.item.hidden)[next];
    if (first) { first.item.tabIndex = -1; first.item.focus(); }
  });
  tools.hidden = false;
  show();
})();
