"use strict";
(() => {
  const report = JSON.parse(document.getElementById("report-data").textContent);
  const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7"];
  const DASHES = ["solid", "dash", "dot", "dashdot"];
  const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "x"];
  const BUTTONS = [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]];
  const byId = (id) => document.getElementById(id);

  // Plotly reads a few tags, entities and formulas in texts; names are to be shown as they are.
  const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", $: "&#36;" };
  const plain = (text) => String(text).replace(/[&<>$]/g, (letter) => ENTITIES[letter]);
  const shortened = (text, most) => {
    const letters = Array.from(text);
    const tail = Math.floor((most - 1) / 2);
    return letters.length <= most ? text : letters.slice(0, most - 1 - tail).join("") + "…" + letters.slice(-tail).join("");
  };
  const label = (text) => plain(shortened(text, 36));
  const figures = (value) => (value === null || value === undefined ? "∞" : String(Number(Number(value).toPrecision(5))).replace("-", "−"));

  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const axis = () => ({
    gridcolor: style("--grid"), linecolor: style("--line"), automargin: true, zeroline: false,
  });
  const surface = () => ({
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: style("--text"), family: "system-ui, sans-serif", size: 13 },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: style("--line"), activecolor: style("--text") },
    hoverlabel: { bgcolor: style("--surface"), bordercolor: style("--line"), font: { color: style("--text") } },
  });
  const merged = (first, second) => {
    const result = { ...first };
    for (const [key, value] of Object.entries(second)) {
      const nested = value && typeof value === "object" && !Array.isArray(value);
      result[key] = nested ? merged(result[key] || {}, value) : value;
    }
    return result;
  };

  const drawn = new Map();
  const draw = (id, data, layout) => {
    drawn.set(id, [data, layout]);
    const axes = Object.fromEntries(
      ["xaxis", "yaxis", ...Object.keys(layout).filter((key) => /^[xy]axis\d$/.test(key))].map((key) => [key, axis()]));
    const whole = merged({ ...surface(), ...axes, margin: { l: 60, r: 20, t: 64, b: 50 },
      legend: { orientation: "h", yanchor: "bottom", y: 1, x: 0 }, height: 380 }, layout);
    return Plotly.react(byId(id), data, whole, { displaylogo: false, responsive: true, modeBarButtons: BUTTONS });
  };
  const redraw = () => drawn.forEach(([data, layout], id) => draw(id, data, layout));

  const rows = (place, header, lines) => {
    const table = document.createElement("table");
    const line = (cells, kind) => {
      const row = document.createElement("tr");
      for (const cell of cells) row.appendChild(document.createElement(kind)).textContent = cell;
      return row;
    };
    table.appendChild(document.createElement("thead")).appendChild(line(header, "th"));
    const body = table.appendChild(document.createElement("tbody"));
    lines.forEach((cells) => body.appendChild(line(cells, "td")));
    const frame = document.createElement("div");
    frame.className = "scroll";
    frame.appendChild(table);
    place.querySelectorAll(".scroll").forEach((old) => old.remove());
    place.appendChild(frame);
  };

  const named = (figure) => {
    const result = JSON.parse(JSON.stringify(figure));
    for (const trace of result.data) {
      if (trace.name) trace.name = plain(trace.name);
      if (Array.isArray(trace.text)) trace.text = trace.text.map((text) => (Array.isArray(text) ? text.map(plain) : plain(text)));
    }
    for (const key of ["xaxis", "yaxis", "xaxis2"]) {
      const own = result.layout[key];
      if (own && own.ticktext) own.ticktext = own.ticktext.map(label);
      if (own && own.title) own.title.text = plain(own.title.text);
    }
    return result;
  };

  // A layer: name, operator, three ratios, what it runs in where that is not INT8, whether it has ratios.
  const drawLayers = () => {
    const all = report.layers[byId("layers-model").selectedIndex];
    const height = (layer) => (!layer[6] ? Infinity : layer[3] === null ? 1e9 : layer[3]);
    drawOrder("plot-layers", all);
    drawOrder("plot-layers-worst", [...all].sort((a, b) => height(a) - height(b)));
  };
  const drawOrder = (id, shown) => {
    const places = shown.map((_, index) => index);
    const text = shown.map(([name, operator, , , , left]) =>
      plain(name) + " (" + plain(operator || "model input") + ")" + (left ? "<br>" + plain(left) : ""));
    const series = (column, name, rest) => ({ name, text, y: places, x: shown.map((layer) => layer[column]),
      textposition: "none", hovertemplate: "%{text}<br>" + name + ": %{x:.1f} dB<extra></extra>", ...rest });
    const most = Math.max(20, ...shown.flatMap((layer) => [layer[2], layer[3], layer[4]].map((value) => value ?? 0)));
    const data = [
      series(2, "isolated", { type: "bar", orientation: "h", marker: { color: COLOURS[0] } }),
      series(3, "accumulated", { type: "bar", orientation: "h", marker: { color: COLOURS[1], pattern: { shape: ".", fillmode: "overlay", fgcolor: "#ffffff", fgopacity: 0.7, size: 5 } } }),
    ];
    if (shown.some((layer) => layer[4] !== null)) {
      data.push(series(4, "at the output", { textposition: undefined, mode: "markers", marker: { color: COLOURS[2], symbol: "diamond", size: 8 } }));
    }
    const floating = places.filter((place) => shown[place][5]);
    if (floating.length) {
      data.unshift({ type: "bar", orientation: "h", name: "not in INT8", y: floating, x: floating.map(() => most), text: floating.map((place) => text[place]),
        textposition: "none", hovertemplate: "%{text}<extra></extra>", width: 0.9, offset: -0.45,
        marker: { color: "rgba(128,128,128,0.12)", line: { color: style("--line"), width: 0.5 }, pattern: { shape: "/", fgcolor: style("--line"), fillmode: "overlay", fgopacity: 0.8, size: 7 } } });
    }
    const inner = Math.max(240, 30 * shown.length);
    draw(id, data, {
      height: inner + 160, barmode: "group", bargap: 0.25,
      xaxis: { title: { text: "SQNR (dB)" }, rangemode: "tozero", side: "top" },
      yaxis: { range: [shown.length - 0.5, -0.5], tickvals: places, ticktext: shown.map((layer) => label(layer[0])) },
      margin: { t: 130, b: 30 }, legend: { y: 1 + 66 / inner },
      shapes: [{ type: "line", x0: report.low_db, x1: report.low_db, y0: 0, y1: 1, yref: "paper", line: { dash: "dash", width: 1.5, color: style("--text") } }],
      annotations: [{ x: report.low_db, y: 0, yref: "paper", yanchor: "top", showarrow: false, text: report.low_db + " dB" }],
    });
  };

  const codes = ([, low, high, , symmetric]) => {
    const step = symmetric ? Math.max(-low, high) / 127 : (high - low) / 255;
    const first = symmetric ? -127 : Math.round(low / step);
    return Array.from({ length: symmetric ? 255 : 256 }, (_, index) => (first + index) * step);
  };

  const drawTensor = () => {
    const tensor = report.tensors[byId("tensor").selectedIndex];
    const centres = tensor.counts.map((_, index) => tensor.start + (index + 0.5) * tensor.step);
    const most = Math.max(...tensor.counts, 1);
    const data = [{ type: "bar", name: "values", x: centres, y: tensor.counts.map((count) => count || null),
      width: tensor.step, marker: { color: style("--bars") }, hovertemplate: "about %{x:.4g}: %{y}<extra></extra>" }];
    tensor.rules.forEach(([rule, low, high, clipped, , used], index) => {
      // A range that begins at 0 clips nothing there.
      const ends = [...new Set([low, high])].filter((end) => end !== 0);
      data.push({ mode: "lines+markers", name: plain(rule) + ", clips " + figures(100 * clipped) + " %",
        x: ends.flatMap((end) => [end, end, null]), y: ends.flatMap(() => [0.7, most * 1.5 ** (1 + index), null]),
        line: { color: COLOURS[index % 4], dash: DASHES[index % 4], width: used ? 2.5 : 1 },
        marker: { symbol: SYMBOLS[index % 5] + (used ? "" : "-open"), size: 8 },
        hovertemplate: "%{x:.5g}<extra>" + plain(rule) + "</extra>" });
    });
    if (byId("tensor-codes").checked && tensor.rules.length) {
      const places = codes(tensor.rules[0]);
      data.push({ mode: "markers", name: "codes of " + plain(tensor.rules[0][0]), x: places, y: places.map(() => 0.8),
        marker: { symbol: "line-ns-open", size: 9, color: style("--text") }, hoverinfo: "x" });
    }
    draw("plot-histogram", data, { bargap: 0, xaxis: { title: { text: "value" } },
      yaxis: { type: "log", title: { text: "values" }, range: [Math.log10(0.6), Math.log10(most) + 0.18 * (tensor.rules.length + 2)], dtick: 1 } });
    rows(byId("tensor-bins"), ["from", "to", "values"], tensor.counts.map((count, index) =>
      [figures(tensor.start + index * tensor.step), figures(tensor.start + (index + 1) * tensor.step), count]).filter((line) => line[2]));
    const share = (100 * tensor.zeros / tensor.count).toFixed(1);
    const odd = tensor.nans + tensor.infinities ? tensor.nans + " NaN and " + tensor.infinities + " infinite values are left out. " : "No NaN, no infinity. ";
    // Bins end far above the smallest normal number, so what is counted is a bound.
    const [nearest, width] = tensor.smallest;
    const tiny = nearest ? "At most " + nearest + " denormal: so many values lie nearer to 0 than " + figures(width) + ", the width of a bin." : "No denormal.";
    byId("tensor-facts").textContent = tensor.count + " values from " + figures(tensor.low) + " to " + figures(tensor.high) +
      "; " + share + " % are exactly 0 and not in the plot. " + odd + tiny;
    drawCurves(tensor);
  };

  const drawCurves = (tensor) => {
    const titles = { entropy: "KL divergence (nats)", mse: "squared error, share of the energy" };
    const axes = { entropy: "KL (nats)", mse: "error / energy" };
    const found = Object.entries(tensor.curves);
    const data = [], lines = [], notes = [];
    found.forEach(([rule, [limits, losses]], index) => {
      const own = { xaxis: "x", yaxis: index ? "y2" : "y" };
      const finite = losses.filter((loss) => loss !== null);
      const least = Math.min(...finite), at = losses.indexOf(least), last = losses[losses.length - 1];
      // On a logarithmic scale an exact 0 would have no place.
      const floor = Math.min(...finite.filter((loss) => loss > 0), 1) / 10;
      data.push({ ...own, mode: "lines+markers", name: titles[rule] || plain(rule), x: limits, y: losses.map((loss) => (loss === null ? null : Math.max(loss, floor))),
        line: { color: COLOURS[index ? 2 : 1], dash: index ? "dot" : "solid", width: 2 }, marker: { size: 4 } });
      data.push({ ...own, mode: "markers", name: "least of " + plain(rule) + " at " + figures(limits[at]), x: [limits[at]], y: [Math.max(least, floor)],
        marker: { color: COLOURS[index ? 2 : 1], symbol: index ? "square" : "diamond", size: 13, line: { width: 1.5, color: style("--text") } } });
      if (at < losses.length - 1 && last !== null && last <= report.flat * least) notes.push((axes[rule] || rule) + " is flat: without any clipping it is within 5 % of the least, so that clipping gains nothing here.");
      limits.forEach((limit, place) => lines.push([rule, figures(limit), figures(losses[place])]));
    });
    const layout = { height: 420, xaxis: { title: { text: "threshold" }, anchor: found.length > 1 ? "y2" : "y" },
      yaxis: { type: "log", domain: found.length > 1 ? [0.54, 1] : [0, 1], exponentformat: "power", dtick: 1, title: { text: axes[found[0]?.[0]] || "loss" } } };
    if (found.length > 1) layout.yaxis2 = { type: "log", domain: [0, 0.46], exponentformat: "power", dtick: 1, title: { text: axes[found[1][0]] || "loss" } };
    byId("tensor-flat").textContent = notes.map((note) => "⚠ " + note).join(" ");
    if (!found.length) layout.annotations = [{ text: "too few distinct values for a curve", showarrow: false, xref: "paper", yref: "paper", x: 0.5, y: 0.5 }];
    draw("plot-curves", data, layout);
    rows(byId("tensor-curves"), ["rule", "threshold", "loss"], lines);
  };

  Object.entries(report.figures).forEach(([id, figure]) => {
    const { data, layout } = named(figure);
    draw(id, data, layout);
  });
  if (report.layers) {
    drawLayers();
    byId("layers-model").addEventListener("change", drawLayers);
  }
  if (report.tensors && report.tensors.length) {
    drawTensor();
    ["tensor", "tensor-codes"].forEach((id) => byId(id).addEventListener("change", drawTensor));
  }
  const refreshed = () => {
    redraw();
    if (report.layers) drawLayers();
    if (report.tensors && report.tensors.length) drawTensor();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refreshed);
  addEventListener("beforeprint", refreshed);
  addEventListener("afterprint", refreshed);
})();
