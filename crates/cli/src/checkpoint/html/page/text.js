/** Makes an element. Texts become text, whatever they say. */
const element = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') node.addEventListener(name, value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
};

/** Makes an element of a drawing. */
const drawn = (tag, attributes) => {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
};

/** Characters that hide text or turn its direction. */
const HIDING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** A text from the store with such characters made visible. */
const shown = (text) => text.replace(HIDING, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);

const numbers = new Intl.NumberFormat();
const count = (number) => (Number.isSafeInteger(number) ? '' : '\u2248') + numbers.format(number);
const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];

/** A size with three digits. */
const size = (bytes) => {
  let [value, unit] = [bytes, 0];
  while (value >= 999.5 && unit < UNITS.length - 1) [value, unit] = [value / 1000, unit + 1];
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)}\u00a0${UNITS[unit]}`;
};

const percent = (part, whole) => {
  const share = whole > 0 ? (100 * part) / whole : 0;
  return `${share >= 10 ? share.toFixed(0) : share.toPrecision(2)}\u00a0%`;
};

const longTimes = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const days = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric', year: 'numeric' });
const minutes = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** A time in the reader's zone, with the one of the store in its title. */
const time = (iso, isShort = false) => {
  if (!iso) return element('span', { class: 'unknown' }, 'time unknown');
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return element('time', { datetime: iso }, iso);
  const isThisYear = date.getFullYear() === new Date(data.made_at ?? Date.now()).getFullYear();
  const format = isShort ? (isThisYear ? minutes : days) : longTimes;
  const title = `${iso.replace('T', ' ').replace('Z', '')} UTC`;
  return element('time', { datetime: iso, title }, format.format(date));
};

/** Adds to the list that a map has under a key. */
const pushTo = (map, key, value) => {
  const found = map.get(key);
  if (found) found.push(value);
  else map.set(key, [value]);
};
