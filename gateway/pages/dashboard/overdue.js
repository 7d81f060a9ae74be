// What has waited longest beyond its due moment.

import { make, reconcile, time } from './dom.js';

/** The panel; call it with the answer's page of overdue complaints. */
export function overdue(panel, page) {
  const { words } = page;
  const list = make('ol', { class: 'late-list' });
  const rest = make('p', { class: 'rest' });
  panel.append(make('header', {}, make('h2', {}, words.late)), list, rest);
  let shown = [];
  let total = 0;

  function render() {
    panel.dataset.count = total;
    reconcile(
      list,
      shown.map((row) => ({ ...row, key: `${row.id}:${row.status}` })),
      build,
    );
    rest.textContent =
      total === 0
        ? words.allInTime
        : total > shown.length
          ? words.lateMore(page.format.number(total - shown.length))
          : '';
  }

  function build(row) {
    const late = row.dueAt && words.lateBy(page.format.days(page.format.daysSince(row.dueAt)));
    return make(
      'li',
      { 'data-complaint': row.id, 'data-agency': row.agency.id },
      make('a', page.aim({ complaint: row.id }), row.title ?? words.noTitle),
      make(
        'p',
        { class: 'event-where' },
        late && time(row.dueAt, late, page.format.full(row.dueAt)),
        make('span', {}, page.agencyName(row.agency.id)),
        make('span', { class: 'chip', 'data-status': row.status }, page.label('ComplaintStatus', row.status)),
      ),
    );
  }

  return {
    set({ totalCount, nodes }) {
      total = totalCount;
      shown = nodes;
      render();
    },
    drop(complaintId) {
      shown = shown.filter(({ id }) => id !== complaintId);
      render();
    },
  };
}
