// Live parts: the server sends a whole fragment whenever it changed; rows keep their place and only what differs is
// touched, so that nothing flickers, no scroll jumps and a text selection survives.
"use strict";

function update(id, html) {
  const now = document.getElementById(id);
  if (!now) return;
  const next = document.createElement("template");
  next.innerHTML = html;
  const fresh = next.content.firstElementChild;
  if (!fresh || plain(now) === plain(fresh)) return;
  const oldRows = keyed(now);
  const newRows = keyed(fresh);
  const sameRows = oldRows.size > 0 && [...newRows.keys()].join() === [...oldRows.keys()].join();
  if (!sameRows) {
    for (const [key, row] of newRows) {
      const before = oldRows.get(key);
      if (!before || plain(before) !== plain(row)) row.classList.add("fresh");
    }
    now.replaceWith(fresh);
    return;
  }
  for (const [key, row] of newRows) {
    const before = oldRows.get(key);
    if (plain(before) === plain(row)) continue;
    row.classList.add("fresh");
    before.replaceWith(row);
  }
  const oldHead = now.querySelector(".head");
  const newHead = fresh.querySelector(".head");
  if (oldHead && newHead && plain(oldHead) !== plain(newHead)) oldHead.replaceWith(newHead);
}

function keyed(root) {
  return new Map([...root.querySelectorAll("[data-key]")].map((row) => [row.dataset.key, row]));
}

// What a part says, without the ages that this script keeps writing into it.
function plain(part) {
  return part.innerHTML.replace(/>[^<]*<\/time>/g, "></time>").replaceAll(" class=\"fresh\"", "");
}

function ages() {
  for (const time of document.querySelectorAll("time[data-ms]")) {
    const seconds = Math.max(0, Math.round((Date.now() - Number(time.dataset.ms)) / 1000));
    const text = seconds < 60 ? `${seconds} s ago`
      : seconds < 3600 ? `${Math.floor(seconds / 60)} min ago`
      : seconds < 172800 ? `${Math.floor(seconds / 3600)} h ago`
      : `${Math.floor(seconds / 86400)} days ago`;
    if (time.textContent !== text) time.textContent = text;
  }
}

function state(value, words) {
  const live = document.querySelector(".live");
  if (!live) return;
  live.dataset.state = value;
  live.lastElementChild.textContent = words;
}

if (document.body.dataset.live) {
  const source = new EventSource(document.body.dataset.live);
  source.onopen = () => state("on", "live");
  source.onerror = () => state("off", "connection lost, trying again");
  for (const part of ["tiles", "stores", "days", "exceptions"]) {
    source.addEventListener(part, (event) => { update(part, event.data); ages(); });
  }
}
// Keys work in a table of exceptions and nowhere else: j and k go down and up, x chooses. Enter opens, as everywhere.
document.addEventListener("keydown", (event) => {
  const row = event.target.closest?.("table[data-keys] tbody tr");
  if (!row || event.ctrlKey || event.altKey || event.metaKey) return;
  const there = { j: row.nextElementSibling, k: row.previousElementSibling }[event.key];
  if (there) there.querySelector("a").focus();
  else if (event.key === "x") row.querySelector("input").click();
  else return;
  event.preventDefault();
});

ages();
setInterval(ages, 1000);
