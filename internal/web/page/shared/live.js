// Keeps the parts of a page that are marked data-live as the server would make
// them now: after each change of the machine, and while one types a search.
// Without this file the same pages work, and are as old as their last load.

const root = document.documentElement;
const sign = document.getElementById("live");
let running = false;
let again = false;

function say(state, text) {
  sign.hidden = false;
  sign.dataset.state = state;
  sign.textContent = text;
}

// refresh fetches this page anew and puts its live parts in the place of ours.
// Only one runs at a time; a change meanwhile is another round.
async function refresh() {
  if (running) {
    again = true;
    return;
  }
  running = true;
  try {
    do {
      again = false;
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
      const text = await answer.text();
      replace(new DOMParser().parseFromString(text, "text/html"));
    } while (again);
  } catch {
    say("off", "not reached");
  } finally {
    running = false;
  }
}

function replace(page) {
  root.dataset.tree = page.documentElement.dataset.tree ?? "";
  for (const old of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(old.id);
    if (!fresh || fresh.innerHTML === old.innerHTML) {
      continue;
    }
    const focus = old.contains(document.activeElement) ? document.activeElement : null;
    const at = focus?.getAttribute("href") ?? null;
    const open = [...old.querySelectorAll("details")].map((d) => d.open);
    old.replaceChildren(...fresh.childNodes);
    old.querySelectorAll("details").forEach((d, i) => { d.open = open[i] ?? d.open; });
    if (at !== null) {
      old.querySelector(`a[href="${CSS.escape(at)}"]`)?.focus({ preventScroll: true });
    } else if (focus?.id) {
      document.getElementById(focus.id)?.focus({ preventScroll: true });
    }
  }
}

// The stream of changes is open only while the page is looked at.
let stream = null;
function listen() {
  if (document.hidden) {
    stream?.close();
    stream = null;
    return;
  }
  if (stream) {
    return;
  }
  stream = new EventSource(root.dataset.base + "events");
  stream.addEventListener("tree", (event) => {
    say("on", "live");
    if (event.data !== root.dataset.tree && document.querySelector("[data-live]")) {
      refresh();
    }
  });
  stream.addEventListener("error", () => say("off", "not reached"));
}
document.addEventListener("visibilitychange", listen);
addEventListener("pagehide", () => { stream?.close(); stream = null; });
addEventListener("pageshow", listen);
listen();

for (const form of document.querySelectorAll("form[data-search]")) {
  let timer = 0;
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const to = new URL(location.href);
      const q = new FormData(form).get("q");
      if (q) {
        to.searchParams.set("q", q);
      } else {
        to.searchParams.delete("q");
      }
      history.replaceState(null, "", to);
      refresh();
    }, 120);
  });
}

for (const form of document.querySelectorAll("form[data-call]")) {
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      form.requestSubmit();
    }
  });
}
const calls = document.querySelector("form[data-call]");
if (calls) {
  const { remember } = await import("./history.js?v=" + root.dataset.assets);
  remember(calls);
}
if (location.hash === "#answer") {
  document.getElementById("answer")?.focus();
}

// What a service writes, line by line, below what was there when the page came.
const keep = 3000;
for (const log of document.querySelectorAll("[data-stream]")) {
  log.scrollTop = log.scrollHeight;
  if (log.dataset.stream === "") {
    continue;
  }
  let lines = null;
  const read = () => {
    if (document.hidden) {
      lines?.close();
      lines = null;
      return;
    }
    if (lines) {
      return;
    }
    lines = new EventSource(log.dataset.stream);
    lines.addEventListener("line", (event) => {
      const line = JSON.parse(event.data);
      const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
      const row = document.createElement("div");
      row.className = line.stream;
      const time = document.createElement("time");
      time.textContent = line.time;
      row.append(time, " ", line.unit ? line.unit + " " : "", line.text);
      log.append(row);
      while (log.childElementCount > keep) {
        log.firstElementChild.remove();
      }
      if (atEnd) {
        log.scrollTop = log.scrollHeight;
      }
    });
  };
  document.addEventListener("visibilitychange", read);
  addEventListener("pagehide", () => { lines?.close(); lines = null; });
  addEventListener("pageshow", read);
  read();
}

// Charts are drawn by uPlot, which is loaded where there is one to draw.
const charts = document.querySelector("[data-chart]");
if (charts) {
  const { draw } = await import("./chart.js?v=" + root.dataset.assets);
  draw(charts, root.dataset);
}
