// What the page's address says: ?agency=…&region=…&lang=id|en&screen=1#complaint=…

const AGENCY = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const REGION = /^\d\d(\.\d\d(\.\d\d(\.\d{4})?)?)?$/;
const COMPLAINT = /^complaint_[a-z2-7]{26}$/;

/** The address, read. What is no agency's slug or region's code is as if it were not there. */
export function read(address, languages) {
  const asked = new URLSearchParams(address.search);
  const hash = new URLSearchParams(address.hash.slice(1));
  return {
    agency: matching(AGENCY, asked.get('agency')),
    region: matching(REGION, asked.get('region')),
    language: ['id', 'en'].includes(asked.get('lang')) ? asked.get('lang') : preferred(languages),
    chosen: asked.has('lang'),
    screen: asked.get('screen') === '1',
    complaint: matching(COMPLAINT, hash.get('complaint')),
  };
}

/** The address of a state, to be put into a link. */
export function write(state) {
  const asked = new URLSearchParams();
  if (state.screen) asked.set('screen', '1');
  if (state.agency) asked.set('agency', state.agency);
  if (state.region) asked.set('region', state.region);
  if (state.chosen) asked.set('lang', state.language);
  const query = asked.toString();
  return (query ? `?${query}` : './') + (state.complaint ? `#complaint=${state.complaint}` : '');
}

/** What an event is held against: whether the filters let it through. */
export function covers(state, agency, region) {
  if (state.agency && state.agency !== agency) return false;
  return !state.region || region === state.region || Boolean(region?.startsWith(`${state.region}.`));
}

function matching(pattern, value) {
  return value && pattern.test(value) ? value : null;
}

function preferred(languages) {
  const known = languages
    .map((each) => each.toLowerCase().split('-')[0])
    .find((each) => ['id', 'in', 'ms', 'en'].includes(each));
  return known === 'en' ? 'en' : 'id';
}
