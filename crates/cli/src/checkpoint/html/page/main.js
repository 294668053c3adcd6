const byName = (id) => document.getElementById(id);
const filter = { session: null, words: [], tags: new Set() };
const narrow = matchMedia('(max-width: 700px)');
const TAGS_MAX = 24;

const setHash = (hash) => {
  // A file that was opened without an address of its own has no history to write to.
  try {
    history.replaceState(null, '', hash || location.pathname + location.search);
  } catch {
    if (hash) location.hash = hash;
  }
};

const close = () => {
  byName('detail').hidden = true;
  document.body.classList.remove('has-detail');
  setHash('');
  refresh();
  byName('list').focus({ preventScroll: true });
};

const openNumber = (number, isFocused = false) => {
  const entry = all.get(number);
  if (!entry) return;
  const panel = byName('detail');
  panel.hidden = false;
  document.body.classList.add('has-detail');
  fillDetail(panel, entry, close);
  list.activate(number);
  setHash(`#checkpoint=${entry.id}`);
  if (isFocused || narrow.matches) panel.focus({ preventScroll: true });
};

const list = new List(byName('list'), (number) => openNumber(number));

const refresh = () => {
  const found = layout(filter, narrow.matches);
  list.show(found);
  const isFiltered = filter.words.length > 0 || filter.tags.size > 0;
  byName('found').textContent = isFiltered ? `${count(found.found)} of ${count(all.size)}` : '';
};

/** Opens what the address names; what is filtered away is shown again for it. */
const followHash = () => {
  const id = /^#checkpoint=([0-9a-f]{32})$/.exec(location.hash.toLowerCase())?.[1];
  const entry = byId.get(id);
  if (!entry) return;
  if (!list.rowOf(entry.number)) {
    Object.assign(filter, { session: null, words: [] });
    filter.tags.clear();
    byName('query').value = '';
    byName('session').value = '';
    showTags();
    refresh();
  }
  openNumber(entry.number);
};

const moveBy = (by) => {
  const number = list.move(by);
  if (number !== null && !byName('detail').hidden) openNumber(number);
};

const KEYS = {
  j: () => moveBy(1),
  k: () => moveBy(-1),
  ArrowDown: () => moveBy(1),
  ArrowUp: () => moveBy(-1),
  PageDown: () => moveBy(list.page()),
  PageUp: () => moveBy(-list.page()),
  Home: () => moveBy(-Infinity),
  End: () => moveBy(Infinity),
  Enter: () => list.active !== null && openNumber(list.active),
  '/': () => byName('query').focus(),
};

const isTyping = (target) => target.closest('input, select, button, a, .scroll') !== null;

const pressed = (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === 'Escape') {
    if (!byName('detail').hidden) close();
    else if (event.target === byName('query')) byName('list').focus();
    return;
  }
  const isInSearch = event.target === byName('query') && ['ArrowDown', 'ArrowUp', 'Enter'].includes(event.key);
  const isInDetail = event.target.closest('#detail') !== null && !['j', 'k', '/'].includes(event.key);
  if ((isTyping(event.target) && !isInSearch) || isInDetail || !Object.hasOwn(KEYS, event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
};

const counted = (number, one, many = `${one}s`) => [number === 1 ? one : many, count(number)];

const showHeader = () => {
  const name = data.store.split(/[\\/]/).filter(Boolean).at(-1) ?? data.store;
  byName('title').textContent = shown(name);
  byName('title').title = shown(data.store);
  const up = data.up_to === null ? 'an empty store' : `up to #${data.up_to}`;
  const only = data.only === null ? '' : `, session ${shown(data.only)} only`;
  byName('made').replaceChildren('As it was ', time(data.made_at), `, ${up}${only}`);
  const branches = sessions.reduce((sum, session) => sum + session.branches.length, 0);
  const share = percent(data.stored_bytes, data.state_bytes);
  const meter = element('i', {});
  meter.style.setProperty('width', `${Math.min(100, (100 * data.stored_bytes) / Math.max(1, data.state_bytes))}%`);
  const counts = [
    counted(data.checkpoints, 'checkpoint'),
    counted(sessions.length + data.sessions_left_out, 'session'),
    counted(branches, 'branch', 'branches'),
    ['stored', [size(data.stored_bytes), element('small', {}, ` of ${size(data.state_bytes)} \u00b7 ${share}`), element('span', { class: 'meter' }, meter)]],
  ];
  byName('counts').append(...counts.map(([label, value]) => element('div', {}, element('dt', {}, label), element('dd', {}, [value].flat()))));
};

const showNotes = () => {
  const notes = [];
  if (data.left_out > 0) notes.push(`The page has room for the newest ${count(all.size)} of ${count(data.checkpoints)} checkpoints. A page of one session (--session) has more of it.`);
  if (data.sessions_left_out > 0) notes.push(`${plural(data.sessions_left_out, 'session')} left out.`);
  byName('notes').append(...notes.map((text) => note(text)));
};

const showSessions = () => {
  const option = (value, text) => element('option', { value }, text);
  const names = sessions.map((session, place) => option(String(place), `${shown(session.session)} (${count(session.log.length)})`));
  byName('session').append(option('', `All sessions (${count(all.size)})`), ...names);
  byName('session').parentElement.hidden = sessions.length < 2;
  byName('session').addEventListener('change', ({ target }) => {
    filter.session = target.value === '' ? null : sessions[Number(target.value)].session;
    showTags();
    refresh();
  });
};

/** The tags there are, those first that most checkpoints have. */
const showTags = () => {
  const counts = new Map();
  for (const entry of all.values()) {
    if (filter.session !== null && entry.session !== filter.session) continue;
    for (const tag of entry.tags) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  }
  for (const tag of filter.tags) if (!counts.has(tag)) filter.tags.delete(tag);
  const tags = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, TAGS_MAX);
  const buttons = tags.map(([tag, number]) => {
    const toggle = ({ currentTarget }) => {
      if (!filter.tags.delete(tag)) filter.tags.add(tag);
      currentTarget.setAttribute('aria-pressed', String(filter.tags.has(tag)));
      refresh();
    };
    return element('button', { type: 'button', class: 'chip tag', 'aria-pressed': String(filter.tags.has(tag)), click: toggle }, shown(tag), element('small', {}, count(number)));
  });
  byName('tags').replaceChildren(...buttons);
};

showHeader();
showNotes();
showSessions();
showTags();
refresh();
byName('query').addEventListener('input', ({ target }) => {
  filter.words = target.value.toLowerCase().split(/\s+/).filter(Boolean);
  refresh();
});
document.addEventListener('keydown', pressed);
addEventListener('hashchange', followHash);
narrow.addEventListener('change', refresh);
addEventListener('beforeprint', () => list.print(true));
addEventListener('afterprint', () => list.print(false));
followHash();
document.documentElement.dataset.ready = 'true';
