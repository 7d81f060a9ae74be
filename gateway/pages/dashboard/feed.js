// The newest events, newest first. Never more rows than can be looked through.

import { make, reconcile, time } from './dom.js';

const ROWS = 40;
const ROWS_ON_SCREEN = 10;
/** Milliseconds between two summaries for screen readers. */
const SUMMARY = 15_000;

/** The row of an event. */
export function rowOfEvent(frame) {
  return {
    key: `${frame.complaintId}:${frame.version}`,
    cursor: frame.cursor,
    complaintId: frame.complaintId,
    version: frame.version,
    kind: frame.kind,
    agency: frame.agency.id,
    trackingId: frame.complaint.trackingId,
    title: frame.complaint.title,
    at: frame.occurredAt,
    from: frame.fromStatus ?? null,
    to: frame.kind === 'SUBMITTED' ? frame.complaint.status : (frame.toStatus ?? null),
    native: frame.nativeStatus?.label ?? null,
    detail: frame.disposition?.toAgency.name ?? frame.followUp?.kind ?? frame.clock?.kind ?? null,
    fresh: true,
  };
}

/** The row of a complaint in the first answer: its last move stands for what has happened to it. */
export function rowOfComplaint(node) {
  const [step] = node.timeline;
  return {
    key: `${node.id}:${node.version}`,
    cursor: null,
    complaintId: node.id,
    version: node.version,
    kind: step?.fromStatus ? 'STATUS_CHANGED' : 'SUBMITTED',
    agency: node.agency.id,
    trackingId: node.trackingId,
    title: node.title,
    at: step?.occurredAt ?? node.updatedAt,
    from: step?.fromStatus ?? null,
    to: step?.toStatus ?? node.status,
    native: step?.nativeStatus?.label ?? null,
    detail: null,
    fresh: false,
  };
}

/**
 * The panel. `set` takes the rows of the first answer, `add` an event's, `correct` what a correction changed in rows that
 * are there, `drop` what may no longer be shown.
 */
export function feed(panel, page) {
  const { words } = page;
  const most = page.state.screen ? ROWS_ON_SCREEN : ROWS;
  const list = make('ol', { class: 'feed-list', tabindex: page.state.screen ? null : 0, 'aria-label': words.feed });
  const button = make(
    'button',
    { type: 'button', class: 'quiet', 'data-action': 'pause', 'aria-pressed': 'false' },
    words.pause,
  );
  const empty = make('p', { class: 'rest', hidden: true }, words.nothingYet);
  const summary = make('p', { class: 'hidden', role: 'status', 'aria-live': 'polite' });
  panel.append(make('header', {}, make('h2', {}, words.feed), button), list, empty, summary);

  let rows = [];
  let held = null; // the rows that stay on show while paused
  let missed = 0;
  let untold = 0;
  let toldAt = performance.now();

  button.addEventListener('click', () => {
    held = held ? null : rows;
    missed = 0;
    page.paint(render);
  });

  function render() {
    button.setAttribute('aria-pressed', String(held !== null));
    button.textContent = held === null ? words.pause : missed ? words.resumeWith(missed) : words.resume;
    reconcile(list, held ?? rows, (row) => line(row, page), retitle);
    empty.hidden = (held ?? rows).length > 0;
  }

  function retitle(element, { title }) {
    const link = element.querySelector('a');
    const text = title ?? words.noTitle;
    if (link.textContent !== text) link.textContent = text;
  }

  function tell() {
    if (!untold || performance.now() - toldAt < SUMMARY) return;
    const [last] = rows;
    const latest = last ? `${page.agencyName(last.agency)}, ${last.trackingId}: ${what(last, page)}` : '';
    summary.textContent = `${words.newEvents(untold)} ${latest}`;
    untold = 0;
    toldAt = performance.now();
  }
  setInterval(tell, SUMMARY / 3);

  return {
    set(found) {
      rows = found.slice(0, most);
      held = null;
      missed = untold = 0;
      page.paint(render);
    },
    /** False if the first answer held it already. */
    add(row) {
      if (rows.some((each) => each.complaintId === row.complaintId && each.version >= row.version && !each.fresh))
        return false;
      rows = [row, ...rows.filter((each) => each.key !== row.key)].slice(0, most);
      untold += 1;
      if (held) missed += 1;
      page.paint(render);
      return true;
    },
    correct({ complaintId, complaint }) {
      const corrected = (row) =>
        row.complaintId === complaintId ? { ...row, title: complaint.title, trackingId: complaint.trackingId } : row;
      rows = rows.map(corrected);
      held &&= held.map(corrected);
      page.paint(render);
    },
    drop(complaintId) {
      const others = (all) => all.filter((each) => each.complaintId !== complaintId);
      rows = others(rows);
      held &&= others(held);
      page.paint(render);
    },
  };
}

function line(row, page) {
  const hooks = {
    'data-complaint': row.complaintId,
    'data-agency': row.agency,
    'data-kind': row.kind,
    'data-version': row.version,
    'data-cursor': row.cursor,
    'data-from': row.from,
    'data-to': row.to,
  };
  return make(
    'li',
    { class: row.fresh ? 'event fresh' : 'event', ...hooks },
    make(
      'p',
      { class: 'event-head' },
      time(row.at, page.format.recent(row.at), page.format.full(row.at)),
      move(row, page),
    ),
    make(
      'p',
      { class: 'event-title' },
      make('a', page.aim({ complaint: row.complaintId }), row.title ?? page.words.noTitle),
    ),
    make(
      'p',
      { class: 'event-where' },
      make('span', {}, page.agencyName(row.agency)),
      make('span', { class: 'number' }, row.trackingId),
    ),
  );
}

/** What happened, with the canonical states as chips and the agency's own word in the tooltip. */
function move(row, page) {
  if (!row.to)
    return make('span', { class: 'move' }, make('span', { class: 'kind', 'data-kind': row.kind }, what(row, page)));
  const chip = (status, title) =>
    make('span', { class: 'chip', 'data-status': status, title }, page.label('ComplaintStatus', status));
  const from = row.from
    ? [chip(row.from), make('span', { class: 'arrow', 'aria-hidden': 'true' }, '→')]
    : [make('span', { class: 'kind' }, page.words.created)];
  return make('span', { class: 'move' }, from, chip(row.to, row.native && `${page.words.nativeStatus}: ${row.native}`));
}

function what(row, page) {
  if (row.to) return page.label('ComplaintStatus', row.to);
  if (row.kind === 'TRANSFERRED' && row.detail) return `${page.words.transferredTo} ${row.detail}`;
  if (row.kind === 'FOLLOW_UP_ADDED' && row.detail) return page.label('FollowUpKind', row.detail);
  if (row.kind === 'CLOCK_BREACHED' && row.detail)
    return `${page.label('EventKind', row.kind)}: ${page.label('ClockKind', row.detail)}`;
  return page.label('EventKind', row.kind);
}
