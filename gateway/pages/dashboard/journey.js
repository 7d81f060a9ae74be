// One complaint's way through all systems, and the search that leads there.

import { make, refill, time, webAddress } from './dom.js';
import { GraphError, JOURNEY, ask } from './graph.js';

/** The dialog. `show(id)` opens or closes it, `find(trackingId)` searches, `touch(frame)` keeps it current. */
export function journey(dialog, page) {
  const { words } = page;
  const title = make('h2', { id: 'journey-title' }, words.journey);
  const close = make('button', { type: 'button', class: 'quiet', 'data-action': 'close' }, words.close);
  const content = make('div', { class: 'journey', tabindex: '-1' });
  dialog.append(make('header', {}, title, close), content);
  dialog.setAttribute('aria-labelledby', 'journey-title');

  let asked = 0; // only the newest question may answer
  let members = new Set();

  close.addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => page.go({ complaint: null }));
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());

  async function load(variables, quietly = false) {
    const turn = ++asked;
    if (!quietly) say(words.loading);
    try {
      const { complaint } = await ask(JOURNEY, { ...variables, language: page.state.language.toUpperCase() });
      if (turn !== asked) return;
      if (complaint) render(complaint);
      else forget(words.notFound);
    } catch (error) {
      if (turn !== asked || quietly) return;
      if (error instanceof GraphError && error.code === 'AMBIGUOUS_TRACKING_ID')
        choose(variables.trackingId, error.extensions.agencies ?? []);
      else say(error instanceof GraphError ? words.notFound : words.noAnswer);
    }
  }

  function say(sentence) {
    title.textContent = words.journey;
    content.replaceChildren(make('p', { class: 'said', role: 'status' }, sentence));
  }

  function forget(sentence) {
    members = new Set();
    delete dialog.dataset.steps;
    say(sentence);
  }

  function choose(trackingId, agencies) {
    const buttons = agencies.map((agency) => {
      const button = make('button', { type: 'button', 'data-agency': agency }, page.agencyName(agency));
      button.addEventListener('click', () => load({ trackingId, agency }));
      return make('li', {}, button);
    });
    say(words.whichAgency);
    content.append(make('ul', { class: 'choices' }, buttons));
  }

  function render(complaint) {
    const { journey: way } = complaint;
    members = new Set(way.complaints.map(({ id }) => id));
    title.textContent = complaint.title ?? words.noTitle;
    Object.assign(dialog.dataset, { complaint: complaint.id, steps: way.steps.length });
    refill(
      content,
      make(
        'p',
        { class: 'journey-state' },
        chip(complaint.status),
        complaint.overdue && make('strong', { class: 'late' }, words.overdue),
      ),
      facts(complaint),
      complaint.text &&
        make('details', { class: 'text' }, make('summary', {}, words.content), make('p', {}, complaint.text)),
      make('h3', {}, words.steps),
      way.hops > 0 &&
        make(
          'p',
          { class: 'hops' },
          words.hops(way.hops),
          way.bouncing && make('strong', { class: 'late' }, words.bouncing),
        ),
      make(
        'ol',
        { class: 'steps' },
        way.steps.map((each) => step(each, way.complaints.length > 1)),
      ),
    );
    page.go({ complaint: complaint.id });
  }

  function facts(complaint) {
    const { region } = complaint.incidentLocation ?? {};
    const address = webAddress(complaint.url);
    const rows = [
      [words.agency, complaint.agency.name],
      [words.tracking, make('span', { class: 'number' }, complaint.trackingId)],
      [words.nativeStatus, complaint.nativeStatus?.label],
      [words.reason, complaint.statusReason],
      [words.category, complaint.category?.name],
      [words.place, region && [region.name, region.parent?.name].filter(Boolean).join(', ')],
      [words.submitted, moment(complaint.submittedAt)],
      [words.due, complaint.dueAt && moment(complaint.dueAt)],
      ['', address && make('a', { href: address, rel: 'noreferrer noopener', target: '_blank' }, words.original)],
    ];
    return make(
      'dl',
      { class: 'facts' },
      rows
        .filter(([, value]) => value)
        .map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, value))),
    );
  }

  function step(each, several) {
    const actor =
      each.actor &&
      [
        words.by,
        each.actor.agency ? page.agencyName(each.actor.agency.id) : page.label('ActorRole', each.actor.role),
      ].join(' ');
    return make(
      'li',
      { 'data-kind': each.kind, 'data-agency': each.agency.id, 'data-to': each.toStatus },
      make('p', { class: 'step-what' }, what(each)),
      make(
        'p',
        { class: 'step-who' },
        moment(each.occurredAt),
        make('span', {}, page.agencyName(each.agency.id)),
        several && make('span', { class: 'number' }, each.complaint.trackingId),
        actor && make('span', {}, actor),
      ),
      each.note && make('p', { class: 'note' }, each.note),
    );
  }

  function what(each) {
    if (each.toStatus) return [each.fromStatus && [chip(each.fromStatus), ' → '], chip(each.toStatus)];
    if (each.kind === 'TRANSFERRED' && each.toAgency) return `${words.transferredTo} ${each.toAgency.name}`;
    if (each.followUpKind) return page.label('FollowUpKind', each.followUpKind);
    return page.label('JourneyStepKind', each.kind);
  }

  function chip(status) {
    return make('span', { class: 'chip', 'data-status': status }, page.label('ComplaintStatus', status));
  }

  function moment(iso) {
    return time(iso, page.format.recent(iso), page.format.full(iso));
  }

  function reveal() {
    if (!dialog.open) dialog.showModal();
  }

  return {
    show(id) {
      if (!id) {
        asked += 1;
        members = new Set();
        delete dialog.dataset.complaint;
        if (dialog.open) dialog.close();
        return;
      }
      reveal();
      if (!members.has(id) || dialog.dataset.complaint !== id) load({ id });
    },
    find(trackingId) {
      reveal();
      forget(words.loading);
      load({ trackingId });
    },
    touch({ complaintId, complaint }) {
      if (!dialog.open || !members.has(complaintId)) return;
      if (complaintId === dialog.dataset.complaint && !complaint) forget(words.removed);
      else load({ id: dialog.dataset.complaint }, true);
    },
    refresh() {
      if (dialog.open && dialog.dataset.complaint) load({ id: dialog.dataset.complaint }, true);
    },
  };
}
