// One job: its facts, its curve, its checkpoints and its events.

import { chart } from "./chart.js";
import { byId, make, replace, sync } from "./dom.js";
import { count, figure } from "./format.js";
import { badge, moment, progress, table } from "./lists.js";

const CHECKPOINTS = ["Checkpoint", "Step", "Training loss", "Validation loss", "Created"];
let drawn = "";

function facts(job) {
  const set = Object.entries(job.hyperparameters).filter(([, value]) => typeof value !== "object");
  const pairs = [
    ["Model", job.model],
    ["Engine", job.engine],
    ["Tuned model", job.fine_tuned_model ?? "–"],
    ["Training file", job.training_file],
    ["Validation file", job.validation_file ?? "–"],
    ["Trained tokens", count(job.trained_tokens)],
    ["Settings", set.map(([name, value]) => `${name} ${value}`).join(", ") || "–"],
    ["Seed", String(job.seed)],
    ["Created", moment(job.created_at)],
    ["Ended", moment(job.finished_at)],
  ];
  if (!job.finished_at && job.estimated_finish) pairs.push(["Expected end", moment(job.estimated_finish)]);
  return make("dl", {}, ...pairs.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

function eventItem(event) {
  return make("li", { class: event.level }, moment(event.created_at), " ", event.message);
}

function checkpointRow(point) {
  const cells = [count(point.step_number), figure(point.metrics.train_loss), figure(point.metrics.valid_loss), moment(point.created_at)];
  return make("tr", {}, make("th", { scope: "row" }, point.fine_tuned_model_checkpoint), ...cells.map((one) => make("td", {}, one)));
}

function build(id) {
  byId("job").replaceChildren(
    make("p", {}, make("a", { href: "#/jobs" }, "← All jobs")),
    make("h2", { id: "job-title", tabindex: "-1" }, `Job ${id}`),
    make("div", { id: "job-facts" }),
    make("h3", {}, "Loss"),
    make("div", { id: "job-curve" }, make("p", { class: "empty" }, "No step yet.")),
    make("h3", {}, "Checkpoints"),
    make("div", { id: "job-checkpoints" }),
    make("h3", {}, "Events, newest first"),
    make("ol", { id: "job-events", class: "events" }),
  );
  drawn = "";
}

/* The slider stands at the newest step until a person has moved it. */
function place() {
  const slider = byId("chart-step");
  return slider && slider.value !== slider.max ? Number(slider.value) : null;
}

function showCurve(curve) {
  const text = JSON.stringify(curve);
  if (!curve.step.length || text === drawn) return;
  drawn = text;
  replace(byId("job-curve").firstElementChild, chart(curve, place()));
}

export function showJob(found) {
  const job = found.job;
  if (byId("job").dataset.job !== job.id) build(job.id);
  byId("job").dataset.job = job.id;
  const state = make("p", {}, badge(job.status));
  if (found.total_steps) state.append(" ", ...progress("Steps", found.step, found.total_steps));
  if (job.error?.message) state.append(make("strong", { class: "fault" }, ` ${job.error.message}`));
  byId("job-facts").replaceChildren(state, facts(job));
  showCurve(found.curve);
  table(byId("job-checkpoints"), "Checkpoints", CHECKPOINTS, found.checkpoints, checkpointRow, "No checkpoint yet.");
  sync(byId("job-events"), found.events, eventItem);
}

export function noJob(id, reason) {
  build(id);
  delete byId("job").dataset.job;
  byId("job-facts").replaceChildren(make("p", { class: "fault" }, reason));
}
