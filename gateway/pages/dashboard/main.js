/*
The dashboard: what it is made of, and who tells whom.

Hooks for tests and scripts; they stay when words and looks change:
  html[data-ready]                  the first answer is shown
  html[data-stream]                 live | connecting; html[data-role] lead | follow | alone (who holds the socket)
  [data-panel]                      figures feed status agencies map health overdue journey search filters connection
                                    band notice
  figures  [data-figure=open|overdue|ended|total][data-count]
  feed     li[data-cursor][data-complaint][data-agency][data-kind][data-version][data-from][data-to]  (newest first;
           data-cursor is absent on rows that came with the first answer; corrections
                                    make no row, they change those that are there); button[data-action=pause]
  status   tr[data-status][data-count][data-overdue]
  agencies tr[data-agency][data-count][data-open][data-overdue]
  map      svg[data-measure=open|overdue] a[data-region][data-open][data-overdue][data-step=0..5]; a[data-action=up];
           input[name=measure][value=open|overdue]; details table tr[data-region]
  health   li[data-agency][data-state][data-stale][data-error]
  overdue  li[data-complaint][data-agency]; [data-count] on the panel: all of them
  journey  dialog[data-complaint][data-steps]; li[data-kind][data-agency]; [data-action=close]
  search   form, input[name=tracking]; filters: select[name=agency|region], a[data-action=language]
  connection [data-state=live|connecting]
  band     [hidden] unless nothing was heard for 10 s; [data-age] seconds
  links    a[data-go="agency=…&region=…&complaint=…"]: what a click changes in the address
  notice   p[data-notice=recovered|reloaded|version|error][data-recovered]
*/

import { covers, read, write } from './address.js';
import { make, painter } from './dom.js';
import { feed, rowOfComplaint, rowOfEvent } from './feed.js';
import { ENDED, byAgency, byStatus, totals } from './figures.js';
import { BASICS, COUNTS, REGION, SNAPSHOT, ask } from './graph.js';
import { journey } from './journey.js';
import { live } from './live.js';
import { map } from './map.js';
import { band, notices } from './notices.js';
import { overdue } from './overdue.js';
import { filters } from './filters.js';
import { health } from './sources.js';
import { formats } from './times.js';
import { watchVersion } from './version.js';
import english from './words.en.js';
import indonesian from './words.id.js';

/** Milliseconds: between two counts while events come, and while none do (ages of the sources go on). */
const COUNT = 1_000;
const RECOUNT = 10_000;
const TOGETHER = 100;
/** Changes shown before the first event comes. */
const RECENT = 40;

const root = document.documentElement;
const state = read(location, navigator.languages);
const names = new Map(); // of enum values, by enum
const agencies = new Map();
let provinces = [];

const page = {
  state,
  words: state.language === 'en' ? english : indonesian,
  format: formats(state.language),
  paint: painter(),
  label: (enumName, value) => names.get(enumName)?.get(value) ?? value,
  values: (enumName) => [...(names.get(enumName)?.keys() ?? [])],
  agencyFullName: (id) => agencies.get(id)?.name ?? id,
  agencyName: (id) =>
    page.agencyFullName(id).replace(/^Pemerintah (?:Daerah (?=Daerah ))?(?=Daerah|Provinsi|Kabupaten|Kota)/, ''),
  /** Attributes of a link that changes what the page shows. */
  aim: (changes) => ({ href: write({ ...state, ...changes }), 'data-go': new URLSearchParams(changes) }),
  go,
};

const panel = (name) => document.querySelector(`[data-panel="${name}"]`);
const notice = notices(panel('notice'), page);
const panels = {
  figures: totals(panel('figures'), page),
  feed: feed(panel('feed'), page),
  status: byStatus(panel('status'), page),
  agencies: byAgency(panel('agencies'), page),
  map: map(panel('map'), page),
  health: health(panel('health'), page),
  overdue: overdue(panel('overdue'), page),
  journey: journey(panel('journey'), page),
  band: band(panel('band'), page),
  filters: filters(page),
};

// ---------------------------------------------------------------- what is asked

const basics = once(async () => {
  const { labels, regions, agencies: all } = await ask(BASICS, { language: state.language.toUpperCase() });
  for (const agency of all) agencies.set(agency.id, agency);
  for (const { enumName, value, label } of labels) {
    if (!names.has(enumName)) names.set(enumName, new Map());
    names.get(enumName).set(value, label);
  }
  provinces = regions;
});

const partsOf = new Map();

/** Where the map looks: at the chosen region, else where the chosen agency is at home. */
function focus() {
  return state.region ?? agencies.get(state.agency)?.regionCode ?? null;
}

/** The provinces, or what the one in focus is made of: `{ chosen, province, parts }`. */
async function places() {
  const code = focus();
  if (!code) return { chosen: null, province: null, parts: provinces };
  if (!partsOf.has(code)) {
    const own = await ask(REGION, { code });
    const whole = code.length === 2 ? own : await ask(REGION, { code: code.slice(0, 2) });
    partsOf.set(code, { chosen: own.region, province: whole.region, parts: whole.regions });
  }
  return partsOf.get(code);
}

/** The variables of whatever is counted. */
function asked() {
  const ofAgency = state.agency ? { agencies: [state.agency] } : {};
  const filter = state.region ? { ...ofAgency, regionCode: state.region } : ofAgency;
  const open = page.values('ComplaintStatus').filter((status) => !ENDED.has(status));
  const province = focus()?.slice(0, 2);
  return {
    filter,
    late: { ...filter, overdue: true },
    places: { ...ofAgency, ...(province && { regionCode: province }), statuses: open },
    dimension: [province ? 'REGENCY' : 'PROVINCE'],
  };
}

/** Everything, anew. Answers the cursor that it is true for. */
async function load() {
  await basics();
  const found = await places();
  const data = await ask(SNAPSHOT, { ...asked(), recent: RECENT });
  show(data, found);
  panels.feed.set(data.recent.nodes.map(rowOfComplaint));
  panels.journey.refresh();
  if (!root.dataset.ready) {
    root.dataset.ready = 'true';
    panels.journey.show(state.complaint);
  }
  return data.asOf;
}

function show(data, found) {
  agencies.clear();
  for (const agency of data.agencies) agencies.set(agency.id, agency);
  panels.figures(data.counts);
  panels.status(data.counts);
  panels.agencies(data.counts, data.agencies);
  panels.health(data.agencies);
  panels.overdue.set(data.late);
  const counts = new Map(
    data.places.map(({ region, count, overdue: late }) => [region?.code, { open: count, overdue: late ?? 0 }]),
  );
  panels.map.set({ ...found, counts, nowhere: counts.get(undefined) });
  panels.filters({ agencies: data.agencies, provinces, ...found });
}

function showHealth() {
  panels.health([...agencies.values()]);
}

/** Counts follow events, once a second at most, and only where somebody looks. */
const recount = every(COUNT, async () => {
  const variables = asked();
  const [data, found] = await Promise.all([ask(COUNTS, variables), places()]);
  if (JSON.stringify(asked()) === JSON.stringify(variables)) show(data, found);
});

setInterval(() => recount(), RECOUNT);
document.addEventListener('visibilitychange', () => recount.look());

// ---------------------------------------------------------------- what is told

const version = watchVersion((changed) => {
  const again = make('button', { type: 'button' }, page.words.reload);
  again.addEventListener('click', () => location.reload());
  if (state.screen) location.reload();
  else notice('version', page.words.newVersion, { action: again, hooks: { 'data-version': changed } });
}, state.screen);

const reload = live({
  load,
  event(frame) {
    panels.journey.touch(frame);
    if (!frame.complaint) {
      panels.feed.drop(frame.complaintId);
      panels.overdue.drop(frame.complaintId);
      recount();
      return false;
    }
    const ours = covers(state, frame.agency.id, frame.complaint.incidentLocation?.regionCode);
    // A correction may have moved it out of what this page shows.
    if (ours || frame.kind === 'CORRECTED') recount();
    if (frame.kind !== 'CORRECTED') return ours && panels.feed.add(rowOfEvent(frame));
    // No news of its own: it mends what is on show.
    panels.feed.correct(frame);
    return ours;
  },
  health({ id, source }) {
    const agency = agencies.get(id);
    if (!agency) return;
    agency.source = source;
    page.paint(showHealth);
  },
  state(now, heardAt) {
    const told = now ? 'live' : 'connecting';
    if (heardAt) panels.band.heard(heardAt);
    if (root.dataset.stream === told) return;
    root.dataset.stream = panel('connection').dataset.state = told;
    panel('connection').textContent = now ? page.words.live : page.words.connecting;
    recount.hold(!now);
    if (now) version.check();
  },
  role(name) {
    root.dataset.role = name;
  },
  recovered(count) {
    notice('recovered', page.words.recovered(page.format.minute(Date.now()), count), {
      hooks: { 'data-recovered': count },
    });
  },
  reloaded(gap) {
    notice('reloaded', page.words.reloaded(page.format.minute(Date.now()), page.label('GapReason', gap)));
  },
});

// ---------------------------------------------------------------- where the reader goes

/** Changes what the page shows, and its address with it. */
function go(changes) {
  const address = write({ ...state, ...changes });
  if (address !== write(state)) history.pushState(null, '', address);
  follow();
}

/** Shows what the address says. */
function follow() {
  const before = { ...state };
  const { agency, region, complaint } = read(location, navigator.languages);
  Object.assign(state, { agency, region, complaint });
  if (agency !== before.agency || region !== before.region) {
    for (const link of document.querySelectorAll('[data-go]')) link.setAttribute('href', page.aim(going(link)).href);
    reload();
  }
  if (complaint !== before.complaint) panels.journey.show(complaint);
}

function going(link) {
  const changes = Object.fromEntries(new URLSearchParams(link.dataset.go));
  return Object.fromEntries(Object.entries(changes).map(([name, value]) => [name, value === 'null' ? null : value]));
}

document.addEventListener('click', (event) => {
  const link = event.target.closest?.('[data-go]');
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(going(link));
});
panel('search').addEventListener('submit', (event) => {
  event.preventDefault();
  const number = new FormData(event.target).get('tracking').trim();
  if (number) panels.journey.find(number);
});
addEventListener('popstate', follow);
addEventListener('hashchange', follow);
addEventListener('pageshow', ({ persisted }) => persisted && location.reload());

// ---------------------------------------------------------------- small things

/** Does a thing until it has worked once. */
function once(work) {
  let done = null;
  return () =>
    (done ??= work().catch((error) => {
      done = null;
      throw error;
    }));
}

/** Does a thing at most every so many milliseconds, while it is not held and the page is seen; none is forgotten. */
function every(pause, work) {
  let due = false;
  let held = true;
  let busy = false;
  let timer = 0;
  let ranAt = -pause;

  async function run() {
    timer = 0;
    if (held || busy || document.hidden) return;
    due = false;
    busy = true;
    ranAt = performance.now();
    try {
      await work();
    } catch {
      due = true;
    }
    busy = false;
    if (due) look();
  }
  function look() {
    // Not at once: what comes together is counted together.
    if (due && !timer && !busy) timer = setTimeout(run, Math.max(TOGETHER, ranAt + pause - performance.now()));
  }
  return Object.assign(
    () => {
      due = true;
      look();
    },
    {
      look,
      hold(now) {
        held = now;
        look();
      },
    },
  );
}
