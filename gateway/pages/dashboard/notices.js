// What the page says about itself: the band when the hub is silent, and notices.

import { make } from './dom.js';

/** Seconds without a word from the hub until the band shows. */
const SILENT = 10;
/** Milliseconds until a notice leaves by itself. */
const STAYS = 60_000;

/** The band with the age of the data. `heard(at)` for each word from the hub, in milliseconds since 1970. */
export function band(panel, page) {
  const { words } = page;
  const moment = make('strong');
  const age = make('span', { 'aria-hidden': 'true' });
  panel.append(moment, ' · ', age);
  let at = Date.now();

  function look() {
    const seconds = Math.floor((Date.now() - at) / 1000);
    panel.dataset.age = seconds;
    panel.hidden = seconds < SILENT;
    if (panel.hidden) return;
    moment.textContent = words.band(page.format.clock(at));
    age.textContent = words.bandAge(page.format.span(seconds));
  }

  setInterval(look, 1_000);
  return {
    heard(now) {
      at = Math.max(at, now);
      look();
    },
  };
}

/** Either of these makes the other old. */
const RECONNECTED = ['recovered', 'reloaded'];

/** Notices, one of each kind. */
export function notices(panel, page) {
  return (kind, sentence, { hooks = {}, action = null } = {}) => {
    for (const old of RECONNECTED.includes(kind) ? RECONNECTED : [kind])
      panel.querySelector(`[data-notice="${old}"]`)?.remove();
    const close = make('button', { type: 'button', class: 'quiet', 'aria-label': page.words.dismiss }, '×');
    const notice = make('p', { 'data-notice': kind, ...hooks }, make('span', {}, sentence), action, close);
    close.addEventListener('click', () => notice.remove());
    panel.append(notice);
    if (!action) setTimeout(() => notice.remove(), STAYS);
  };
}
