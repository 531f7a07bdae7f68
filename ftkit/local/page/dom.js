// Make and update elements. Text only ever becomes text: nothing here reads HTML from a string.

const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

export function make(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function draw(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

export function byId(id) {
  return document.getElementById(id);
}

export function say(element, text) {
  // writing the same text again would make screen readers say it again
  if (element.textContent !== text) element.textContent = text;
}

/* One keyed child for every item, in order. An element whose item has not changed stays untouched, so that
   the focus, a selection and a screen reader's place survive the next answer of the platform. */
export function sync(parent, items, build) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let before = null;
  for (const item of items) {
    const text = JSON.stringify(item);
    let element = known.get(item.id);
    known.delete(item.id);
    if (!element || element.dataset.item !== text) {
      const fresh = build(item);
      fresh.dataset.key = item.id;
      fresh.dataset.item = text;
      if (element) replace(element, fresh);
      element = fresh;
    }
    const place = before ? before.nextElementSibling : parent.firstElementChild;
    if (place !== element) parent.insertBefore(element, place);
    before = element;
  }
  for (const gone of known.values()) gone.remove();
}

/* Put an element in another's place; the focus stays on what has the same link or name inside. */
export function replace(old, fresh) {
  const active = old.contains(document.activeElement) ? document.activeElement : null;
  const name = active && ["href", "id", "name"].find((one) => active.getAttribute(one));
  const wanted = name && `[${name}="${CSS.escape(active.getAttribute(name))}"]`;
  old.replaceWith(fresh);
  if (wanted) fresh.querySelector(wanted)?.focus({ preventScroll: true });
}
