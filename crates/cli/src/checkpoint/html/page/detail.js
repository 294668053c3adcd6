const linkTo = (number, text = `#${number}`) => {
  const entry = all.get(number);
  return entry ? element('a', { href: `#checkpoint=${entry.id}` }, text) : element('span', { class: 'gone', title: 'pruned, or not on this page' }, `${text} (not here)`);
};

const listed = (nodes) => nodes.flatMap((node, place) => (place > 0 ? [', ', node] : [node]));

const facts = (entry, session) => {
  const children = session.children.get(entry.number) ?? [];
  const branch = element('span', { class: 'branch-name' }, shown(entry.branch));
  branch.style.setProperty('--c', colourOf(session, entry.branch));
  const how = entry.base === null ? 'whole' : ['as a difference to ', linkTo(entry.base)];
  return [
    ['Made', time(entry.created_at)],
    ['Session', shown(entry.session)],
    ['Branch', branch],
    ['Goes on from', entry.parent === null ? 'nothing, it is a first one' : linkTo(entry.parent)],
    ['Gone on from by', children.length > 0 && listed(children.map((number) => linkTo(number)))],
    ['Trigger', entry.cause ? `${entry.trigger}: ${shown(entry.cause)}` : entry.trigger],
    ['State', `${size(entry.bytes)}, ${entry.layout}`],
    ['Stored', [`${size(entry.stored_bytes)}, `, how]],
    ['Tick', entry.tick !== null && count(entry.tick)],
    ['State hash', entry.state_hash && element('code', {}, entry.state_hash)],
    ['Content', element('code', {}, entry.content)],
    ['Id', element('code', {}, entry.id)],
  ].filter(([, value]) => value !== null && value !== false);
};

const table = (pairs) => element('dl', { class: 'facts' }, pairs.map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, [value].flat()))));

const section = (title, ...children) => element('section', {}, element('h3', {}, title), ...children);

const annotations = (entry) => {
  const pairs = Object.entries(entry.annotations).map(([name, value]) => [shown(name), element('span', { class: 'pre' }, shown(value))]);
  return pairs.length > 0 && section('Annotations', table(pairs));
};

const movesAt = (entry, session) => {
  const found = session.moves.filter(({ from, to }) => from === entry.number || to === entry.number);
  const lines = found.slice(-50).map((move) => element('li', {}, element('b', {}, shown(move.branch)), ` ${moveText(move)} `, time(move.at, true)));
  return lines.length > 0 && section('Moves of heads', element('ul', { class: 'moves' }, lines), found.length > 50 && note(`The newest 50 of ${count(found.length)}.`));
};

/** Shows everything about a checkpoint. */
const fillDetail = (panel, entry, close) => {
  const session = sessionOf.get(entry.session);
  const against = entry.parent === null ? 'First state' : `Changed since #${entry.parent}`;
  const heading = element('h2', { class: entry.message.trim() ? null : 'none' }, entry.message.trim() ? shown(entry.message.trim()) : 'no message');
  const button = element('button', { type: 'button', class: 'close', 'aria-label': 'Close', click: close }, '\u00d7');
  const chips = chipsOf(entry, session);
  const number = element('p', { class: 'eyebrow' }, `Checkpoint #${entry.number}`);
  panel.setAttribute('aria-label', `Checkpoint ${entry.number}`);
  panel.replaceChildren(
    element('div', { class: 'bar' }, number, button),
    heading,
    ...(chips.length > 0 ? [element('p', { class: 'chips' }, chips)] : []),
    section(against, element('div', { class: 'diff' }, diffNodes(entry))),
    section('Facts', table(facts(entry, session))),
    ...[annotations(entry), movesAt(entry, session)].filter(Boolean),
  );
  panel.scrollTop = 0;
};
