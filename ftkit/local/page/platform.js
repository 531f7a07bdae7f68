// Ask the platform: the key of this tab, and answers that come only when something is new.

const KEY = "ftkit-key";
const known = new Map();

export class KeyNeeded extends Error {}

export class Failed extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export function key() {
  return sessionStorage.getItem(KEY);
}

export function keep(value) {
  known.clear();
  if (value) sessionStorage.setItem(KEY, value);
  else sessionStorage.removeItem(KEY);
}

/* The JSON at a path: {value, fresh}. With the tag of the last answer the platform says "not modified". */
export async function ask(path) {
  const before = known.get(path);
  const headers = { accept: "application/json" };
  if (key()) headers.authorization = `Bearer ${key()}`;
  if (before) headers["if-none-match"] = before.tag;
  const answer = await fetch(path, { headers, cache: "no-store", signal: AbortSignal.timeout(15000) });
  if (answer.status === 304) return { value: before.value, fresh: false };
  if (answer.status === 401) throw new KeyNeeded();
  const body = await answer.json();
  if (!answer.ok) throw new Failed(body.error.message, answer.status);
  known.set(path, { tag: answer.headers.get("etag"), value: body });
  return { value: body, fresh: true };
}
