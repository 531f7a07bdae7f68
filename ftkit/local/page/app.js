// The page's own life: where it is, when it asks again, and what it does when no answer or no key is there.

import { byId, say } from "./dom.js";
import { count, time } from "./format.js";
import { noJob, showJob } from "./job.js";
import { isWorking, showLists } from "./lists.js";
import { Failed, KeyNeeded, ask, keep, key } from "./platform.js";

const BUSY_PAUSE = 1000;
const QUIET_PAUSE = 5000;
const LONGEST_PAUSE = 15000;
const SECTIONS = ["jobs", "batches", "files", "models"];
let timer = 0;
let failures = 0;
let running = null;
let statuses = new Map();

function route() {
  const [, section = "", id = ""] = location.hash.split("/");
  return { section, id: section === "jobs" && id ? decodeURIComponent(id) : "" };
}

/* Tell a screen reader what changed since the last answer. */
function announce(status) {
  const now = new Map([...status.jobs.data, ...status.batches.data].map((item) => [item.id, item.status]));
  const changed = [...now].filter(([id, state]) => statuses.has(id) && statuses.get(id) !== state);
  if (changed.length) {
    say(byId("news"), changed.slice(0, 5).map(([id, state]) => `${id} is now ${state.replaceAll("_", " ")}.`).join(" "));
  }
  statuses = now;
}

function connected(status) {
  const open = status.queue.open;
  say(byId("connection"), open ? `${count(open)} at work or waiting` : "Nothing at work");
  say(byId("about"), `Version ${status.version}, since ${time(status.started_at)}`);
}

function showKeyForm(wrong) {
  byId("views").hidden = true;
  byId("key-form").hidden = false;
  say(byId("connection"), "A key is needed");
  say(byId("key-error"), wrong ? "This key is not one of the platform's keys." : "");
  byId("key").focus();
}

async function askJob(id) {
  try {
    showJob((await ask(`/status/jobs/${encodeURIComponent(id)}`)).value);
  } catch (error) {
    if (!(error instanceof Failed) || error.status !== 404) throw error;
    noJob(id, error.message);
  }
}

async function refresh() {
  const { value, fresh } = await ask("/status");
  const { id } = route();
  if (id) await askJob(id);
  byId("key-form").hidden = true;
  byId("views").hidden = false;
  byId("forget").hidden = !key();
  if (fresh) {
    announce(value);
    showLists(value);
  }
  connected(value);
  const active = value.queue.open > 0 || value.jobs.data.some((job) => isWorking(job.status));
  return active ? BUSY_PAUSE : QUIET_PAUSE;
}

function failed(error) {
  if (error instanceof KeyNeeded) {
    const wrong = key() !== null;
    keep(null);
    showKeyForm(wrong);
    return null;
  }
  failures += 1;
  const reason = error instanceof Failed ? error.message : "The platform does not answer.";
  say(byId("connection"), `${reason} Asking again.`);
  return Math.min(BUSY_PAUSE * 2 ** failures, LONGEST_PAUSE);
}

async function round() {
  clearTimeout(timer);
  let pause = null;
  try {
    pause = await refresh();
    failures = 0;
  } catch (error) {
    pause = failed(error);
  }
  if (pause !== null && !document.hidden) timer = setTimeout(poll, pause);
}

/* One round at a time: who asks meanwhile waits for the next. */
function poll() {
  running = (running ?? Promise.resolve()).then(round);
  return running;
}

function arrange() {
  const { section, id } = route();
  byId("job").hidden = !id;
  for (const name of SECTIONS) byId(name).hidden = Boolean(id);
  for (const link of document.querySelectorAll("nav a")) {
    const here = link.hash === `#/${section}`;
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = id ? `${id} – ftkit local platform` : "ftkit local platform";
}

async function go() {
  arrange();
  const { section, id } = route();
  if (id) {
    await poll();
    byId("job-title")?.focus();
    byId("job").scrollIntoView();
  } else if (SECTIONS.includes(section)) {
    byId(`${section}-title`).focus({ preventScroll: true });
    byId(section).scrollIntoView();
  }
}

function start() {
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    keep(byId("key").value.trim());
    byId("key").value = "";
    poll();
  });
  byId("forget").addEventListener("click", () => {
    keep(null);
    location.reload();
  });
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    byId("main").focus();
  });
  window.addEventListener("hashchange", go);
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : poll()));
  arrange();
  poll();
}

start();
