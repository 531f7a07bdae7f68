// The lists of the first page: jobs, batches, files, models.

import { sparkline } from "./chart.js";
import { byId, make, say, sync } from "./dom.js";
import { bytes, count, exactTime, span, stamp, time } from "./format.js";

const WORKING = new Set(["validating_files", "queued", "running", "validating", "in_progress", "finalizing", "cancelling"]);
const GOOD = new Set(["succeeded", "completed", "processed"]);
const BAD = new Set(["failed", "error", "expired"]);

export function isWorking(status) {
  return WORKING.has(status);
}

export function badge(status) {
  const kind = WORKING.has(status) ? "working" : GOOD.has(status) ? "good" : BAD.has(status) ? "bad" : "rest";
  return make("span", { class: `badge ${kind}` }, status.replaceAll("_", " "));
}

export function moment(seconds) {
  return seconds ? make("time", { datetime: stamp(seconds), title: exactTime(seconds) }, time(seconds)) : "–";
}

function cell(...content) {
  return make("td", {}, ...content);
}

function head(...content) {
  return make("th", { scope: "row" }, ...content);
}

export function progress(label, done, total) {
  return [make("progress", { "aria-label": label, max: total || 1, value: done }), ` ${count(done)} / ${count(total)}`];
}

/* A table inside a box that scrolls by keyboard; made once, its rows kept in step with the items. */
export function table(box, name, columns, items, row, empty) {
  if (!items.length) {
    if (!box.querySelector("p")) box.replaceChildren(make("p", { class: "empty" }, empty));
    return;
  }
  if (!box.querySelector("table")) {
    const titles = columns.map((column) => make("th", { scope: "col" }, column));
    const body = make("table", {}, make("caption", { class: "unseen" }, name), make("thead", {}, make("tr", {}, ...titles)), make("tbody"));
    box.replaceChildren(make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${name} as a table` }, body));
  }
  sync(box.querySelector("tbody"), items, row);
}

function jobRow(job) {
  const link = make("a", { href: `#/jobs/${job.id}` }, job.suffix ? `${job.suffix} · ${job.id}` : job.id);
  const state = [badge(job.status)];
  if (job.error?.message) state.push(make("small", { class: "fault" }, job.error.message));
  const ran = job.finished_at ? span(job.finished_at - job.created_at) : "–";
  const steps = job.total_steps ? progress(`Steps of ${job.id}`, job.step, job.total_steps) : ["–"];
  const curve = job.curve && job.curve.step.length > 1 ? sparkline(job.curve) : "–";
  return make("tr", {}, head(link), cell(...state), cell(job.model), cell(curve), cell(...steps), cell(moment(job.created_at)), cell(ran));
}

function batchRow(batch) {
  const counts = batch.request_counts;
  const done = progress(`Requests of ${batch.id}`, counts.completed + counts.failed, counts.total);
  const end = batch.completed_at ?? batch.failed_at ?? batch.expired_at ?? batch.cancelled_at;
  return make("tr", {}, head(batch.id), cell(badge(batch.status)), cell(batch.model ?? "–"), cell(batch.endpoint),
    cell(...done), cell(count(counts.failed)), cell(count(batch.usage.total_tokens)), cell(moment(batch.created_at)), cell(moment(end)));
}

function fileRow(file) {
  return make("tr", {}, head(file.id), cell(file.filename), cell(file.purpose), cell(bytes(file.bytes)), cell(moment(file.created_at)), cell(moment(file.expires_at)));
}

function modelRow(model) {
  const made = model.job_id ? make("a", { href: `#/jobs/${model.job_id}` }, model.job_id) : "–";
  return make("tr", {}, head(model.id), cell(model.engine), cell(model.base), cell(made), cell(moment(model.created_at)));
}

function more(list) {
  return list.total > list.data.length ? `${count(list.data.length)} of ${count(list.total)}` : count(list.total);
}

function standIns(models) {
  const box = byId("stand-ins");
  box.hidden = !models.stand_ins.length;
  say(box.querySelector("summary"), `${count(models.stand_ins.length)} hosted names that models here stand in for`);
  sync(box.querySelector("ul"), models.stand_ins.map((id) => ({ id })), (item) => make("li", {}, make("code", {}, item.id)));
}

export function showLists(status) {
  for (const name of ["jobs", "batches", "files", "models"]) say(byId(`${name}-count`), more(status[name]));
  table(byId("jobs-list"), "Fine-tuning jobs", ["Job", "Status", "Model", "Loss", "Steps", "Created", "Took"], status.jobs.data, jobRow, "No job yet.");
  table(byId("batches-list"), "Batches", ["Batch", "Status", "Model", "Endpoint", "Requests", "Failed", "Tokens", "Created", "Ended"], status.batches.data, batchRow, "No batch yet.");
  table(byId("files-list"), "Files", ["File", "Name", "Purpose", "Size", "Created", "Expires"], status.files.data, fileRow, "No file yet.");
  table(byId("models-list"), "Models", ["Model", "Engine", "Base", "Made by job", "Created"], status.models.data, modelRow, "No model.");
  standIns(status.models);
}
