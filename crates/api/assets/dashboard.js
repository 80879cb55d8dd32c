// The little that pages do by themselves: times in the viewer's zone, copying, sliders, choices, charts.
(() => {
  "use strict";
  const all = (root, selector) => root.querySelectorAll(selector);

  // --- Times: the server writes UTC, the viewer reads its own zone and sees UTC by pointing at it.
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const today = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
  const ago = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

  function relative(at) {
    const seconds = (at - Date.now()) / 1000;
    const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? units.at(-1);
    return ago.format(Math.trunc(seconds / size), unit);
  }

  function tell(time) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) return;
    const isToday = at.toDateString() === new Date().toDateString();
    const text = "relative" in time.dataset ? relative(at) : (isToday ? today : exact).format(at);
    if (time.textContent !== text) time.textContent = text;
    time.title = `${exact.format(at)} here\n${at.toISOString().replace("T", " ").replace(/\.\d+Z$/, "")} UTC`;
  }

  // --- Copying.
  async function copy(button) {
    const source = document.getElementById(button.dataset.copy);
    if (!source) return;
    try {
      await navigator.clipboard.writeText(source.textContent);
      said(button, "Copied");
    } catch {
      getSelection().selectAllChildren(source);
      said(button, "Press Ctrl+C");
    }
  }

  function said(button, text) {
    const before = button.dataset.label ??= button.textContent;
    button.textContent = text;
    setTimeout(() => { button.textContent = before; }, 2000);
  }

  // --- A slider and its number say the same.
  function mirror(input) {
    const other = document.getElementById(input.dataset.mirror);
    if (other && other.value !== input.value) {
      other.value = input.value;
      // Whoever listens to the field hears of it as if it had been typed.
      if (input.type === "range") other.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }

  // --- One box ticks all others; buttons that need a choice wait for one.
  function choices(form) {
    const boxes = [...all(form, "input[name=id]")];
    const chosen = boxes.filter((box) => box.checked).length;
    const every = form.querySelector("[data-every]");
    if (every) {
      every.checked = chosen > 0 && chosen === boxes.length;
      every.indeterminate = chosen > 0 && chosen < boxes.length;
    }
    for (const button of all(form, "[data-needs-choice]")) button.disabled = chosen === 0;
    for (const text of all(form, "[data-chosen]")) text.textContent = `${chosen} selected`;
  }

  // --- Charts: the server gives [times, series…]; colours come from the stylesheet.
  const palette = ["#4c6fff", "#1fa971", "#e08a1e", "#c84bb0", "#14a3c7", "#d9534f", "#8b6ff0", "#7a8699"];

  const amount = (value, unit) => value === null || value === undefined ? "" : unit ? `${Number(value.toPrecision(3))} ${unit}` : value;

  async function chart(box) {
    const answer = await fetch(box.dataset.chart, { headers: { accept: "application/json" } });
    if (!answer.ok || !box.isConnected) return;
    const { times, unit, series } = await answer.json();
    box.replaceChildren();
    const none = series.length === 0;
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "11px Inter Variable, sans-serif" };
    const options = {
      width: box.clientWidth - 16, height: 200,
      legend: { show: !none }, cursor: { points: { size: 6 }, y: false },
      scales: { y: { range: (_, least, most) => [0, Math.max(unit ? 0.1 : 4, (most ?? 0) * 1.15)] } },
      axes: [{ ...axis, size: 28, values: (_, times) => times.map((at) => clock.format(at * 1000)) }, { ...axis, size: unit ? 56 : 40, incrs: [...(unit ? [0.01, 0.02, 0.05, 0.1, 0.2, 0.5] : []), 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 10000], values: (_, values) => values.map((value) => amount(value, unit)) }],
      series: [{ value: (_, at) => at === null ? "" : clock.format(at * 1000) }, ...series.map(({ name }, place) => ({
        label: name, stroke: palette[place % palette.length], width: 1.8,
        fill: unit ? undefined : `${palette[place % palette.length]}1f`,
        // What has a unit may have no value for a minute: a point between two gaps is no line.
        points: unit ? { show: true, size: 5 } : { show: false }, value: (_, value) => amount(value, unit),
      }))],
    };
    const plot = new uPlot(options, [times, ...series.map(({ values }) => values)], box);
    new ResizeObserver(() => plot.setSize({ width: box.clientWidth - 16, height: 200 })).observe(box);
    if (none) {
      const text = document.createElement("p");
      text.className = "none";
      text.textContent = box.dataset.none;
      box.append(text);
    }
  }

  // --- The live tail keeps so many rows.
  function trim(body) {
    const most = Number(body.dataset.most);
    while (body.rows.length > most) body.deleteRow(-1);
  }

  function look(root) {
    for (const time of all(root, "time[datetime]")) tell(time);
    for (const form of all(root, "form[data-choices]")) choices(form);
    for (const box of all(root, "[data-chart]")) if (!box.firstElementChild) chart(box);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
  });
  document.addEventListener("input", (event) => {
    if (event.target.dataset.mirror) mirror(event.target);
  });
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-choices]");
    if (!form) return;
    if ("every" in event.target.dataset) {
      for (const box of all(form, "input[name=id]")) box.checked = event.target.checked;
    }
    choices(form);
  });
  document.addEventListener("submit", (event) => {
    const question = event.submitter?.dataset.ask;
    if (question && !confirm(question)) event.preventDefault();
  });
  document.addEventListener("htmx:after:swap", () => {
    for (const body of all(document, "tbody[data-most]")) trim(body);
    const none = document.getElementById("no-events");
    if (none && document.querySelector("tbody[data-most] tr")) none.hidden = true;
    // How far something is stands in the address, so that loading the page again goes on from there.
    const moved = document.querySelector("[data-address]");
    if (moved) history.replaceState(history.state, "", moved.dataset.address);
    look(document);
  });
  const state = (text, on) => {
    const live = document.getElementById("live");
    if (!live) return;
    live.textContent = text;
    live.classList.toggle("on", on);
  };
  document.addEventListener("htmx:sse:after:connection", () => state("Live", true));
  document.addEventListener("htmx:sse:error", () => state("Reconnecting…", false));
  document.addEventListener("htmx:sse:close", () => state("Paused", false));

  look(document);
  setInterval(() => { for (const time of all(document, "time[data-relative]")) tell(time); }, 15000);
})();
