// The log of a run: it comes in pieces, is searched as a whole, and only the lines in view are
// elements of the page.
"use strict";

(() => {
  const box = document.getElementById("lines");
  if (!box) return;
  const sheet = box.querySelector(".sheet");
  const steps = new Map(Object.entries(JSON.parse(box.dataset.steps)));
  const status = document.getElementById("matches");
  const sought = document.getElementById("sought");
  const fold = document.getElementById("fold");
  const ROW = 20, BEYOND = 15, LONGEST = 4000;
  const SECONDS_AT_WORK = 2;

  const lines = [];
  const heads = []; // numbers of the lines with which steps begin
  const open = new Set(); // those of `heads` whose steps are unfolded
  let rows = []; // numbers of the lines that are shown
  const drawn = new Map();
  let chosen = -1, wanted = null, isMoved = false;

  // --- what is shown ---

  function findHead(line) {
    let low = 0, high = heads.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (heads[middle] <= line) low = middle + 1; else high = middle;
    }
    return low ? heads[low - 1] : -1;
  }

  function nameStep(line) {
    return lines[line].slice(10, -1);
  }

  function findState(head) {
    return steps.get(nameStep(head))[0];
  }

  function listRows() {
    rows = [];
    let shown = true, next = 0;
    for (let line = 0; line < lines.length; line++) {
      if (line === heads[next]) {
        rows.push(line);
        shown = open.has(line);
        next++;
      } else if (shown) rows.push(line);
    }
    draw();
  }

  function clean(line) {
    return line.replace(/\r+$/, "").replace(/^.*\r/, "")
      .replace(/\x1b(?:\[[0-?]*[ -\/]*[@-ln-~]|[\]PX^_].*?(?:\x07|\x1b\\|$)|[@-Z\\-_])/g, "")
      .replace(/[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
  }

  function paint(into, line) {
    const cut = line.length > LONGEST ? `${line.slice(0, LONGEST)}… (${line.length - LONGEST} more)` : line;
    let colour = "", bold = "";
    clean(cut).split(/\x1b\[([\d;]*)m/).forEach((part, at) => {
      if (at % 2) {
        for (const code of part.split(";").map(Number)) {
          if (!code) colour = bold = "";
          else if (code === 1) bold = " bold";
          else if (code === 39) colour = "";
          else if ((code > 30 && code < 38) || (code > 90 && code < 98)) colour = ` ansi-${code % 10}`;
        }
        return;
      }
      const span = document.createElement("span");
      span.className = `${colour}${bold}`.trim();
      mark(span, part.replaceAll("\x1b", "\ufffd"));
      into.append(span);
    });
  }

  function mark(into, text) {
    const found = pattern ? text.split(new RegExp(`(${pattern.source})`, "i")) : [text];
    found.forEach((part, at) => {
      if (at % 2) {
        const match = document.createElement("mark");
        match.textContent = part;
        into.append(match);
      } else into.append(part);
    });
  }

  function make(line) {
    const row = document.createElement("div"), number = document.createElement("a");
    row.className = `line${line === chosen ? " chosen" : ""}`;
    number.className = "at";
    number.href = `#L${line + 1}`;
    number.tabIndex = -1;
    number.textContent = line + 1;
    row.append(number);
    if (findHead(line) === line) {
      const [state, took] = steps.get(nameStep(line)), button = document.createElement("button");
      row.className += ` step ${state.replace(" ", "-")}`;
      button.type = "button";
      button.setAttribute("aria-expanded", open.has(line));
      button.textContent = nameStep(line);
      const words = document.createElement("span");
      words.className = "below";
      words.textContent = state === "done" ? took : `${state} ${took}`;
      button.append(words);
      button.onclick = () => {
        if (!open.delete(line)) open.add(line);
        button.setAttribute("aria-expanded", open.has(line));
        listRows();
      };
      row.append(button);
    } else {
      const words = document.createElement("span");
      paint(words, lines[line]);
      row.append(words);
    }
    return row;
  }

  function draw() {
    sheet.style.height = `${rows.length * ROW}px`;
    const first = Math.max(0, Math.floor(box.scrollTop / ROW) - BEYOND);
    const last = Math.min(rows.length, Math.ceil((box.scrollTop + box.clientHeight) / ROW) + BEYOND);
    const kept = new Set(rows.slice(first, last));
    for (const [line, row] of drawn) {
      if (!kept.has(line)) { row.remove(); drawn.delete(line); }
    }
    for (let at = first; at < last; at++) {
      const line = rows[at];
      if (!drawn.has(line)) drawn.set(line, sheet.appendChild(make(line)));
      drawn.get(line).style.top = `${at * ROW}px`;
    }
  }

  function drawAnew() {
    drawn.forEach((row) => row.remove());
    drawn.clear();
    draw();
  }

  // --- going to a line ---

  function goTo(line) {
    const head = findHead(line);
    if (head >= 0) open.add(head);
    chosen = line;
    isMoved = true;
    listRows();
    box.scrollTop = Math.max(0, rows.indexOf(line) * ROW - box.clientHeight / 3);
    drawAnew();
  }

  /** Go to the line that the address names, once that line is loaded. */
  function follow() {
    const at = /^#L(\d+)$/.exec(wanted), step = /^#step=(.*)$/.exec(wanted), text = /^#find=(.*)$/.exec(wanted);
    let line = -1;
    if (at) line = Number(at[1]) - 1;
    if (step) line = heads.findLast((head) => nameStep(head) === decodeURIComponent(step[1])) ?? -1;
    if (text) line = lines.findLastIndex((one) => one.startsWith(decodeURIComponent(text[1])));
    if (line < 0 || line >= lines.length) return;
    wanted = null;
    goTo(line);
  }

  // --- search ---

  let pattern = null, matches = [], current = -1;

  function search(from) {
    for (let line = from; pattern && line < lines.length; line++) {
      const text = lines[line].includes("\x1b") ? clean(lines[line]).replace(/\x1b\[[\d;]*m/g, "") : lines[line];
      if (pattern.test(text)) matches.push(line);
    }
    showMatches();
  }

  function showMatches() {
    const count = matches.length.toLocaleString("en");
    if (!pattern) status.textContent = "";
    else if (current < 0) status.textContent = `${count} ${matches.length === 1 ? "line" : "lines"}`;
    else status.textContent = `${(current + 1).toLocaleString("en")} of ${count}`;
  }

  function step(by) {
    if (!matches.length) return;
    current = current < 0 && by < 0 ? matches.length - 1 : (current + by + matches.length) % matches.length;
    history.replaceState(null, "", `#L${matches[current] + 1}`);
    goTo(matches[current]);
    showMatches();
  }

  let waiting = 0;
  sought.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const plain = sought.value.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
      pattern = plain ? new RegExp(plain, "i") : null;
      [matches, current] = [[], -1];
      search(0);
      drawAnew();
    }, 150);
  });
  sought.form.addEventListener("submit", (event) => { event.preventDefault(); step(1); });
  sought.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.shiftKey) { event.preventDefault(); step(-1); }
  });
  document.getElementById("previous").onclick = () => step(-1);
  fold.onclick = () => {
    const all = fold.getAttribute("aria-pressed") !== "true";
    fold.setAttribute("aria-pressed", all);
    open.clear();
    if (all) heads.forEach((head) => open.add(head));
    listRows();
  };

  // --- loading ---

  const decoder = new TextDecoder();
  let offset = 0, rest = "", isLoading = false;

  function add(more) {
    const from = lines.length;
    const isFollowed = isAtEnd(box) && isMoved !== true;
    for (const line of more) {
      const at = lines.push(line) - 1;
      if (line[9] !== "[" || !/^[\d:]{8} \[.+\]$/.test(line)) continue;
      const name = nameStep(at), before = heads[heads.length - 1];
      if (!steps.has(name) && isAtWork()) steps.set(name, ["running", ""]);
      if (!steps.has(name)) continue;
      if (before !== undefined && findState(before) === "running") steps.set(nameStep(before), ["done", ""]);
      heads.push(at);
      if (findState(at) !== "done") open.add(at);
    }
    if (pattern) search(from);
    listRows();
    if (isFollowed && isAtWork()) { box.scrollTop = box.scrollHeight; draw(); }
    if (wanted) follow();
  }

  async function load() {
    if (isLoading) return;
    isLoading = true;
    try {
      const answer = await fetch(`${box.dataset.url}?after=${offset}`);
      if (!answer.ok || answer.redirected) return;
      const reader = answer.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        offset += value.length;
        const parts = (rest + decoder.decode(value, { stream: true })).split("\n");
        rest = parts.pop();
        if (parts.length) add(parts);
      }
      if (rest && !isAtWork()) { add([rest]); rest = ""; }
    } catch {
      // The dashboard is being restarted; the next load asks again.
    } finally {
      isLoading = false;
    }
  }

  function isAtWork() {
    return document.querySelector("#live .badge") !== null;
  }

  async function loadAll() {
    await load();
    fold.hidden = !heads.length;
    const last = heads.find((head) => findState(head) === "failed") ?? heads[heads.length - 1];
    if (!isAtWork() && last !== undefined && chosen < 0 && !isMoved) { goTo(last); chosen = -1; drawAnew(); }
    const timer = setInterval(async () => {
      const wasAtWork = isAtWork();
      if (!document.hidden) await load();
      if (!wasAtWork) clearInterval(timer);
    }, SECONDS_AT_WORK * 1000);
  }

  box.addEventListener("scroll", () => { isMoved = !isAtEnd(box); requestAnimationFrame(draw); });
  addEventListener("resize", draw);
  addEventListener("hashchange", () => { wanted = location.hash; follow(); });
  wanted = location.hash || null;
  loadAll();
})();
