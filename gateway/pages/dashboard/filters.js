// What the page is about: the agency, the region, the language; in words and as choices.

import { write } from './address.js';
import { make } from './dom.js';

/** The parts of the page's head. Call it with agencies, provinces and `{ chosen, province, parts }`. */
export function filters(page) {
  const { words, state } = page;
  const find = (selector) => document.querySelector(selector);
  const form = find('[data-panel="filters"]');
  const agency = form.elements.agency;
  const region = form.elements.region;
  const clear = find('[data-action="clear"]');
  const language = find('[data-action="language"]');
  const screen = find('[data-action="screen"]');
  const scope = find('[data-scope]');

  document.documentElement.lang = state.language;
  document.body.classList.toggle('screen', state.screen);
  for (const element of document.querySelectorAll('[data-word]')) element.textContent = words[element.dataset.word];
  find('input[name="tracking"]').placeholder = words.searchHint;
  form.setAttribute('aria-label', words.filters);
  find('[data-panel="figures"]').setAttribute('aria-label', words.figures);
  const other = state.language === 'id' ? 'en' : 'id';
  language.lang = language.hreflang = other;

  form.addEventListener('submit', (event) => event.preventDefault());
  agency.addEventListener('change', () => page.go({ agency: agency.value || null }));
  region.addEventListener('change', () => page.go({ region: region.value || null }));

  const option = (value, text) => make('option', { value }, text);
  let shown = '';

  return ({ agencies, provinces, chosen, province, parts }) => {
    const names = [
      state.agency && page.agencyName(state.agency),
      state.region && (chosen?.name ?? state.region),
    ].filter(Boolean);
    scope.textContent = names.join(' · ') || words.everything;
    document.title = names.length ? `${scope.textContent} · ${words.title}` : words.title;
    clear.hidden = !names.length;
    language.href = write({ ...state, language: other, chosen: true });
    screen.href = write({ ...state, screen: true, complaint: null });

    const told = JSON.stringify([agencies.map(({ id }) => id), state.region]);
    if (told !== shown) {
      shown = told;
      agency.replaceChildren(
        option('', words.allAgencies),
        ...agencies.map(({ id }) => option(id, page.agencyName(id))),
      );
      const within =
        province &&
        make(
          'optgroup',
          { label: province.name },
          parts.map(({ code, name }) => option(code, name)),
        );
      region.replaceChildren(
        option('', words.allRegions),
        ...provinces.map(({ code, name }) => option(code, name)),
        ...(within ? [within] : []),
      );
      if (state.region && chosen && ![...region.options].some(({ value }) => value === state.region))
        region.append(option(state.region, chosen.name));
    }
    agency.value = state.agency ?? '';
    region.value = state.region ?? '';
  };
}
