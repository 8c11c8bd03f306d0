// Remembers the calls of the form data-call in this browser: what was sent, the
// newest first, each as a link to the page with those params in the form. They
// are kept per method and never leave the browser. Without this file the form
// works, and remembers nothing.

const keep = 20; // calls of one method
const most = 4096; // characters of an address that servers and people bear

function read(key) {
  try {
    const list = JSON.parse(localStorage.getItem(key) ?? "[]");
    return Array.isArray(list) ? list.filter((one) => typeof one?.params === "string" && typeof one?.at === "number") : [];
  } catch {
    return [];
  }
}

function write(key, list) {
  try {
    list.length > 0 ? localStorage.setItem(key, JSON.stringify(list)) : localStorage.removeItem(key);
  } catch {
    // A browser that keeps nothing, or is full: the call is made all the same.
  }
}

// address leads to the page of the method with params in its form.
function address(form, params) {
  const to = new URL(form.action);
  to.hash = "";
  to.searchParams.delete("example");
  to.searchParams.set("params", params);
  return to.href;
}

export function remember(form) {
  const place = document.getElementById("history");
  const key = "hero.calls " + place.dataset.history;
  const show = () => {
    const list = read(key);
    place.hidden = list.length === 0;
    const rows = list.map((one) => {
      const row = document.createElement("li");
      const link = document.createElement("a");
      const time = document.createElement("time");
      link.href = address(form, one.params);
      link.textContent = one.params.replace(/\s+/g, " ").slice(0, 120) || "no params";
      time.dateTime = new Date(one.at).toISOString();
      time.textContent = new Date(one.at).toLocaleString();
      row.append(link, " ", time);
      return row;
    });
    place.querySelector("ul").replaceChildren(...rows);
  };
  // What was called stands on the page of the answer, in the form or as fields.
  if (place.dataset.called !== undefined) {
    const params = place.dataset.called;
    const others = read(key).filter((one) => one.params !== params);
    if (params.length <= most) {
      write(key, [{ params, at: Date.now() }, ...others].slice(0, keep));
    }
  }
  place.querySelector("button").addEventListener("click", () => {
    write(key, []);
    show();
    form.querySelector("button").focus();
  });
  show();
}
