/** The nearest checkpoint that is shown and that this one goes back to, and whether others lie between. */
const shownParent = (session, entry, places) => {
  let [parent, isFar] = [entry.parent, false];
  while (parent !== null && !places.has(parent)) {
    const next = session.byNumber.get(parent);
    if (!next) return { place: null, isFar, isGone: true };
    [parent, isFar] = [next.parent, true];
  }
  return { place: parent === null ? null : places.get(parent), isFar, isGone: false };
};

/** The places that the head of main goes back to, which have the first lane, and the last of them. */
const trunkOf = (session, parents, places) => {
  const main = session.branches.find(({ branch }) => branch === 'main') ?? session.branches[0];
  let entry = session.byNumber.get(main?.head);
  while (entry && !places.has(entry.number)) entry = session.byNumber.get(entry.parent);
  const trunk = new Set();
  let [place, end] = [entry ? places.get(entry.number) : null, -1];
  while (place !== null) {
    trunk.add(place);
    end = place;
    place = parents[place].place;
  }
  return { trunk, end };
};

/**
 * Gives each checkpoint a lane, the newest first: a line of descent keeps its lane from its tip to where it begins.
 * Answers the lanes, and the lines between checkpoints.
 */
const lanesOf = (session, entries) => {
  const places = new Map(entries.map((entry, place) => [entry.number, place]));
  const parents = entries.map((entry) => shownParent(session, entry, places));
  const { trunk, end } = trunkOf(session, parents, places);
  const taken = trunk.size ? [true] : [];
  const arriving = new Map();
  const lanes = [];
  const lines = [];
  const firstFree = () => {
    const free = taken.findIndex((isTaken) => !isTaken);
    return free < 0 ? taken.length : free;
  };
  entries.forEach((entry, place) => {
    const comers = arriving.get(place) ?? [];
    const lane = trunk.has(place) ? 0 : comers.length ? Math.min(...comers) : firstFree();
    for (const comer of comers) taken[comer] = comer === 0 && place < end;
    taken[lane] = true;
    lanes.push(lane);
    const { place: to, isFar, isGone } = parents[place];
    if (to !== null) pushTo(arriving, to, lane);
    else taken[lane] = lane === 0 && place < end;
    if (to !== null || isGone) lines.push({ from: place, to, lane, isFar: isFar || isGone, entry });
  });
  return { lanes, lines, width: taken.length };
};

const LANE = 18;
const LEFT = 30;
const RIGHT = 8;

/** Draws what of the lines and points is between two heights. */
class Graph {
  constructor() {
    this.node = drawn('svg', { class: 'graph', 'aria-hidden': 'true' });
  }

  /** `rows` know where they are, `lanesMax` how many lanes there is room for. */
  draw(rows, lines, first, last, lanesMax, active) {
    const x = (lane) => LEFT + Math.min(lane, lanesMax - 1) * LANE;
    const width = LEFT + RIGHT + (lanesMax - 1) * LANE;
    const [top, bottom] = [rows[first]?.top ?? 0, rows[last] ? rows[last].top + rows[last].height : 0];
    const nodes = lines
      .filter((line) => line.from <= last && (line.to ?? line.from) >= first)
      .map((line) => this.line(rows, line, x));
    for (let place = first; place <= last; place += 1) {
      const row = rows[place];
      if (row.entry) nodes.push(...this.point(row, x(row.lane), row === active));
    }
    this.node.setAttribute('viewBox', `0 ${top} ${width} ${Math.max(0, bottom - top)}`);
    this.node.setAttribute('width', width);
    this.node.setAttribute('height', Math.max(0, bottom - top));
    this.node.style.setProperty('top', `${top}px`);
    this.node.replaceChildren(...nodes);
    return width;
  }

  line(rows, { from, to, lane, isFar, colour, isLeft }, x) {
    const middle = (row) => row.top + row.height / 2;
    const [start, x0] = [middle(rows[from]), x(lane)];
    let path = `M${x0} ${start}`;
    let kind = 'edge';
    if (to === null) {
      path += `v${rows[from].height / 2}`;
    } else {
      const [end, x1] = [middle(rows[to]), x(rows[to].lane)];
      const bend = Math.max(start, end - 34);
      path += x0 === x1 ? `V${end}` : `V${bend}C${x0} ${end - 8} ${x1} ${bend + 10} ${x1} ${end}`;
      if (lane !== rows[to].lane) kind += ' fork';
    }
    if (isFar) kind += ' far';
    if (isLeft) kind += ' left';
    const node = drawn('path', { d: path, class: kind });
    node.style.setProperty('--c', colour);
    return node;
  }

  point(row, x, isActive) {
    const y = row.top + row.height / 2;
    const isHead = row.entry.heads.length > 0;
    const kind = `${isHead ? 'head' : ''} ${row.isLeft ? 'left' : ''} ${isActive ? 'active' : ''}`;
    const points = [drawn('circle', { cx: x, cy: y, r: isHead ? 7.5 : 5.5, class: `halo ${kind}` })];
    points.push(drawn('circle', { cx: x, cy: y, r: isHead ? 3.25 : 4.5, class: `point ${kind}` }));
    for (const point of points) point.style.setProperty('--c', row.colour);
    return points;
  }
}
