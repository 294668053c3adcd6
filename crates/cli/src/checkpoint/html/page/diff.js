const FORMS = { text: 'text', json: 'JSON, indented', value: 'the value, as JSON' };

const note = (...texts) => element('p', { class: 'note' }, ...texts);

const hunkNode = ({ a, b, lines }) => {
  let [old, next] = [a, b];
  const rows = lines.map((line) => {
    const [sign, text] = [line[0], line.slice(1)];
    const kind = { '+': 'new', '-': 'gone' }[sign] ?? 'same';
    const [left, right] = [sign === '+' ? '' : old++, sign === '-' ? '' : next++];
    const cells = [[left, 'no'], [right, 'no'], [sign === '-' ? '\u2212' : sign, 'sign'], [shown(text), 'line']];
    return element('tr', { class: kind }, cells.map(([cell, name]) => element('td', { class: name }, cell)));
  });
  return element('tbody', { class: 'hunk' }, rows);
};

const lineDiff = ({ form, added, removed, hunks, hidden }, limit) => {
  const summary = element('p', { class: 'summary' }, element('b', { class: 'new' }, `+${count(added)}`), ' ', element('b', { class: 'gone' }, `\u2212${count(removed)}`), ` lines, ${FORMS[form] ?? form}`);
  const table = element('table', { class: 'lines' }, hunks.map(hunkNode));
  const left = hidden > 0 && note(`Not shown: ${plural(hidden, 'line')} more that came or went. A page shows at most ${size(limit)} of each difference; --diffs sets how much.`);
  return [summary, hunks.length > 0 && element('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': 'Lines that came and went' }, table), left];
};

const PER_LINE = 8;

/** Bytes as lines of eight, with what they are as text. */
const dump = (hex, start) => {
  const lines = [];
  for (let place = 0; place < hex.length; place += 2 * PER_LINE) {
    const pairs = hex.slice(place, place + 2 * PER_LINE).match(/../g) ?? [];
    const ascii = pairs.map((pair) => String.fromCharCode(parseInt(pair, 16))).map((c) => (c >= ' ' && c <= '~' ? c : '\u00b7'));
    const address = (start + place / 2).toString(16).padStart(6, '0');
    lines.push(element('tr', {}, element('td', { class: 'no' }, address), element('td', {}, pairs.join(' ')), element('td', { class: 'ascii' }, ascii.join(''))));
  }
  return lines;
};

const side = (name, kind, hex, start, length) => {
  const rest = length - hex.length / 2;
  const head = element('caption', {}, `${name}: ${plural(length, 'byte')} at ${count(start)}`);
  return element('table', { class: `dump ${kind}` }, head, element('tbody', {}, dump(hex, start)), rest > 0 && element('tfoot', {}, element('tr', {}, element('td', { colspan: 3 }, `${plural(rest, 'byte')} more`))));
};

const byteDiff = ({ ranges, count: found, bytes }) => {
  const parts = ranges.map((range) =>
    element('div', { class: 'range' }, range.a_len > 0 && side('before', 'gone', range.before, range.a, range.a_len), range.b_len > 0 && side('after', 'new', range.after, range.b, range.b_len)),
  );
  const left = found > ranges.length && note(`Not shown: ${plural(found - ranges.length, 'range')} more. --diffs sets how much a page shows of each difference.`);
  const summary = found === 0 ? 'The bytes are the same, but not what they are.' : `${plural(found, 'range')} of bytes, ${plural(bytes, 'byte')} in all`;
  return [element('p', { class: 'summary' }, summary), parts, left];
};

/** What is shown of what a checkpoint changed. */
const diffNodes = (entry) => {
  const limit = data.diffs.bytes_max;
  if (limit === null) return [note('This page was written without differences (--diffs none).')];
  const diff = changeOf(entry.number);
  if (diff === null) {
    return [note(`This page has no room for the differences of its older checkpoints, only for those of the newest ${count(data.diffs.included)}. A page of this session alone (--session), or with shorter ones (--diffs), has more.`)];
  }
  if (diff.kind === 'same') return [note('The state is the same as the one before.')];
  if (diff.kind === 'lines') return lineDiff(diff, limit);
  if (diff.kind === 'ranges') return byteDiff(diff);
  return [note(shown(diff.why ?? 'There is nothing to show.'))];
};
