// Counts as the graph gives them: in all, by status, by agency.

import { make, reconcile } from './dom.js';

/** States from which a complaint goes nowhere by itself: it bears a date of closing. */
export const ENDED = new Set(['CLOSED', 'ARCHIVED', 'REJECTED', 'DUPLICATE']);

/** The four large numbers. */
export function totals(panel, page) {
  const { words } = page;
  const numbers = {};
  for (const name of ['open', 'overdue', 'ended', 'total']) {
    numbers[name] = make('dd', { 'data-figure': name });
    panel.append(make('div', { class: `figure figure-${name}` }, make('dt', {}, words[name]), numbers[name]));
  }
  return (counts) => {
    const sums = sum(counts);
    for (const [name, element] of Object.entries(numbers)) {
      element.dataset.count = sums[name];
      element.textContent = page.format.number(sums[name]);
    }
  };
}

/** Complaints per status: those that are open, then those that have ended, each on a scale of its own. */
export function byStatus(panel, page) {
  const { words } = page;
  const bodies = { open: make('tbody'), ended: make('tbody') };
  const heads = {};
  const parts = Object.entries(bodies).map(([name, body]) => {
    heads[name] = make('td', { class: 'amount' });
    const head = make('tr', {}, make('th', { scope: 'rowgroup', colspan: 2 }, words[name]), heads[name], make('td'));
    return [make('tbody', { class: 'group' }, head), body];
  });
  panel.append(
    make('header', {}, make('h2', {}, words.status)),
    table(words.status, [words.status, '', words.count, words.overdue], parts),
  );

  return (counts) => {
    const rows = new Map(
      page.values('ComplaintStatus').map((status) => [status, { key: status, count: 0, overdue: 0 }]),
    );
    for (const { status, count, overdue } of counts) {
      const row = rows.get(status) ?? { key: status, count: 0, overdue: 0 };
      row.count += count;
      row.overdue += overdue ?? 0;
      rows.set(status, row);
    }
    const sums = sum(counts);
    for (const name of ['open', 'ended']) {
      const found = [...rows.values()].filter(
        ({ key }) => ENDED.has(key) === (name === 'ended') && (key !== 'UNMAPPED' || rows.get(key).count),
      );
      const most = Math.max(1, ...found.map(({ count }) => count));
      heads[name].textContent = page.format.number(sums[name]);
      reconcile(bodies[name], found, statusRow);
      found.forEach((row, index) => refresh(bodies[name].children[index], row, most));
    }
  };

  function statusRow({ key }) {
    const name = make('span', { class: 'chip', 'data-status': key }, page.label('ComplaintStatus', key));
    return make(
      'tr',
      { 'data-status': key },
      make('th', { scope: 'row' }, name),
      bar(),
      make('td', { class: 'amount' }),
      make('td', { class: 'amount late' }),
    );
  }

  function refresh(element, { count, overdue }, most) {
    fillRow(element, { count, overdue, shown: count }, most, page);
    element.dataset.count = count;
  }
}

/** Complaints per agency: what is open, and what of it is overdue. */
export function byAgency(panel, page) {
  const { words } = page;
  const body = make('tbody');
  const columns = [words.agency, '', words.open, words.overdue, words.total];
  panel.append(make('header', {}, make('h2', {}, words.agencies)), table(words.agencies, columns, [body], false));

  return (counts, agencies) => {
    const rows = new Map(agencies.map(({ id }) => [id, { key: id, open: 0, overdue: 0, count: 0 }]));
    for (const { agency, status, count, overdue } of counts) {
      const row = rows.get(agency?.id);
      if (!row) continue;
      row.count += count;
      row.overdue += overdue ?? 0;
      if (!ENDED.has(status)) row.open += count;
    }
    const found = [...rows.values()].filter(({ key }) => !page.state.agency || key === page.state.agency);
    const most = Math.max(1, ...found.map(({ open }) => open));
    reconcile(body, found, agencyRow);
    found.forEach((row, index) => {
      const element = body.children[index];
      fillRow(element, { ...row, shown: row.open }, most, page);
      element.lastElementChild.textContent = page.format.number(row.count);
      Object.assign(element.dataset, { count: row.count, open: row.open });
    });
  };

  function agencyRow({ key }) {
    const name = make('a', { ...page.aim({ agency: key }), title: page.agencyFullName(key) }, page.agencyName(key));
    const amounts = ['amount', 'amount late', 'amount all'].map((kind) => make('td', { class: kind }));
    return make('tr', { 'data-agency': key }, make('th', { scope: 'row' }, name), bar(), ...amounts);
  }
}

function sum(counts) {
  const sums = { open: 0, overdue: 0, ended: 0, total: 0 };
  for (const { status, count, overdue } of counts) {
    sums.total += count;
    sums.overdue += overdue ?? 0;
    sums[ENDED.has(status) ? 'ended' : 'open'] += count;
  }
  return sums;
}

function table(caption, columns, bodies, quiet = true) {
  const cells = columns.map((name) => make(name ? 'th' : 'td', name ? { scope: 'col' } : {}, name));
  return make(
    'table',
    { class: 'bars' },
    make('caption', { class: 'hidden' }, caption),
    make('thead', { class: quiet ? 'hidden-head' : null }, make('tr', {}, cells)),
    bodies,
  );
}

function bar() {
  return make(
    'td',
    { class: 'bar', 'aria-hidden': 'true' },
    make('span', { class: 'part' }),
    make('span', { class: 'part late' }),
  );
}

function fillRow(element, { shown, overdue }, most, page) {
  const [whole, late] = element.querySelectorAll('.part');
  // The late part lies over the whole; by CSSOM, since the policy of the page allows no style attributes.
  whole.style.width = `${(100 * shown) / most}%`;
  late.style.width = `${(100 * overdue) / most}%`;
  const [amount, lateAmount] = element.querySelectorAll('.amount');
  amount.textContent = page.format.number(shown);
  lateAmount.textContent = overdue ? page.format.number(overdue) : '–';
  lateAmount.classList.toggle('late', overdue > 0);
  element.dataset.overdue = overdue;
}
