// Numbers, sizes and times as people read them.

const NUMBER = new Intl.NumberFormat(undefined);
const SHORT_TIME = new Intl.DateTimeFormat(undefined, {
  day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});
const LONG_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long", hourCycle: "h23" });
const UNITS = ["bytes", "kB", "MB", "GB", "TB"];

export function count(value) {
  return value === null || value === undefined ? "–" : NUMBER.format(value);
}

export function bytes(value) {
  let size = value;
  let unit = 0;
  while (size >= 1000 && unit < UNITS.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit ? size.toPrecision(3) : size} ${UNITS[unit]}`;
}

export function figure(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 100000)) return value.toExponential(2);
  return size < 10 ? value.toFixed(4) : value.toFixed(1);
}

export function share(value) {
  return value === null || value === undefined ? "–" : `${(100 * value).toFixed(1)} %`;
}

export function time(seconds) {
  return SHORT_TIME.format(new Date(1000 * seconds));
}

export function exactTime(seconds) {
  return LONG_TIME.format(new Date(1000 * seconds));
}

export function stamp(seconds) {
  return new Date(1000 * seconds).toISOString();
}

export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
