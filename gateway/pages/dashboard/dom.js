// Elements, made without markup: whatever an agency sends ends as text, never as HTML.

const SVG = 'http://www.w3.org/2000/svg';

/** An HTML element. Children are nodes or text; null and false are left out. */
export function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function draw(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Gives an element other children. */
export function refill(element, ...children) {
  element.replaceChildren();
  return fill(element, {}, children);
}

/** A moment, as people read it and as machines do. */
export function time(iso, text, title) {
  return make('time', { datetime: iso, title }, text);
}

/** An address that may stand in a link, or null: agencies' words decide nothing about schemes. */
export function webAddress(value) {
  try {
    const url = new URL(value);
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : null;
  } catch {
    return null;
  }
}

/**
 * Makes a parent's children those of `rows`, in their order. Elements of rows that stay are kept, and with them focus.
 * `refresh` brings an element that was kept up to date.
 */
export function reconcile(parent, rows, build, refresh = () => {}) {
  const kept = new Map(Array.from(parent.children, (child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const row of rows) {
    let child = kept.get(row.key);
    if (child) {
      kept.delete(row.key);
      refresh(child, row);
    } else {
      child = build(row);
      child.dataset.key = row.key;
    }
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  for (const gone of kept.values()) gone.remove();
}

/** Milliseconds that a task waits for a frame: a page that nobody looks at draws none. */
const FRAMELESS = 500;

/** Runs each of its tasks at most once a frame. */
export function painter() {
  const due = new Set();
  let frame = 0;
  let timer = 0;

  function paint() {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    frame = timer = 0;
    const tasks = [...due];
    due.clear();
    for (const each of tasks) each();
  }
  return (task) => {
    due.add(task);
    frame ||= requestAnimationFrame(paint);
    timer ||= setTimeout(paint, FRAMELESS);
  };
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}
