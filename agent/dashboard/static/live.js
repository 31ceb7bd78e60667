// Updates clocks, and loads parts of pages anew. Everything else works without this script.
"use strict";

function writeSpan(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const units = [["d", 86400, "h", 3600], ["h", 3600, "min", 60], ["min", 60, "s", 1]];
  for (const [unit, size, smaller, below] of units) {
    if (whole < size) continue;
    const rest = Math.floor((whole % size) / below);
    return `${Math.floor(whole / size)} ${unit}${rest ? ` ${rest} ${smaller}` : ""}`;
  }
  return `${whole} s`;
}

setInterval(() => {
  for (const clock of document.querySelectorAll("[data-since]")) {
    clock.textContent = writeSpan(Date.now() / 1000 - Number(clock.dataset.since));
  }
  growBars();
}, 1000);

/** Bars of stages share one line, one after the other; the last one ends now. */
function growBars() {
  if (!document.querySelector("rect[data-begun]")) return;
  const bars = [...document.querySelectorAll("rect[data-took]")];
  const took = bars.map(({ dataset }) => Number(dataset.took)
    + (dataset.begun ? Math.max(0, Date.now() / 1000 - Number(dataset.begun)) : 0));
  const whole = took.reduce((sum, one) => sum + one, 0) || 1;
  let at = 0;
  bars.forEach((bar, number) => {
    bar.setAttribute("x", (100 * at) / whole);
    if (took[number]) bar.setAttribute("width", Math.max(0.6, (100 * took[number]) / whole));
    at += took[number];
  });
}

// --- parts of the page that are loaded anew ---

function isInUse(part) {
  const selection = document.getSelection();
  const isSelected = selection && !selection.isCollapsed && part.contains(selection.anchorNode);
  const focused = document.activeElement;
  return isSelected || (part.contains(focused) && part !== focused && !focused.matches("[data-keep]"));
}

function exchange(part, fresh) {
  const opened = [...part.querySelectorAll("details")].map((one) => one.open);
  const kept = [...part.querySelectorAll("[data-keep]")];
  const scrolled = kept.map((one) => (isAtEnd(one) ? null : one.scrollTop));
  const focused = kept.indexOf(document.activeElement);
  part.replaceWith(fresh);
  fresh.querySelectorAll("details").forEach((one, at) => { one.open = opened[at] ?? false; });
  fresh.querySelectorAll("[data-keep]").forEach((one, at) => {
    one.scrollTop = scrolled[at] ?? one.scrollHeight;
    if (at === focused) one.focus({ preventScroll: true });
  });
}

async function refresh() {
  const parts = document.querySelectorAll("[data-refresh]");
  if (!parts.length || document.hidden) return;
  try {
    const answer = await fetch(location.href, { headers: { "X-Refresh": "1" } });
    if (answer.redirected) { location.reload(); return; }
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of parts) {
      const fresh = page.getElementById(part.id);
      if (fresh && !isInUse(part) && fresh.innerHTML !== (part.dataset.shown ?? part.innerHTML)) {
        fresh.dataset.shown = fresh.innerHTML;
        exchange(part, fresh);
      }
    }
  } catch {
    // The dashboard is being restarted; the next refresh asks again.
  }
}

const first = document.querySelector("[data-refresh]");
if (first) setInterval(refresh, Number(first.dataset.refresh) * 1000);

// --- logs ---

function isAtEnd(element) {
  return element.scrollHeight - element.scrollTop - element.clientHeight < 40;
}

function toEnd(element) {
  element.scrollTop = element.scrollHeight;
}

document.querySelectorAll(".log").forEach(toEnd);
