/** Rows above and below the window that are there already. */
const SPARE = 8;
/** Rows that are printed. */
const PRINTED_MAX = 2000;

/** The first row that ends below a height. */
const rowAt = (rows, height) => {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].top + rows[middle].height > height) high = middle;
    else low = middle + 1;
  }
  return low;
};

/** The timeline. Only rows in sight are in the document, however many there are. */
class List {
  constructor(node, open) {
    this.node = node;
    this.open = open;
    this.graph = new Graph();
    this.canvas = element('div', { class: 'canvas', role: 'presentation' });
    this.rowsNode = element('div', { role: 'presentation' });
    const digits = String(data.up_to ?? 0).length;
    this.canvas.style.setProperty('--number', `${Math.max(46, 8 * (digits + 1))}px`);
    this.canvas.append(this.graph.node, this.rowsNode);
    this.active = null;
    this.isPrinting = false;
    node.replaceChildren(this.canvas);
    node.addEventListener('scroll', () => this.draw(), { passive: true });
    node.addEventListener('click', (event) => this.clicked(event));
    new ResizeObserver(() => this.draw()).observe(node);
  }

  /** Shows other rows, and stays at the active one if it is among them. */
  show({ rows, lines, width, found, height }) {
    Object.assign(this, { rows, lines, width, found });
    this.entries = rows.filter((row) => row.entry);
    this.canvas.style.setProperty('height', `${height}px`);
    const row = this.rowOf(this.active);
    if (!row) this.active = this.entries[0]?.entry.number ?? null;
    if (row) this.reveal(row);
    else this.node.scrollTop = 0;
    this.draw();
  }

  rowOf(number) {
    return this.entries.find((row) => row.entry.number === number) ?? null;
  }

  clicked(event) {
    const row = event.target.closest('[data-number]');
    if (row) this.open(Number(row.dataset.number));
  }

  /** Goes so many checkpoints on. */
  move(by) {
    const at = this.entries.findIndex((row) => row.entry.number === this.active);
    const row = this.entries[Math.max(0, Math.min(this.entries.length - 1, at + by))];
    if (row) this.activate(row.entry.number);
    return row?.entry.number ?? null;
  }

  /** How many checkpoints are in sight. */
  page() {
    return Math.max(1, Math.floor(this.node.clientHeight / HEIGHTS.entry) - 1);
  }

  activate(number) {
    this.active = number;
    const row = this.rowOf(number);
    if (row) this.reveal(row);
    this.draw();
  }

  reveal(row) {
    const [top, bottom] = [this.node.scrollTop, this.node.scrollTop + this.node.clientHeight];
    if (row.top < top + 8) this.node.scrollTop = row.top - 48;
    else if (row.top + row.height > bottom - 8) this.node.scrollTop = row.top + row.height - this.node.clientHeight + 48;
  }

  range() {
    if (this.isPrinting) return [0, Math.min(this.rows.length, PRINTED_MAX) - 1];
    const first = rowAt(this.rows, this.node.scrollTop);
    const last = rowAt(this.rows, this.node.scrollTop + this.node.clientHeight);
    return [Math.max(0, first - SPARE), Math.min(this.rows.length - 1, last + SPARE)];
  }

  draw() {
    if (!this.rows) return;
    const lanesMax = Math.min(this.width, this.node.clientWidth < 640 ? 6 : 16);
    const [first, last] = this.range();
    const active = this.rowOf(this.active);
    const width = this.graph.draw(this.rows, this.lines, first, last, lanesMax, active);
    this.canvas.style.setProperty('--graph', `${width}px`);
    const nodes = this.rows.slice(first, last + 1).map((row) => rowNode(row, this.entries.length));
    if (this.rows.length === 0) nodes.push(element('p', { class: 'empty' }, all.size === 0 ? 'No checkpoints yet.' : 'Nothing matches.'));
    this.rowsNode.replaceChildren(...nodes);
    const node = active && document.getElementById(`row-${this.active}`);
    node?.setAttribute('aria-selected', 'true');
    if (node) this.node.setAttribute('aria-activedescendant', node.id);
    else this.node.removeAttribute('aria-activedescendant');
  }

  print(isPrinting) {
    this.isPrinting = isPrinting;
    const end = this.rows[Math.min(this.rows.length, PRINTED_MAX) - 1];
    const height = isPrinting ? end : this.rows.at(-1);
    this.canvas.style.setProperty('height', `${height ? height.top + height.height : 0}px`);
    this.draw();
  }
}
