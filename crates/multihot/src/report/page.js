"use strict";
// The report's figures, drawn from the one JSON block of this page. Texts and names of labels come
// from a table that anybody may have filled: they reach the page as text nodes only.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const labels = data.labels;
  const byId = (id) => document.getElementById(id);

  // ---------------------------------------------------------------- elements and numbers

  function put(node, props, children) {
    for (const [key, value] of Object.entries(props || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else node.setAttribute(key, value === true ? "" : value);
    }
    node.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return node;
  }
  const el = (tag, props, ...children) => put(document.createElement(tag), props, children);
  const svg = (tag, props, ...children) =>
    put(document.createElementNS("http://www.w3.org/2000/svg", tag), props, children);

  /** A label's name, whatever its direction of writing. */
  const named = (label) => el("bdi", {}, labels[label].name);
  const has = (x) => x !== null && x !== undefined;
  const count = (n) => n.toLocaleString("en");
  const fixed = (x, digits = 3) => (has(x) ? x.toFixed(digits) : "–");
  function percent(x) {
    if (!has(x)) return "–";
    if (x > 0 && x < 0.0005) return "<0.1 %";
    return `${(100 * x).toFixed(x > 0 && x < 0.0995 ? 1 : 0)} %`;
  }
  const plural = (n, what) => `${count(n)} ${what}${n === 1 ? "" : "s"}`;
  const share = (part, whole) => (whole > 0 ? part / whole : null);
  function threshold(t) {
    if (!has(t)) return "the likeliest of its group";
    if (t > 1) return "never yes";
    if (t === 0 || t === 1) return t.toFixed(3);
    if (t < 0.01) return t.toPrecision(2);
    return t > 0.999 ? t.toFixed(6) : t.toFixed(3);
  }

  // ---------------------------------------------------------------- the state: thresholds

  /** Where each label's threshold is set now, as a place on its curve. */
  const at = labels.map((label) => label.curve.stored);
  let selected = 0;

  /** Whether the label is in an exclusive group, whose likeliest label is the answer. */
  const isExclusive = (label) => has(labels[label].group);

  /** The counts of a label whose answer is yes from the threshold at `place` up. */
  function curveAt(label, place) {
    const { curve } = labels[label];
    return counted(label, curve.tp[place], curve.fp[place]);
  }
  /** The counts of a label as it is answered with its threshold set to `place`. */
  function countsAt(label, place) {
    const { curve, decided } = labels[label];
    const asDecided = isExclusive(label) || place === curve.stored;
    return asDecided ? counted(label, ...decided) : curveAt(label, place);
  }
  function counted(label, tp, fp) {
    const { positives, known } = labels[label];
    return { tp, fp, fn: positives - tp, tn: known - positives - fp };
  }
  const precision = (c) => share(c.tp, c.tp + c.fp);
  const recall = (c) => share(c.tp, c.tp + c.fn);
  const f1 = (c) => share(2 * c.tp, 2 * c.tp + c.fp + c.fn);
  function mean(values) {
    const defined = values.filter(has);
    return defined.length ? defined.reduce((a, b) => a + b, 0) / defined.length : null;
  }
  function overall(places) {
    const all = labels.map((_, label) => countsAt(label, places[label]));
    const sum = (key) => all.reduce((total, counts) => total + counts[key], 0);
    const total = { tp: sum("tp"), fp: sum("fp"), fn: sum("fn"), tn: sum("tn") };
    return { micro: f1(total), macro: mean(all.map(f1)) };
  }
  const stored = overall(labels.map((label) => label.curve.stored));
  const isMoved = (label) => at[label] !== labels[label].curve.stored;

  // ---------------------------------------------------------------- tables that sort and filter

  /**
   * A table of labels. A column is {title, hint, key(label), cell(label)}; the first one names the
   * row. `foot` has rows of cells below.
   */
  function labelTable(host, caption, columns, foot = []) {
    const rows = labels.map((_, label) =>
      el("tr", {}, columns.map((column, i) =>
        i === 0 ? el("th", { scope: "row" }, column.cell(label)) : column.cell(label))));
    const body = el("tbody", {}, rows);
    let order = { column: null, falls: false };
    const heads = columns.map((column, i) => {
      const sort = () => {
        const falls = order.column === i ? !order.falls : i > 0 && !column.rises;
        order = { column: i, falls };
        heads.forEach((head, j) => head.setAttribute("aria-sort",
          j !== i ? "none" : falls ? "descending" : "ascending"));
        body.append(...sorted(column, falls).map((label) => rows[label]));
      };
      return el("th", { scope: "col", "aria-sort": "none" },
        el("button", { type: "button", title: column.hint, onclick: sort }, column.title));
    });
    const table = el("table", { class: "figures" },
      el("thead", {}, el("tr", {}, heads)), body,
      foot.length ? el("tfoot", {}, foot) : null);
    const box = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
      table);
    host.append(...(labels.length > 8 ? [finder(rows)] : []), box);
    return rows;
  }

  function sorted(column, falls) {
    const keys = labels.map((_, label) => column.key(label));
    const compare = (a, b) => {
      const [x, y] = [keys[a], keys[b]];
      if (!has(x) || !has(y)) return has(x) ? -1 : has(y) ? 1 : 0;
      const rising = typeof x === "string" ? x.localeCompare(y) : x - y;
      return falls ? -rising : rising;
    };
    return labels.map((_, label) => label).sort(compare);
  }

  /** A box that hides the rows whose label does not hold what is typed. */
  function finder(rows) {
    const found = el("span", { class: "muted", role: "status" });
    const find = (event) => {
      const wanted = event.target.value.trim().toLocaleLowerCase();
      let shown = 0;
      rows.forEach((row, label) => {
        row.hidden = !labels[label].name.toLocaleLowerCase().includes(wanted);
        shown += row.hidden ? 0 : 1;
      });
      found.textContent = wanted ? `${shown} of ${rows.length}` : "";
    };
    const box = el("input", { type: "search", placeholder: "find a label", oninput: find,
      "aria-label": "Find a label" });
    return el("div", { class: "bar find" }, box, found);
  }

  const cell = (text, props) => el("td", text === "–" ? { class: "none", ...props } : props, text);
  const column = (title, key, hint, show = fixed) => ({
    title, hint, key: (label) => key(labels[label]), cell: (label) => cell(show(key(labels[label]))),
  });

  // ---------------------------------------------------------------- head and summary

  const KIND = { training: "Training", tuning: "Tuning", evaluation: "Evaluation" };
  function drawHead() {
    byId("title").textContent = data.model;
    const part = data.kind === "training" ? "held-out rows" : "rows";
    byId("subtitle").textContent = `${KIND[data.kind]} · ${count(data.rows)} ${part} of ${data.table}` +
      ` · ${plural(labels.length, "label")}`;
    byId("foot").textContent = `Written by multihot ${data.version}. One file: nothing is loaded from ` +
      "anywhere, and the texts shown are in it.";
    const sections = [["summary", "In short"], ["labels", "Labels"], ["one", "Thresholds"],
      ["confusion", "Right and wrong"], ["pairs", "Pairs"], ["errors", "Worst errors"],
      ["suspects", "Label errors"]];
    if (data.epochs.length) sections.push(["training", "Training"]);
    byId("sections").append(...sections.map(([id, title]) => el("a", { href: `#${id}` }, title)));
  }

  function drawTheme() {
    const themes = ["auto", "light", "dark"];
    const asked = new URLSearchParams(location.hash.slice(1)).get("theme");
    let theme = themes.includes(asked) ? asked : "auto";
    const show = () => {
      document.documentElement.setAttribute("data-theme", theme);
      byId("theme").textContent = `Theme: ${theme}`;
    };
    byId("theme").addEventListener("click", () => {
      theme = themes[(themes.indexOf(theme) + 1) % themes.length];
      show();
    });
    show();
  }

  function drawSummary() {
    const { overall: all } = data;
    const tile = (title, value, ...notes) => el("div", {}, el("dt", {}, title),
      el("dd", {}, value, notes.filter(has).map((note) => el("small", {}, note))));
    const ece = all.calibration_figures;
    const linear = (x) => (has(x) ? `linear baseline ${fixed(x)}` : null);
    byId("tiles").append(
      tile("Macro F1", fixed(all.macro_f1),
        has(all.macro_f1_fresh) ? `expect ${fixed(all.macro_f1_fresh)} on fresh rows` : null,
        linear(all.baseline && all.baseline.f1)),
      tile("Micro F1", fixed(all.micro_f1)),
      tile("Macro average precision", fixed(all.macro_average_precision), "needs no threshold",
        linear(all.baseline && all.baseline.average_precision)),
      tile("Rows all right", percent(all.subset_accuracy), "every answer of the row"),
      tile("Calibration error", fixed(ece.calibrated.ece),
        has(ece.raw.ece) ? `${fixed(ece.raw.ece)} before calibration` : null));
    const line = (sentence) => el("li", { class: sentence.tone }, written(sentence));
    const warnings = data.summary.filter((sentence) => sentence.tone === "warning");
    byId("sentences").append(el("ul", { class: "sentences" },
      data.summary.filter((sentence) => sentence.tone !== "warning").map(line)));
    if (warnings.length) byId("sentences").append(warningList(warnings));
  }

  /** A sentence, with what stands between backticks as code. */
  function written({ text }) {
    const parts = (text.charAt(0).toLocaleUpperCase("en") + text.slice(1)).split("`");
    return parts.map((part, i) => (i % 2 ? el("code", {}, part) : part));
  }

  function warningList(warnings) {
    const line = (warning) => el("li", {}, "⚠ ", written(warning));
    const [shown, more] = [warnings.slice(0, 4), warnings.slice(4)];
    const list = el("ul", { class: "warnings", "aria-label": "Warnings" }, shown.map(line));
    if (more.length) {
      list.append(el("li", {}, el("details", {},
        el("summary", {}, `${count(more.length)} more`), el("ul", {}, more.map(line)))));
    }
    return list;
  }

  // ---------------------------------------------------------------- the table of labels

  const BASIS = {
    shared: ["shared", "Too few yes cells for a threshold of its own: it takes the one that suits all labels together"],
    default: ["default", "Too few yes cells for a threshold of its own, and none that suits all labels together"],
    unreached: ["always no", "No threshold reaches what was asked for"],
    exclusive: ["exclusive", "One of a group of labels that exclude each other: the likeliest is the answer"],
  };

  function drawLabels() {
    const anyFresh = labels.some((label) => label.fresh);
    const anyBaseline = labels.some((label) => label.baseline);
    byId("labels-hint").textContent = "Precision, recall and F1 are those of the stored thresholds." +
      (anyFresh ? " Fresh F1 is what to expect of rows that the thresholds were not chosen on (cross-fitted), with its 95 % interval." : "") +
      " A dash stands for what has no value.";
    const open = (label) => {
      select(label);
      byId("one").scrollIntoView();
      byId("label-select").focus({ preventScroll: true });
    };
    const badge = (label) => {
      const found = BASIS[labels[label].basis];
      return found ? el("span", { class: "badge", title: found[1] }, found[0]) : null;
    };
    const columns = [
      { title: "Label", key: (label) => labels[label].name, cell: (label) =>
        [el("button", { type: "button", title: "Open its curves", onclick: () => open(label) }, named(label))] },
      column("Yes cells", (label) => label.positives, "Known cells that say yes", count),
      { title: "Threshold", hint: "A probability from here on is a yes", key: (label) => labels[label].threshold,
        cell: (label) => el("td", {}, isExclusive(label) ? "" : threshold(labels[label].threshold), badge(label)) },
      column("Precision", (label) => label.precision, "Share of right ones among the yes answers"),
      column("Recall", (label) => label.recall, "Share of found ones among the yes cells"),
      { title: "F1", hint: "Harmonic mean of precision and recall", key: (label) => labels[label].f1,
        cell: (label) => f1Cell(labels[label].f1) },
    ];
    if (anyFresh) columns.push({ title: "Fresh F1", hint: "Cross-fitted, with its 95 % interval",
      key: (label) => labels[label].fresh && labels[label].fresh.f1, cell: (label) => freshCell(labels[label].fresh) });
    columns.push(
      column("Average precision", (label) => label.average_precision, "Area under precision against recall"),
      column("ROC AUC", (label) => label.roc_auc, "Chance that a yes ranks above a no"));
    if (anyBaseline) {
      columns.push(
        column("Linear F1", (label) => label.baseline && label.baseline.f1, "F1 of the linear baseline"),
        column("Linear av. precision", (label) => label.baseline && label.baseline.average_precision,
          "Average precision of the linear baseline"));
    }
    columns.push({ title: "Calibration error", rises: true,
      hint: "Mean distance of probability and share of yes: the network's own, then calibrated",
      key: (label) => labels[label].calibration_figures.calibrated.ece, cell: calibrationCell });
    labelTable(byId("label-table"), "Figures of each label", columns,
      data.averages.map((average) => averageRow(average, anyFresh, anyBaseline)));
  }

  function f1Cell(value) {
    const bar = el("i", {});
    bar.style.width = `${100 * (value || 0)}%`;
    return el("td", has(value) ? {} : { class: "none" }, fixed(value),
      el("span", { class: "meter", "aria-hidden": "true" }, bar));
  }

  function freshCell(fresh) {
    if (!fresh || !has(fresh.f1)) return cell("–");
    const interval = fresh.is_f1 && fresh.interval
      ? `${fixed(fresh.interval[0], 2)} to ${fixed(fresh.interval[1], 2)}` : "";
    return el("td", {}, fixed(fresh.f1), el("small", { class: "interval" }, interval));
  }

  function calibrationCell(label) {
    const { raw, calibrated } = labels[label].calibration_figures;
    if (labels[label].calibration === "none") return cell(fixed(raw.ece));
    return el("td", { title: labels[label].calibration }, el("small", {}, `${fixed(raw.ece)} → `),
      fixed(calibrated.ece));
  }

  function averageRow(average, anyFresh, anyBaseline) {
    const figures = [average.precision, average.recall, average["f1-score"]];
    const ece = data.overall.calibration_figures;
    const isMacro = average.name === "macro";
    return el("tr", {}, el("th", { scope: "row" }, `${average.name} average`),
      cell(average.name === "micro" ? count(average.support) : ""), cell(""),
      figures.slice(0, 2).map((figure) => cell(fixed(figure))), f1Cell(figures[2]),
      anyFresh ? el("td", {}, has(average.fresh_f1) ? fixed(average.fresh_f1) : "",
        el("small", { class: "interval" })) : null,
      [average.average_precision, average.roc_auc].map((x) => cell(isMacro ? fixed(x) : "")),
      anyBaseline ? [cell(fixed(average.baseline_f1)),
        cell(isMacro ? fixed(average.baseline_average_precision) : "")] : null,
      cell(isMacro ? fixed(ece.calibrated.ece) : ""));
  }

  // ---------------------------------------------------------------- charts

  const ROOM = { left: 40, right: 14, top: 10, bottom: 36 };

  /**
   * An empty chart: axes from 0 to 1 unless `x` or `y` say otherwise. Gives the SVG, its inner size
   * and the two scales.
   */
  function chart(host, { title, x, y, height = 260 }) {
    const width = Math.max(240, host.clientWidth || 480);
    const inner = { w: width - ROOM.left - ROOM.right, h: height - ROOM.top - ROOM.bottom };
    const scale = (axis, from, to) => (value) =>
      from + ((value - axis.from) / (axis.to - axis.from || 1)) * (to - from);
    const sx = scale(x, ROOM.left, ROOM.left + inner.w);
    const sy = scale(y, ROOM.top + inner.h, ROOM.top);
    const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title });
    for (const tick of y.ticks) {
      root.append(svg("line", { class: "rule", x1: sx(x.from), x2: sx(x.to), y1: sy(tick), y2: sy(tick) }),
        svg("text", { x: ROOM.left - 7, y: sy(tick) + 4, "text-anchor": "end" }, y.show(tick)));
    }
    for (const tick of x.ticks) {
      root.append(svg("line", { class: "rule", x1: sx(tick), x2: sx(tick), y1: sy(y.from), y2: sy(y.to) }),
        svg("text", { x: sx(tick), y: ROOM.top + inner.h + 15, "text-anchor": "middle" }, x.show(tick)));
    }
    root.append(
      svg("line", { class: "axis", x1: sx(x.from), x2: sx(x.to), y1: sy(y.from), y2: sy(y.from) }),
      svg("text", { x: ROOM.left + inner.w / 2, y: height - 4, "text-anchor": "middle" }, x.title));
    host.replaceChildren(root);
    return { root, sx, sy, width, height, inner };
  }

  /** An axis from 0 to 1, or to less where nothing lies above: rare labels live near 0. */
  function unit(title, highest = 1) {
    const to = [0.02, 0.05, 0.1, 0.2, 0.5].find((end) => highest <= end) || 1;
    return { from: 0, to, ticks: [0, 0.25, 0.5, 0.75, 1].map((part) => part * to), title,
      show: (tick) => String(Number(tick.toPrecision(3))) };
  }

  function path(points, sx, sy, props) {
    const defined = points.filter(([x, y]) => has(x) && has(y));
    const d = defined.map(([x, y], i) => `${i ? "L" : "M"}${sx(x).toFixed(1)} ${sy(y).toFixed(1)}`);
    return svg("path", { class: "curve", d: d.join(""), ...props });
  }

  const line = (color, dash) => ({ stroke: `var(--${color})`, "stroke-dasharray": dash });
  function legend(entries) {
    return el("ul", { class: "legend" }, entries.map(([title, props, shape]) => el("li", {},
      svg("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" },
        shape === "dot"
          ? svg("circle", { cx: 13, cy: 5, r: 4.5, fill: props.stroke })
          : svg("line", { x1: 0, x2: 26, y1: 5, y2: 5, "stroke-width": 2.5, ...props })), title)));
  }

  const STYLE = { precision: line("precision"), recall: line("recall", "7 3"), f1: line("f1", "2 2.5") };

  let handle = null;
  function drawThresholdChart() {
    const { curve, unsure, name } = labels[selected];
    const host = byId("threshold-chart");
    const isHigher = (place) => place === curve.stored || curve.tp[place] + curve.fp[place] > 0;
    const axis = unit("threshold", Math.min(1, Math.max(...curve.thresholds.filter((_, place) => isHigher(place)))));
    const drawn = chart(host, { title: `Precision, recall and F1 of ${name} by threshold`,
      x: axis, y: unit(""), height: 340 });
    const { root, sy, inner } = drawn;
    const sx = (t) => drawn.sx(Math.min(t, axis.to));
    const points = (figure) => curve.thresholds.map((t, place) => [t, figure(curveAt(selected, place))])
      .filter(([t]) => t <= axis.to);
    if (unsure) {
      root.append(svg("rect", { class: "band", x: sx(unsure.from), y: ROOM.top, height: inner.h,
        width: Math.max(0, sx(unsure.to) - sx(unsure.from)) }));
    }
    root.append(path(points(precision), sx, sy, STYLE.precision), path(points(recall), sx, sy, STYLE.recall),
      path(points(f1), sx, sy, STYLE.f1));
    const kept = curve.thresholds[curve.stored];
    const keptLine = svg("line", { class: "stored", x1: sx(kept), x2: sx(kept), y1: sy(0), y2: sy(1) });
    handle = { line: svg("line", { class: "handle", y1: sy(0), y2: sy(1) }),
      grip: svg("circle", { class: "grip", cy: sy(0), r: 7 }), sx };
    if (!isExclusive(selected)) {
      root.append(keptLine, handle.line, handle.grip);
      root.classList.add("drag");
      drag(root, drawn, axis.to);
    }
    host.append(legend([["precision", STYLE.precision], ["recall", STYLE.recall], ["F1", STYLE.f1],
      ...(isExclusive(selected) ? [] : [["stored threshold", { stroke: "var(--muted)", "stroke-dasharray": "3 3" }]]),
      ...(unsure ? [["answered “unsure”", { stroke: "var(--muted)", "stroke-width": 9, opacity: 0.25 }]] : [])]));
    moveHandle();
  }

  function moveHandle() {
    const x = handle.sx(labels[selected].curve.thresholds[at[selected]]);
    for (const end of ["x1", "x2"]) handle.line.setAttribute(end, x);
    handle.grip.setAttribute("cx", x);
  }

  /** Moves the threshold to where the pointer is, while it is down. */
  function drag(root, { width, inner }, highest) {
    const to = (event) => {
      const box = root.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * width;
      move(nearest(labels[selected].curve.thresholds, (highest * (x - ROOM.left)) / inner.w));
    };
    root.addEventListener("pointerdown", (event) => { root.setPointerCapture(event.pointerId); to(event); });
    root.addEventListener("pointermove", (event) => { if (event.buttons) to(event); });
  }

  function nearest(thresholds, wanted) {
    let best = 0;
    thresholds.forEach((t, place) => {
      if (Math.abs(t - wanted) < Math.abs(thresholds[best] - wanted)) best = place;
    });
    return best;
  }

  let marker = null;
  function drawPrecisionRecall() {
    const { curve, name, average_precision: ap, known, positives } = labels[selected];
    const host = byId("precision-recall-chart");
    const { root, sx, sy } = chart(host, { x: unit("recall"), y: unit(""), height: 300,
      title: `Precision against recall of ${name}; average precision ${fixed(ap)}` });
    if (!positives) return empty(root, "no yes cell: nothing to find");
    const base = positives / known;
    root.append(svg("line", { class: "even", x1: sx(0), x2: sx(1), y1: sy(base), y2: sy(base) }));
    const points = curve.thresholds.map((_, place) => curveAt(selected, place))
      .map((c) => [recall(c), precision(c)]);
    root.append(path(points, sx, sy, STYLE.precision));
    const kept = countsAt(selected, curve.stored);
    if (has(precision(kept))) {
      root.append(svg("circle", { cx: sx(recall(kept)), cy: sy(precision(kept)), r: 5, fill: "var(--surface)",
        stroke: "var(--muted)", "stroke-width": 2 }));
    }
    marker = { dot: svg("circle", { class: "grip", r: 6 }), sx, sy };
    root.append(marker.dot);
    host.append(legend([[`average precision ${fixed(ap)}`, STYLE.precision],
      ["threshold now", { stroke: "var(--text)" }, "dot"],
      [`always yes: ${percent(base)}`, { stroke: "var(--muted)", "stroke-dasharray": "4 4" }]]));
    moveMarker();
  }

  function moveMarker() {
    if (!labels[selected].positives) return;
    const counts = countsAt(selected, at[selected]);
    marker.dot.style.display = has(precision(counts)) ? "" : "none";
    if (!has(precision(counts))) return;
    marker.dot.setAttribute("cx", marker.sx(recall(counts)));
    marker.dot.setAttribute("cy", marker.sy(precision(counts)));
  }

  function empty(root, text) {
    root.append(svg("text", { class: "empty", x: "50%", y: "45%", "text-anchor": "middle" }, text));
  }

  /** The 95 % interval of a share by Wilson (1927): never outside 0 to 1, and not empty at the ends. */
  function wilson(yes, n) {
    const z = 1.96, p = yes / n, middle = (p + (z * z) / (2 * n)) / (1 + (z * z) / n);
    const half = (z / (1 + (z * z) / n)) * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
    return [middle - half, middle + half];
  }

  function drawReliability() {
    const label = labels[selected];
    const host = byId("reliability-chart");
    const calibrated = label.calibration !== "none";
    const bins = (bins) => bins.filter((bin) => has(bin.probability));
    const drawn = [...bins(label.reliability), ...bins(calibrated ? label.raw_reliability : [])];
    const highest = Math.max(0, ...drawn.flatMap((bin) => [bin.probability, bin.yes / bin.cells]));
    const { root, sx, sy } = chart(host, { title: `Share of yes by probability, for ${label.name}`,
      x: unit("probability", highest), y: unit("", highest) });
    byId("reliability-note").textContent = reliabilityNote(label, calibrated);
    if (!label.known) return empty(root, "no known cell");
    const end = unit("", highest).to;
    root.append(svg("line", { class: "even", x1: sx(0), y1: sy(0), x2: sx(end), y2: sy(end) }));
    if (calibrated) {
      const raw = bins(label.raw_reliability).map((bin) => [bin.probability, bin.yes / bin.cells]);
      root.append(path(raw, sx, sy, STYLE.recall));
    }
    const points = bins(label.reliability);
    for (const bin of points) {
      const [low, high] = wilson(bin.yes, bin.cells);
      root.append(svg("line", { class: "error", stroke: "var(--precision)", x1: sx(bin.probability),
        x2: sx(bin.probability), y1: sy(low), y2: sy(Math.min(end, high)) }));
    }
    root.append(path(points.map((bin) => [bin.probability, bin.yes / bin.cells]), sx, sy, STYLE.precision));
    for (const bin of points) {
      root.append(svg("circle", { cx: sx(bin.probability), cy: sy(bin.yes / bin.cells), r: 3.5, fill: "var(--precision)" },
        svg("title", {}, `${plural(bin.cells, "cell")} at about ${fixed(bin.probability)}: ${percent(bin.yes / bin.cells)} yes`)));
    }
    host.append(legend([[calibrated ? "calibrated, 95 % interval" : "the network's own, 95 % interval", STYLE.precision],
      ...(calibrated ? [["the network's own", STYLE.recall]] : []),
      ["as it should be", { stroke: "var(--muted)", "stroke-dasharray": "4 4" }]]));
  }

  function reliabilityNote(label, calibrated) {
    const { raw, calibrated: after } = label.calibration_figures;
    const bins = label.reliability.length;
    const drawn = `Share of yes in ${plural(bins, "bin")} of equally many cells.`;
    if (!calibrated) return `${drawn} Calibration error ${fixed(raw.ece)}, Brier ${fixed(raw.brier)}.`;
    const fresh = label.fresh ? " (cross-fitted; the line is that of the final calibration)" : "";
    return `${drawn} Calibration (${label.calibration}): error ${fixed(raw.ece)} before, ${fixed(after.ece)} ` +
      `after; Brier ${fixed(raw.brier)}, ${fixed(after.brier)}${fresh}.`;
  }

  // ---------------------------------------------------------------- one label

  function drawOne() {
    const list = byId("label-select");
    list.append(...labels.map((label, i) => el("option", { value: i }, label.name)));
    list.addEventListener("change", () => select(Number(list.value)));
    const step = (by) => select((selected + by + labels.length) % labels.length);
    byId("previous").addEventListener("click", () => step(-1));
    byId("next").addEventListener("click", () => step(1));
    byId("threshold").addEventListener("input", (event) => move(Number(event.target.value)));
    byId("reset").addEventListener("click", () => move(labels[selected].curve.stored));
    byId("best").addEventListener("click", () => move(bestPlace(selected)));
    byId("reset-all").addEventListener("click", resetAll);
    byId("copy").addEventListener("click", copy);
    select(0);
  }

  function select(label) {
    selected = label;
    const { curve, known, positives, objective, fresh } = labels[label];
    byId("label-select").value = String(label);
    const rule = isExclusive(label) ? `exclusive group ${labels[label].group}: the likeliest is the answer`
      : `threshold for ${objective}`;
    const facts = [`${count(positives)} yes of ${plural(known, "known cell")}`, rule];
    if (fresh && has(fresh.optimism)) facts.push(`optimism ${fixed(fresh.optimism)}`);
    byId("label-facts").textContent = facts.join(" · ");
    byId("threshold").max = String(curve.thresholds.length - 1);
    for (const control of ["threshold", "best"]) byId(control).disabled = isExclusive(label);
    drawCharts();
    show();
  }

  function drawCharts() {
    drawThresholdChart();
    drawPrecisionRecall();
    drawReliability();
  }

  /** Sets the selected label's threshold to a place on its curve. */
  function move(place) {
    if (isExclusive(selected)) return;
    at[selected] = place;
    show();
    showConfusion(selected);
  }

  function bestPlace(label) {
    let best = labels[label].curve.stored;
    labels[label].curve.thresholds.forEach((_, place) => {
      if ((f1(countsAt(label, place)) || 0) > (f1(countsAt(label, best)) || 0)) best = place;
    });
    return best;
  }

  function resetAll() {
    labels.forEach((label, i) => { at[i] = label.curve.stored; showConfusion(i); });
    show();
  }

  /** Shows a figure, in full for whoever reads the attribute. */
  function figure(id, value, text) {
    byId(id).textContent = text;
    byId(id).setAttribute("data-value", has(value) ? String(value) : "");
  }

  function show() {
    const { curve } = labels[selected];
    const now = curve.thresholds[at[selected]];
    const counts = countsAt(selected, at[selected]);
    const own = isExclusive(selected) ? null : now;
    figure("threshold-value", own, threshold(own));
    byId("threshold-was").textContent = isMoved(selected)
      ? `stored: ${threshold(curve.thresholds[curve.stored])}` : "as stored";
    const slider = byId("threshold");
    slider.value = String(at[selected]);
    slider.setAttribute("aria-valuetext", `${threshold(now)}: precision ${fixed(precision(counts))}, ` +
      `recall ${fixed(recall(counts))}, F1 ${fixed(f1(counts))}`);
    for (const key of ["tp", "fp", "fn", "tn"]) figure(key, counts[key], count(counts[key]));
    figure("now-precision", precision(counts), fixed(precision(counts)));
    figure("now-recall", recall(counts), fixed(recall(counts)));
    figure("now-f1", f1(counts), fixed(f1(counts)));
    const all = overall(at);
    for (const key of ["micro", "macro"]) {
      figure(`now-${key}`, all[key], fixed(all[key]));
      change(byId(`${key}-change`), all[key], stored[key]);
    }
    byId("reset").disabled = !isMoved(selected);
    byId("reset-all").disabled = !labels.some((_, label) => isMoved(label));
    moveHandle();
    moveMarker();
    showCommand();
  }

  function change(host, now, before) {
    const by = has(now) && has(before) ? now - before : 0;
    const text = Math.abs(by) < 5e-5 ? "" : `${by > 0 ? "+" : "−"}${Math.abs(by).toFixed(4)}`;
    host.textContent = text;
    host.className = `change ${text ? (by > 0 ? "up" : "down") : ""}`;
  }

  // ---------------------------------------------------------------- the command that keeps it

  const quoted = (word) => (/^[\w@%+=:,.\/-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

  /** The objective that most labels have. */
  function usual() {
    const votes = new Map();
    labels.forEach(({ objective }, label) => {
      if (!isExclusive(label)) votes.set(objective, (votes.get(objective) || 0) + 1);
    });
    const [first] = [...votes].sort((a, b) => b[1] - a[1]);
    return first ? first[0] : "f1";
  }

  function command() {
    const common = usual();
    const words = ["multihot", "tune", ...data.tune_arguments.map(quoted)];
    if (common !== "f1") words.push("--objective", quoted(common));
    labels.forEach(({ name, objective, curve }, label) => {
      const own = isMoved(label) ? `fixed=${curve.thresholds[at[label]]}` : objective;
      if (isExclusive(label) || (!isMoved(label) && objective === common)) return;
      // With a `=` in between, a name that begins with a dash is no option.
      words.push(`--objective-for${name.startsWith("-") ? "=" : " "}${quoted(`${name}=${own}`)}`);
    });
    return words.join(" ");
  }

  function showCommand() {
    const moved = labels.filter((_, label) => isMoved(label)).length;
    byId("copy").disabled = !moved;
    byId("copied").textContent = moved ? `${plural(moved, "label")} moved` : "";
    byId("command").textContent = moved ? command()
      : "Move a threshold, and the command that stores it stands here.";
    const notes = [];
    if (data.tune_arguments.includes("HELD-OUT-ROWS")) {
      notes.push("HELD-OUT-ROWS is a table of rows that the model was not trained on.");
    }
    if (labels.some((label) => label.unsure)) notes.push("Add --unsure as it was given: it is chosen anew.");
    if (moved) notes.push("The other labels' thresholds and all calibrations are chosen anew on that table, as they were before.");
    byId("command-hint").textContent = notes.join(" ");
  }

  async function copy() {
    const text = byId("command").textContent;
    try {
      await navigator.clipboard.writeText(text);
      byId("copied").textContent = "copied";
    } catch {
      getSelection().selectAllChildren(byId("command"));
      byId("copied").textContent = "selected: press Ctrl-C";
    }
  }

  // ---------------------------------------------------------------- right and wrong

  let confusion = [];
  function drawConfusion() {
    const key = (which) => (label) => countsAt(label, at[label])[which];
    const counted = (which, title, hint) => ({ title, hint, key: key(which),
      cell: (label) => el("td", {}, count(key(which)(label))) });
    const wrong = (label) => { const c = countsAt(label, at[label]); return share(c.fp + c.fn, labels[label].known); };
    confusion = labelTable(byId("confusion-table"), "Right and wrong answers of each label", [
      { title: "Label", key: (label) => labels[label].name, cell: named },
      counted("tp", "Yes, found", "The table says yes, and so does the answer"),
      counted("fn", "Yes, missed", "The table says yes, the answer no"),
      counted("fp", "False yes", "The table says no, the answer yes"),
      counted("tn", "Rightly no", "Both say no"),
      { title: "Wrong", hint: "Share of wrong answers", key: wrong, cell: (label) => cell(percent(wrong(label))) },
      { title: "Found · missed · false yes", key: key("tp"),
        cell: (label) => el("td", { class: "left" }, stack(countsAt(label, at[label]))) },
    ]);
    const keys = [["tp", "found"], ["fn", "missed"], ["fp", "false yes"]];
    byId("confusion-table").append(el("p", {}, keys.map(([part, title]) => el("span", { class: "key" },
      el("span", { class: "stack" }, el("i", { class: part, style: "width:100%" })), title))));
  }

  function stack(counts) {
    const whole = counts.tp + counts.fn + counts.fp;
    return el("span", { class: "stack", "aria-hidden": "true" }, ["tp", "fn", "fp"].map((key) => {
      const part = el("i", { class: key });
      part.style.width = `${100 * (share(counts[key], whole) || 0)}%`;
      if (!counts[key]) part.style.display = "none";
      return part;
    }));
  }

  function showConfusion(label) {
    const cells = confusion[label].children;
    const counts = countsAt(label, at[label]);
    ["tp", "fn", "fp", "tn"].forEach((key, i) => { cells[i + 1].textContent = count(counts[key]); });
    cells[5].textContent = percent(share(counts.fp + counts.fn, labels[label].known));
    cells[6].replaceChildren(stack(counts));
  }

  // ---------------------------------------------------------------- pairs

  const FEW_ENOUGH_FOR_NUMBERS = 14;
  function drawPairs() {
    const { pairs } = data;
    const cut = pairs.labels.length < labels.length ? ` Of ${labels.length} labels the ${pairs.labels.length} most frequent ones are shown.` : "";
    byId("pairs-hint").textContent = "By the table's own answers: of the texts that have the label of the row, " +
      `the share that has the label of the column as well.${cut}`;
    byId("pairs-show").addEventListener("change", drawHeat);
    byId("pairs-order").addEventListener("change", drawHeat);
    drawHeat();
    drawPairList();
  }

  function drawHeat() {
    const { pairs } = data;
    const shows = byId("pairs-show").value;
    const order = pairs.labels.map((_, place) => place);
    if (byId("pairs-order").value === "frequency") order.sort((a, b) => pairs.both[b][b] - pairs.both[a][a]);
    const numbers = order.length <= FEW_ENOUGH_FOR_NUMBERS;
    const most = Math.max(1, ...order.map((a) => Math.max(...order.filter((b) => b !== a).map((b) => pairs.both[a][b]))));
    const heatCell = (a, b) => {
      const value = shows === "count" ? pairs.both[a][b] / most : share(pairs.both[a][b], pairs.of[a][b]) || 0;
      const text = shows === "count" ? count(pairs.both[a][b]) : percent(share(pairs.both[a][b], pairs.of[a][b]));
      if (a === b) return el("td", { class: "self", "data-pair": `${a} ${b}` }, numbers ? count(pairs.both[a][a]) : "");
      return heated(el("td", { "data-pair": `${a} ${b}` }, numbers ? text : ""), value);
    };
    const head = el("tr", {}, el("td", {}), order.map((b) => el("th", { scope: "col", title: labels[pairs.labels[b]].name },
      el("span", {}, named(pairs.labels[b])))));
    const rows = order.map((a) => el("tr", {}, el("th", { scope: "row", title: labels[pairs.labels[a]].name }, named(pairs.labels[a])),
      order.map((b) => heatCell(a, b))));
    const table = el("table", { class: `heat${numbers ? " numbers" : ""}` }, el("thead", {}, head), el("tbody", {}, rows));
    table.style.setProperty("--side", numbers ? "2.6rem" : order.length > 40 ? "1.05rem" : "1.5rem");
    table.addEventListener("mouseover", (event) => readPair(event.target.closest("[data-pair]")));
    const box = el("div", { class: "scroll pairs", tabindex: "0", role: "region", "aria-label": "Labels that go together" }, table);
    byId("pairs-table").replaceChildren(box);
    byId("pairs-scale").replaceChildren(heatScale(shows, most));
    byId("pairs-readout").textContent = numbers ? "" : "Point at a square to read it.";
  }

  /** Colours `node` by a share. The square root tells small ones apart, which most are. */
  function heated(node, value) {
    const strength = Math.round(100 * Math.sqrt(Math.min(1, value)));
    node.style.backgroundColor = `color-mix(in oklab, var(--accent) ${strength}%, var(--surface))`;
    if (strength > 58) node.classList.add(strength > 80 ? "strongest" : "strong");
    return node;
  }

  function heatScale(shows, most) {
    const steps = [0.01, 0.05, 0.2, 0.5, 1];
    return el("span", { class: "scale" }, steps.map((value) => heated(el("span", {},
      shows === "count" ? count(Math.round(value * most)) : percent(value)), value)));
  }

  function readPair(node) {
    if (!node) return;
    const { pairs } = data;
    const [a, b] = node.dataset.pair.split(" ").map(Number);
    const [both, of] = [pairs.both[a][b], pairs.of[a][b]];
    byId("pairs-readout").replaceChildren(...(a === b
      ? [`${plural(both, "text")} with `, named(pairs.labels[a])]
      : [`Of ${plural(of, "text")} with `, named(pairs.labels[a]), `, ${count(both)} (${percent(share(both, of))}) have `,
        named(pairs.labels[b]), " as well"]));
  }

  /** The pairs that are most often one where they are the other, in words. */
  function drawPairList() {
    const { pairs } = data;
    const found = [];
    pairs.labels.forEach((_, a) => pairs.labels.forEach((_, b) => {
      const both = pairs.both[a][b];
      if (a < b && both > 1) found.push([both / (pairs.both[a][a] + pairs.both[b][b] - both), a, b]);
    }));
    found.sort((x, y) => y[0] - x[0]);
    if (!found.length) return;
    const entry = ([, a, b]) => el("li", {}, named(pairs.labels[a]), " and ", named(pairs.labels[b]),
      `: ${plural(pairs.both[a][b], "text")}, ${percent(share(pairs.both[a][b], pairs.of[a][b]))} of the first, ` +
      `${percent(share(pairs.both[a][b], pairs.of[b][a]))} of the second`);
    byId("pairs-list").append(el("details", { open: labels.length > FEW_ENOUGH_FOR_NUMBERS },
      el("summary", {}, "The closest pairs"), el("ol", {}, found.slice(0, 12).map(entry))));
  }

  // ---------------------------------------------------------------- rows worth a look

  const MOST_SHOWN = 50;
  function example({ row, label, given, probability }, answer) {
    const { id, text, yes } = data.examples[row];
    const kind = given ? "no" : "yes";
    const also = yes.filter((other) => other !== label);
    return el("li", { class: kind },
      el("div", { class: "head" },
        el("span", { class: "kind" }, answer),
        el("strong", {}, named(label)),
        el("span", {}, `probability ${fixed(probability)}, ` + (isExclusive(label)
          ? "yes where the likeliest" : `yes from ${threshold(labels[label].threshold)}`)),
        el("span", {}, has(text) ? "id " : "row ", el("bdi", {}, id))),
      has(text) ? el("blockquote", { dir: "auto" }, text || "(an empty text)") : null,
      also.length ? el("div", { class: "also" }, "the table also says ",
        also.flatMap((other, i) => (i ? [", ", named(other)] : [named(other)]))) : null);
  }

  function labelOptions(list, ofLabel) {
    list.append(el("option", { value: "all" }, "all labels"),
      ...labels.map((label, i) => [label, i]).filter(([, i]) => ofLabel[i])
        .map(([label, i]) => el("option", { value: i }, label.name)));
  }

  function drawErrors() {
    const ofLabel = labels.map(() => 0);
    data.mistakes.forEach((mistake) => { ofLabel[mistake.label] += 1; });
    labelOptions(byId("errors-label"), ofLabel);
    const draw = () => {
      const [label, kind] = [byId("errors-label").value, byId("errors-kind").value];
      const shown = data.mistakes.filter((mistake) => (label === "all" || mistake.label === Number(label)) &&
        (kind === "both" || mistake.given === (kind === "no")));
      fill(byId("error-list"), shown.slice(0, MOST_SHOWN), "No wrong answer of this kind.",
        (mistake) => example(mistake, mistake.given ? "false no" : "false yes"));
    };
    byId("errors-label").addEventListener("change", draw);
    byId("errors-kind").addEventListener("change", draw);
    draw();
  }

  function drawSuspects() {
    const { in_all: inAll, of_label: ofLabel, surest } = data.suspects;
    byId("suspects-hint").textContent = "Cells in which the model is surer of the other answer than it is on average " +
      "where that answer is given (confident learning). Some are the model's own mistakes: look before you change the table. " +
      (inAll > surest.length ? `The surest ${surest.length} of ${count(inAll)}.` : `${plural(inAll, "cell")}.`);
    const shownOf = labels.map(() => 0);
    surest.forEach((suspect) => { shownOf[suspect.label] += 1; });
    labelOptions(byId("suspects-label"), shownOf);
    byId("suspects-bar").hidden = !inAll;
    const draw = () => {
      const label = byId("suspects-label").value;
      const shown = surest.filter((suspect) => label === "all" || suspect.label === Number(label));
      fill(byId("suspect-list"), shown, "No cell looks wrong.",
        (suspect) => example(suspect, suspect.given ? "given yes, likely no" : "given no, likely yes"));
      if (label !== "all" && ofLabel[label] > shown.length) {
        byId("suspect-list").append(el("p", { class: "hint" }, `${count(ofLabel[label])} in all of this label`));
      }
    };
    byId("suspects-label").addEventListener("change", draw);
    draw();
  }

  function fill(list, examples, nothing, show) {
    list.replaceChildren(...(examples.length ? examples.map(show) : [el("li", {}, nothing)]));
  }

  // ---------------------------------------------------------------- training

  function drawTraining() {
    if (!data.epochs.length) return;
    byId("training").hidden = false;
    drawEpochs();
    byId("epoch-table").append(epochTable());
  }

  function drawEpochs() {
    if (!data.epochs.length) return;
    epochChart(byId("loss-chart"), "Loss by epoch", [
      ["training rows, with dropout", STYLE.precision, (epoch) => epoch.train_loss],
      ["held-out rows", STYLE.recall, (epoch) => epoch.dev_loss]]);
    epochChart(byId("average-precision-chart"), "Dev macro average precision by epoch", [
      ["held-out rows", STYLE.f1, (epoch) => epoch.dev_macro_average_precision]]);
  }

  function epochChart(host, title, series) {
    const { epochs } = data;
    const values = series.flatMap(([, , figure]) => epochs.map(figure)).filter(has);
    const ticks = steps(Math.min(...values), Math.max(...values));
    const last = epochs.length;
    const every = Math.ceil(last / 10);
    const x = { from: 1, to: Math.max(2, last), title: "epoch", show: String,
      ticks: epochs.map((epoch) => epoch.epoch).filter((epoch) => (epoch - 1) % every === 0) };
    const digits = Math.max(0, -Math.floor(Math.log10(ticks[1] - ticks[0])));
    const y = { from: ticks[0], to: ticks[ticks.length - 1], ticks, title: "", show: (tick) => tick.toFixed(digits) };
    const { root, sx, sy } = chart(host, { title, x, y, height: 240 });
    if (!values.length) return;
    const best = data.best_epoch;
    root.append(svg("line", { class: "stored", x1: sx(best), x2: sx(best), y1: sy(y.from), y2: sy(y.to) }));
    for (const [, style, figure] of series) {
      root.append(path(epochs.map((epoch) => [epoch.epoch, figure(epoch)]), sx, sy, style));
      for (const epoch of epochs.filter((epoch) => has(figure(epoch)))) {
        root.append(svg("circle", { cx: sx(epoch.epoch), cy: sy(figure(epoch)), r: 3.5, fill: style.stroke },
          svg("title", {}, `epoch ${epoch.epoch}: ${fixed(figure(epoch), 4)}`)));
      }
    }
    host.append(legend([...series.map(([name, style]) => [name, style]),
      ["epoch that was kept", { stroke: "var(--muted)", "stroke-dasharray": "3 3" }]]));
  }

  /** Round numbers round what lies between `low` and `high`. */
  function steps(low, high) {
    if (!Number.isFinite(low)) return [0, 1];
    const span = high - low || Math.abs(high) || 1;
    const rough = span / 4, unit = 10 ** Math.floor(Math.log10(rough));
    const step = unit * [1, 2, 5, 10].find((factor) => factor * unit >= rough);
    const first = Math.floor(low / step), last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
    return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
  }

  function epochTable() {
    const head = ["Epoch", "Training loss", "Dev loss", "Dev macro average precision"];
    const row = (epoch) => el("tr", {}, el("th", { scope: "row" }, String(epoch.epoch),
      epoch.epoch === data.best_epoch ? el("span", { class: "badge" }, "kept") : null),
      [epoch.train_loss, epoch.dev_loss, epoch.dev_macro_average_precision].map((x) => cell(fixed(x, 4))));
    return el("details", {}, el("summary", {}, "As a table"), el("div", { class: "scroll" },
      el("table", { class: "figures" }, el("thead", {}, el("tr", {}, head.map((title) => el("th", { scope: "col" }, title)))),
        el("tbody", {}, data.epochs.map(row)))));
  }

  // ---------------------------------------------------------------- all of it

  drawTheme();
  drawHead();
  drawSummary();
  drawLabels();
  drawConfusion();
  drawOne();
  drawPairs();
  drawErrors();
  drawSuspects();
  drawTraining();

  let width = document.body.clientWidth;
  addEventListener("resize", () => {
    if (document.body.clientWidth === width) return;
    width = document.body.clientWidth;
    drawCharts();
    drawEpochs();
  });
})();
