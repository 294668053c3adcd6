const parsed = (id) => JSON.parse(document.getElementById(id).textContent);
const data = parsed('data');

/** What checkpoints changed; it is read when it is first asked for. */
let changes = null;
const changeOf = (number) => {
  changes ??= parsed('diffs');
  return changes[number] ?? null;
};

const PALETTE = 8;

/** What is found by a search. */
const searchable = (entry) => {
  const notes = Object.entries(entry.annotations).flat();
  const parts = [entry.message, entry.id, entry.branch, entry.session, entry.cause ?? '', entry.trigger, ...entry.tags, ...entry.heads, ...notes];
  return parts.join('\n').toLowerCase();
};

/** The checkpoints that a branch still goes back to. */
const reachable = (session, byNumber) => {
  const found = new Set();
  for (const { head } of session.branches) {
    let at = byNumber.get(head);
    while (at && !found.has(at.number)) {
      found.add(at.number);
      at = byNumber.get(at.parent);
    }
  }
  return found;
};

/** Main has the first colour, then those that there are still, then those that have ended. */
const colours = (session) => {
  const names = session.branches.map(({ branch }) => branch);
  const met = session.log.map(({ branch }) => branch).reverse();
  return new Map([...new Set(['main', ...names, ...met])].map((name, place) => [name, place % PALETTE]));
};

const all = new Map();
const sessions = data.sessions.map((session) => {
  const byNumber = new Map(session.log.map((entry) => [entry.number, entry]));
  const children = new Map();
  for (const entry of session.log) {
    all.set(entry.number, entry);
    if (entry.parent !== null) pushTo(children, entry.parent, entry.number);
  }
  return { ...session, byNumber, children, live: reachable(session, byNumber), colours: colours(session) };
});
const sessionOf = new Map(sessions.map((session) => [session.session, session]));
const byId = new Map([...all.values()].map((entry) => [entry.id, entry]));
const storedMax = [...all.values()].reduce((most, entry) => Math.max(most, entry.stored_bytes), 1);

const colourOf = (session, branch) => `var(--lane-${session.colours.get(branch) ?? 0})`;
