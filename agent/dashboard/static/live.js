// What is live on the pages: clocks, parts that are loaded anew, and logs. All else works without.
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
}, 1000);

// --- parts of the page that are loaded anew ---

function isInUse(part) {
  const selection = document.getSelection();
  const isSelected = selection && !selection.isCollapsed && part.contains(selection.anchorNode);
  return isSelected || (part.contains(document.activeElement) && part !== document.activeElement);
}

function exchange(part, fresh) {
  const opened = [...part.querySelectorAll("details")].map((one) => one.open);
  const scrolled = [...part.querySelectorAll("[data-keep]")].map(isAtEnd);
  part.replaceWith(fresh);
  fresh.querySelectorAll("details").forEach((one, at) => { one.open = opened[at] ?? false; });
  fresh.querySelectorAll("[data-keep]").forEach((one, at) => { if (scrolled[at] ?? true) toEnd(one); });
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
      if (fresh && !isInUse(part) && fresh.innerHTML !== part.dataset.shown) {
        fresh.dataset.shown = fresh.innerHTML;
        exchange(part, fresh);
      }
    }
  } catch {
    // The dashboard is being started again; the next time it answers.
  }
}

const first = document.querySelector("[data-refresh]");
if (first) setInterval(refresh, Number(first.dataset.refresh) * 1000);

// --- live logs ---

function isAtEnd(element) {
  return element.scrollHeight - element.scrollTop - element.clientHeight < 40;
}

function toEnd(element) {
  element.scrollTop = element.scrollHeight;
}

const mostCharacters = 400000;
for (const log of document.querySelectorAll("[data-log]")) {
  const source = new EventSource(log.dataset.log);
  source.onmessage = (event) => {
    const follows = isAtEnd(log);
    log.append(`${event.data}\n`);
    while (log.textContent.length > mostCharacters && log.childNodes.length > 1) log.firstChild.remove();
    if (follows) toEnd(log);
  };
  source.addEventListener("over", () => {
    source.close();
    document.querySelector("[data-live]")?.remove();
    refresh();
  });
}
document.querySelectorAll(".log").forEach(toEnd);
