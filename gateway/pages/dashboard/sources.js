// Agencies' systems: how each does, how old what it told is, and since when what is wrong.

import { make, reconcile, refill, time } from './dom.js';

/** The panel; call it with all agencies whenever one of them changed. */
export function health(panel, page) {
  const { words } = page;
  const list = make('ul', { class: 'sources' });
  panel.append(make('header', {}, make('h2', {}, words.health)), list);

  return (agencies) => {
    const shown = agencies.filter(({ id }) => !page.state.agency || id === page.state.agency);
    reconcile(
      list,
      shown.map((agency) => ({ ...agency, key: agency.id })),
      build,
      refresh,
    );
  };

  function build(agency) {
    return refresh(make('li'), agency);
  }

  function refresh(item, { id, source }) {
    const told = JSON.stringify(source);
    if (item.dataset.told === told) return item;
    Object.assign(item.dataset, {
      agency: id,
      state: source.state,
      stale: source.stale,
      error: source.error?.code ?? '',
      told,
    });
    return refill(
      item,
      make('span', { class: 'lamp', 'data-state': source.state, 'aria-hidden': 'true' }),
      make('span', { class: 'source-name', title: page.agencyFullName(id) }, page.agencyName(id)),
      make('span', { class: 'source-age' }, age(source)),
      make('span', { class: 'source-state' }, page.label('SourceState', source.state)),
      source.error &&
        make(
          'p',
          { class: 'source-error' },
          source.error[page.state.language],
          ' ',
          words.since(page.format.recent(source.error.since)),
        ),
    );
  }

  function age(source) {
    if (!source.asOf) return [words.neverRead];
    const at = time(source.asOf, page.format.recent(source.asOf), page.format.full(source.asOf));
    return source.lagSeconds ? [at, ' · ', words.lag(page.format.span(source.lagSeconds))] : [at];
  }
}
