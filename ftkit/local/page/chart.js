// Loss curves as SVG: a small one for a row, a large one with axes whose figures a slider reads out.

import { draw, make, say } from "./dom.js";
import { count, figure, share } from "./format.js";

const WIDE = 720;
const HIGH = 260;
const EDGE = { left: 56, right: 12, top: 12, bottom: 34 };

function scale(from, to, low, high) {
  const span = to - from || 1;
  return (value) => low + ((value - from) / span) * (high - low);
}

function path(points) {
  return points.map(([x, y], place) => `${place ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

function range(values) {
  const known = values.filter((value) => value !== null);
  return known.length ? [Math.min(...known), Math.max(...known)] : [0, 1];
}

/* Round numbers from low to high, about so many. */
export function ticks(low, high, most) {
  const raw = (high - low || Math.abs(high) || 1) / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= raw) ?? 10);
  const found = [];
  for (let place = Math.ceil(low / step - 1e-9); place * step <= high + step * 1e-9; place += 1) {
    found.push(Number((place * step).toPrecision(12)));
  }
  return found;
}

function pairs(curve, name) {
  return curve.step.map((step, place) => [step, curve[name][place]]).filter(([, value]) => value !== null);
}

export function summary(curve) {
  if (!curve.step.length) return "No step yet";
  const last = curve.step.length - 1;
  const valid = pairs(curve, "valid_loss").at(-1);
  const text = `Training loss ${figure(curve.train_loss[0])} at step ${curve.step[0]}, `
    + `${figure(curve.train_loss[last])} at step ${curve.step[last]}`;
  return valid ? `${text}; validation loss ${figure(valid[1])} at step ${valid[0]}` : text;
}

export function sparkline(curve) {
  const [low, high] = range([...curve.train_loss, ...curve.valid_loss]);
  const x = scale(curve.step[0], curve.step.at(-1), 2, 118);
  const y = scale(low, high, 26, 2);
  const lines = ["train_loss", "valid_loss"].map((name) => {
    const points = pairs(curve, name).map(([step, value]) => [x(step), y(value)]);
    return points.length > 1 ? draw("path", { d: path(points), class: name }) : null;
  });
  return draw("svg", { viewBox: "0 0 120 28", class: "spark", role: "img", "aria-label": summary(curve) }, ...lines);
}

function axes(x, y, steps, losses) {
  const parts = [];
  for (const value of losses) {
    const at = y(value);
    parts.push(draw("line", { x1: EDGE.left, x2: WIDE - EDGE.right, y1: at, y2: at, class: "grid" }));
    parts.push(draw("text", { x: EDGE.left - 6, y: at + 4, "text-anchor": "end" }, String(value)));
  }
  for (const value of steps) {
    parts.push(draw("text", { x: x(value), y: HIGH - 18, "text-anchor": "middle" }, count(value)));
  }
  parts.push(draw("text", { x: WIDE - EDGE.right, y: HIGH - 4, "text-anchor": "end" }, "step"));
  return parts;
}

function legend(curve) {
  const names = { train_loss: "training loss", valid_loss: "validation loss" };
  const shown = Object.keys(names).filter((name) => pairs(curve, name).length);
  return make("ul", { class: "legend" }, ...shown.map((name) => {
    const line = draw("path", { d: "M0 6L24 6", class: name });
    return make("li", {}, draw("svg", { viewBox: "0 0 24 12", "aria-hidden": "true" }, line), names[name]);
  }));
}

function reading(curve, place) {
  const said = [`Step ${count(curve.step[place])}`, `training loss ${figure(curve.train_loss[place])}`];
  if (curve.train_accuracy[place] !== null) said.push(`accuracy ${share(curve.train_accuracy[place])}`);
  if (curve.valid_loss[place] !== null) said.push(`validation loss ${figure(curve.valid_loss[place])}`);
  if (curve.valid_accuracy[place] !== null) said.push(`validation accuracy ${share(curve.valid_accuracy[place])}`);
  return said.join(", ");
}

function reader(curve, svg, x, chosen) {
  const last = curve.step.length - 1;
  const place = chosen === null ? last : Math.min(chosen, last);
  const line = draw("line", { y1: EDGE.top, y2: HIGH - EDGE.bottom, class: "cursor" });
  const slider = make("input", { type: "range", id: "chart-step", min: 0, max: last, step: 1 });
  const output = make("output", { for: "chart-step" });
  slider.value = String(place);
  const show = () => {
    const at = x(curve.step[Number(slider.value)]);
    line.setAttribute("x1", at);
    line.setAttribute("x2", at);
    const said = reading(curve, Number(slider.value));
    slider.setAttribute("aria-valuetext", said);
    say(output, said);
  };
  slider.addEventListener("input", show);
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const step = curve.step.map((value) => Math.abs(x(value) - ((event.clientX - box.left) / box.width) * WIDE));
    slider.value = String(step.indexOf(Math.min(...step)));
    show();
  });
  svg.append(line);
  show();
  return [make("label", { for: "chart-step" }, "Read the curve at a step"), slider, output];
}

/* The large chart: figure, legend, and a slider that reads every point. `chosen` is the slider's place. */
export function chart(curve, chosen) {
  const [low, high] = range([...curve.train_loss, ...curve.valid_loss]);
  const marks = ticks(Math.min(0, low), high * 1.05, 5);
  const x = scale(curve.step[0], curve.step.at(-1), EDGE.left, WIDE - EDGE.right);
  const y = scale(Math.min(marks[0], low), Math.max(marks.at(-1), high * 1.05), HIGH - EDGE.bottom, EDGE.top);
  const svg = draw("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, class: "chart", role: "img", "aria-label": summary(curve) });
  const steps = ticks(curve.step[0], curve.step.at(-1), 6).filter(Number.isInteger);
  svg.append(...axes(x, y, steps, marks));
  for (const name of ["train_loss", "valid_loss"]) {
    const points = pairs(curve, name).map(([step, value]) => [x(step), y(value)]);
    if (points.length) svg.append(draw("path", { d: path(points), class: name }));
    if (points.length < 40) {
      svg.append(...points.map(([cx, cy]) => draw("circle", { cx, cy, r: 3, class: name })));
    }
  }
  return make("figure", {}, legend(curve), svg, ...reader(curve, svg, x, chosen));
}
