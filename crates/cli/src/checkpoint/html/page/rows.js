const HEIGHTS = { session: 46, entry: 44, move: 28 };
const NARROW_HEIGHTS = { session: 42, entry: 64, move: 28 };

/** Whether a checkpoint is looked for. */
const isMatch = (entry, { words, tags }) => {
  for (const tag of tags) if (!entry.tags.includes(tag)) return false;
  if (words.length === 0) return true;
  entry.text ??= searchable(entry);
  return words.every((word) => (/^#\d+$/.test(word) ? `#${entry.number}` === word : entry.text.includes(word)));
};

/** The rows of a session: its checkpoints, and between them how its heads were moved. */
const rowsOf = (session, filter) => {
  const entries = session.log.filter((entry) => isMatch(entry, filter));
  const { lanes, lines, width } = lanesOf(session, entries);
  const isFiltered = filter.words.length > 0 || filter.tags.size > 0;
  const moves = isFiltered ? [] : session.moves.filter(({ cause }) => cause !== 'fork').reverse();
  const rows = [];
  const places = [];
  let next = 0;
  const movesAbove = (number) => {
    for (; next < moves.length && (moves[next].after ?? 0) >= number; next += 1) {
      rows.push({ kind: 'move', session, move: moves[next], colour: colourOf(session, moves[next].branch) });
    }
  };
  entries.forEach((entry, place) => {
    movesAbove(entry.number);
    places.push(rows.length);
    const isLeft = !session.live.has(entry.number);
    rows.push({ kind: 'entry', session, entry, lane: lanes[place], isLeft, colour: colourOf(session, entry.branch) });
  });
  movesAbove(0);
  const ofRows = lines.map((line) => ({
    from: places[line.from],
    to: line.to === null ? null : places[line.to],
    lane: line.lane,
    isFar: line.isFar,
    isLeft: !session.live.has(line.entry.number),
    colour: colourOf(session, line.entry.branch),
  }));
  return { rows, lines: ofRows, width, found: entries.length };
};

/** All rows that are looked for, one session below the other, each row with its place. */
const layout = (filter, isNarrow) => {
  const heights = isNarrow ? NARROW_HEIGHTS : HEIGHTS;
  const rows = [];
  const lines = [];
  let [width, found] = [1, 0];
  const asked = sessions.filter(({ session }) => filter.session === null || filter.session === session);
  for (const session of asked) {
    const part = rowsOf(session, filter);
    if (part.rows.length === 0 && (filter.words.length > 0 || filter.tags.size > 0)) continue;
    if (asked.length > 1) rows.push({ kind: 'session', session, found: part.found });
    const start = rows.length;
    for (const line of part.lines) lines.push({ ...line, from: line.from + start, to: line.to === null ? null : line.to + start });
    for (const row of part.rows) rows.push(row);
    width = Math.max(width, part.width);
    found += part.found;
  }
  let [top, position] = [0, 0];
  rows.forEach((row, place) => {
    row.place = place;
    row.top = top;
    row.height = heights[row.kind];
    top += row.height;
    if (row.entry) row.position = position += 1;
  });
  return { rows, lines, width, found, height: top };
};

const chip = (text, kind, title = null) => element('span', { class: `chip ${kind}`, title }, shown(text));

const chipsOf = ({ heads, tags, locked, trigger, cause }, session) => {
  const chips = heads.map((head) => {
    const node = chip(head, 'branch', `head of ${shown(head)}`);
    node.style.setProperty('--c', colourOf(session, head));
    return node;
  });
  for (const tag of tags) chips.push(chip(tag, 'tag', `tag ${shown(tag)}`));
  if (locked) chips.push(chip('locked', 'locked', 'no prune takes it'));
  if (trigger !== 'manual') chips.push(chip(trigger, 'trigger', cause ? shown(cause) : null));
  return chips;
};

const titleOf = (entry) => {
  const first = entry.message.split('\n', 1)[0].trim();
  if (first) return element('span', { class: 'message' }, shown(first.slice(0, 400)));
  return element('span', { class: 'message none' }, entry.cause ? shown(entry.cause) : 'no message');
};

/** How much a checkpoint takes, beside the one that takes most. */
const sizeBar = (entry) => {
  const isWhole = entry.base === null;
  const how = isWhole ? 'whole' : `as a difference to #${entry.base}`;
  const title = `${count(entry.stored_bytes)} bytes stored ${how}, of a state of ${count(entry.bytes)} bytes`;
  const fill = element('i', { class: isWhole ? 'whole' : 'delta' });
  const share = Math.log2(1 + entry.stored_bytes) / Math.log2(1 + storedMax);
  fill.style.setProperty('width', `${Math.max(4, Math.round(share * 100))}%`);
  const label = element('span', {}, size(entry.stored_bytes));
  return element('span', { class: 'size', title }, element('span', { class: 'track' }, fill), label);
};

const MOVES = {
  restore: ({ from, to }) => `went back to ${at(to)}${from === null ? '' : ` from #${from}`}`,
  undo: ({ from, to }) => `undo: ${at(from)} \u2192 ${at(to)}`,
  prune: ({ from, to }) => `moved to ${at(to)}, as ${at(from)} was pruned`,
  fork: ({ to }) => `begins at ${at(to)}`,
  other: ({ from, to }) => `moved from ${at(from)} to ${at(to)}`,
};
const at = (number) => (number === null ? 'the beginning' : `#${number}`);
const moveText = (move) => (MOVES[move.cause] ?? MOVES.other)(move);

const entryRow = ({ entry, session, position, isLeft }, total) =>
  element(
    'div',
    { class: `row entry${isLeft ? ' left' : ''}`, role: 'option', id: `row-${entry.number}`, 'data-number': entry.number, 'aria-posinset': position, 'aria-setsize': total, 'aria-selected': 'false' },
    element('span', { class: 'number' }, `#${entry.number}`),
    element('span', { class: 'what' }, titleOf(entry), element('span', { class: 'chips' }, chipsOf(entry, session))),
    sizeBar(entry),
    element('span', { class: 'when' }, time(entry.created_at, true)),
  );

const moveRow = ({ move, colour }) => {
  const name = element('b', {}, shown(move.branch));
  name.style.setProperty('--c', colour);
  const sign = element('span', { class: 'sign', 'aria-hidden': 'true' }, '\u21ba');
  const text = element('span', { class: 'moved' }, sign, name, ` ${moveText(move)}`);
  return element('div', { class: 'row move', role: 'presentation' }, text, element('span', { class: 'when' }, time(move.at, true)));
};

const sessionRow = ({ session, found }) => {
  const heads = session.branches.length;
  const text = `${plural(found, 'checkpoint')}, ${plural(heads, 'branch', 'branches')}`;
  return element('div', { class: 'row session', role: 'presentation' }, element('h2', {}, shown(session.session)), element('span', {}, text));
};

const rowNode = (row, total) => {
  const node = row.kind === 'entry' ? entryRow(row, total) : row.kind === 'move' ? moveRow(row) : sessionRow(row);
  node.style.setProperty('top', `${row.top}px`);
  node.style.setProperty('height', `${row.height}px`);
  return node;
};
