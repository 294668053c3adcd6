'use strict';
(() => {
  const table = document.getElementById('table');
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const query = document.getElementById('query');
  const flags = ['missed', 'noisy', 'limited'].map((name) => document.getElementById(name));
  const shown = document.getElementById('shown');
  const filter = () => {
    const words = query.value.toLowerCase().split(/\s+/).filter((word) => word !== '');
    const wanted = flags.filter((box) => box.checked).map((box) => box.id);
    let count = 0;
    for (const row of rows) {
      const text = `${row.cells[0].textContent}/${row.cells[1].textContent} ${row.cells[10].textContent}`.toLowerCase();
      const has = row.dataset.flags.split(' ');
      row.hidden = !(words.every((word) => text.includes(word)) && wanted.every((flag) => has.includes(flag)));
      count += row.hidden ? 0 : 1;
    }
    shown.textContent = `${count} of ${rows.length} rows`;
  };
  const key = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
  };
  const compare = (one, other) => {
    // What has no figure comes last in either order.
    if (typeof one !== typeof other) return typeof one === 'number' ? -1 : 1;
    return typeof one === 'number' ? one - other : one.localeCompare(other, 'en', { numeric: true });
  };
  Array.from(table.tHead.rows[0].cells).forEach((heading, column, headings) => {
    heading.firstElementChild.addEventListener('click', () => {
      const down = heading.getAttribute('aria-sort') === 'ascending';
      for (const other of headings) other.removeAttribute('aria-sort');
      heading.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      const sorted = rows.map((row, place) => [key(row, column), place, row]);
      sorted.sort(([one, a], [other, b]) => {
        const order = compare(one, other);
        return (down && typeof one === typeof other ? -order : order) || a - b;
      });
      body.append(...sorted.map((entry) => entry[2]));
    });
  });
  query.addEventListener('input', filter);
  query.form.addEventListener('submit', (event) => event.preventDefault());
  for (const box of flags) box.addEventListener('change', filter);
  filter();
  document.documentElement.dataset.ready = 'true';
})();
