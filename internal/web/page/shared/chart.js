// Draws the figures of an hour into the places that are marked data-plot. Where
// this file does not run, the same places show the line that the server drew.

function load(url) {
  return new Promise((done, fail) => {
    const script = document.createElement("script");
    script.src = url;
    script.addEventListener("load", done);
    script.addEventListener("error", fail);
    document.head.append(script);
  });
}

function style(url) {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = url;
  document.head.append(link);
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const clock = (seconds) => new Date(seconds * 1000).toTimeString().slice(0, 5);

// plot makes the chart of one figure. It is made anew when the colours change.
function plot(place, label, data) {
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  const options = {
    width: place.clientWidth, height: 170, legend: { show: false },
    cursor: { y: false }, scales: { x: { range: (_, first, last) => [Math.min(first, last - 300), last] }, y: { range: (_, low, high) => [0, Math.max(high * 1.15, label === "cpu" ? 1 : 10)] } },
    axes: [{ ...axis, values: (_, times) => times.map(clock), space: 70 }, { ...axis, size: 48 }],
    series: [{}, { label, stroke: colour("--accent"), width: 2, fill: colour("--accent-soft"), spanGaps: false }],
  };
  place.replaceChildren();
  return new uPlot(options, data, place);
}

export async function draw(charts, { base, assets }) {
  style(base + "assets/uplot.css?v=" + assets);
  await load(base + "assets/uplot.js?v=" + assets);
  const figures = async () => {
    const answer = await fetch(charts.dataset.chart, { credentials: "same-origin" });
    if (!answer.ok) {
      return null;
    }
    const [at, cpu, memory] = await answer.json();
    return at.length < 2 ? null : { cpu: [at, cpu.map((v) => v * 100)], memory: [at, memory.map((v) => v / 1048576)] };
  };
  let last = await figures();
  const plots = new Map();
  const show = (anew) => {
    if (!last) {
      for (const place of charts.querySelectorAll("[data-plot]")) {
        place.textContent = "Figures are kept minute by minute: there are none yet.";
      }
      return;
    }
    for (const place of charts.querySelectorAll("[data-plot]")) {
      const label = place.dataset.plot;
      if (anew || !plots.has(label)) {
        plots.get(label)?.destroy();
        plots.set(label, plot(place, label, last[label]));
      } else {
        plots.get(label).setData(last[label]);
      }
    }
  };
  show(true);
  charts.dataset.drawn = last ? "true" : "";
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show(true));
  addEventListener("resize", () => show(true));
  setInterval(async () => {
    if (!document.hidden) {
      const before = last;
      last = (await figures().catch(() => null)) ?? last;
      show(!before);
    }
  }, 10000);
}
