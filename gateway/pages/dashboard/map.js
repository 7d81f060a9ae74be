// The tile map: provinces, and within a province its regencies and cities.

import { draw, make, reconcile, refill } from './dom.js';
import { provinces, regencies, stepOf, steps } from './tiles.js';

const NARROW = 560;
const GAP = 3;
const HEIGHT = 48;
const WIDTH = { province: 48, regency: 142 };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * The panel. `set({ province, parts, counts, nowhere })` takes the province that is looked into or null, its parts (or the
 * provinces), for each code `{ open, overdue }`, and as `nowhere` the same for what bears no region.
 */
export function map(panel, page) {
  const { words } = page;
  const heading = make('h2', {}, words.map);
  const up = make('a', { class: 'up', ...page.aim({ region: null }), 'data-action': 'up' }, `← ${words.wholeCountry}`);
  const measures = make(
    'fieldset',
    { class: 'measures' },
    make('legend', { class: 'hidden' }, words.measure),
    radio('open'),
    radio('overdue'),
  );
  const picture = draw('svg', { role: 'group', 'data-measure': 'open', preserveAspectRatio: 'xMidYMin meet' });
  const legend = make('ul', { class: 'legend', 'aria-label': words.legend });
  const rows = make('tbody');
  const details = make('details', {}, make('summary', {}, words.asTable), numbers());
  panel.append(make('header', {}, heading, up, measures), picture, legend, details);

  let shown = { province: null, parts: [], counts: new Map(), nowhere: null };
  let narrow = false;
  let current = null; // the one tile that the tab key reaches

  new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width && narrow !== contentRect.width < NARROW) {
      narrow = !narrow;
      page.paint(render);
    }
  }).observe(panel);
  measures.addEventListener('change', ({ target }) => {
    picture.dataset.measure = target.value;
    page.paint(render);
  });
  picture.addEventListener('keydown', walk);
  picture.addEventListener('focusin', ({ target }) => {
    current = target.closest('a')?.dataset.region ?? current;
    turn();
  });

  function render() {
    const { province, parts, counts } = shown;
    const measure = picture.dataset.measure;
    const size = province ? WIDTH.regency : WIDTH.province;
    const tiles = (province ? regencies : provinces)(parts, narrow).map((tile) => ({
      ...tile,
      key: `${tile.code}/${narrow}`,
      open: 0,
      overdue: 0,
      ...counts.get(tile.code),
    }));
    const bounds = steps(Math.max(1, ...tiles.map((tile) => tile[measure])));
    const columns = 1 + Math.max(0, ...tiles.map(({ column }) => column));
    const lines = 1 + Math.max(0, ...tiles.map(({ row }) => row));
    const title = province ? words.mapOf(province.name) : words.map;

    heading.textContent = title;
    up.hidden = !page.state.region;
    picture.setAttribute('aria-label', title);
    picture.setAttribute('viewBox', `0 0 ${columns * (size + GAP) - GAP} ${lines * (HEIGHT + GAP) - GAP}`);
    picture.dataset.level = province ? 'regency' : 'province';
    const colour = (element, tile) => refresh(element, tile, stepOf(tile[measure], bounds), tile[measure]);
    reconcile(picture, tiles, (tile) => colour(build(tile, size), tile), colour);
    if (!tiles.some(({ code }) => code === current)) current = tiles[0]?.code ?? null;
    turn();
    explain(bounds);
    reconcile(rows, tiles, row);
    tiles.forEach((tile, index) => countRow(rows.children[index], tile));
  }

  function build(tile, size) {
    const x = tile.column * (size + GAP);
    const y = tile.row * (HEIGHT + GAP);
    return draw(
      'a',
      { ...page.aim({ region: tile.code }), 'data-region': tile.code },
      draw('title', {}, tile.name),
      draw('rect', { x, y, width: size, height: HEIGHT, rx: 2 }),
      draw(
        'text',
        {
          class: 'tile-name',
          x: x + size / 2,
          y: y + 18,
          'text-anchor': 'middle',
          ...squeezed(tile.short, size, page.state.screen),
        },
        short(tile.short, size),
      ),
      draw('text', { class: 'tile-count', x: x + size / 2, y: y + 38, 'text-anchor': 'middle' }),
    );
  }

  function refresh(element, tile, step, value) {
    const chosen = page.state.region === tile.code || Boolean(page.state.region?.startsWith(`${tile.code}.`));
    element.setAttribute(
      'aria-label',
      words.tile(tile.name, page.format.number(tile.open), page.format.number(tile.overdue)),
    );
    if (chosen) element.setAttribute('aria-current', 'true');
    else element.removeAttribute('aria-current');
    Object.assign(element.dataset, { open: tile.open, overdue: tile.overdue, step });
    element.lastElementChild.textContent = page.format.number(value);
    return element;
  }

  function explain(bounds) {
    const upper = (index) => (bounds[index + 1] ? bounds[index + 1] - 1 : null);
    const ranges = bounds.map((bound, index) => {
      const last = upper(index);
      if (last === null) return `≥ ${page.format.number(bound)}`;
      return last > bound ? `${page.format.number(bound)}–${page.format.number(last)}` : page.format.number(bound);
    });
    legend.dataset.measure = picture.dataset.measure;
    const swatch = (step) => make('span', { class: 'swatch', 'data-step': step, 'aria-hidden': 'true' });
    const outside = shown.nowhere?.[picture.dataset.measure];
    refill(
      legend,
      ['0', ...ranges].map((range, step) => make('li', {}, swatch(step), range)),
      outside > 0 && make('li', { 'data-nowhere': outside }, words.nowhere(page.format.number(outside))),
    );
  }

  function turn() {
    for (const tile of picture.children) tile.setAttribute('tabindex', tile.dataset.region === current ? '0' : '-1');
  }

  /** Arrow keys go to the nearest tile in their direction. */
  function walk(event) {
    const direction = ARROWS[event.key];
    const from = event.target.closest('a');
    if (!direction || !from) return;
    event.preventDefault();
    const [dx, dy] = direction;
    const here = centre(from);
    let best = null;
    for (const tile of picture.children) {
      const there = centre(tile);
      const along = (there.x - here.x) * dx + (there.y - here.y) * dy;
      const aside = Math.abs((there.x - here.x) * dy) + Math.abs((there.y - here.y) * dx);
      const cost = along + 2 * aside;
      if (along > 1 && (!best || cost < best.cost)) best = { tile, cost };
    }
    best?.tile.focus();
  }

  function numbers() {
    const head = [words.region, words.open, words.overdue].map((name) => make('th', { scope: 'col' }, name));
    return make(
      'table',
      {},
      make('caption', { class: 'hidden' }, words.map),
      make('thead', {}, make('tr', {}, head)),
      rows,
    );
  }

  function row(tile) {
    const name = make('a', page.aim({ region: tile.code }), tile.name);
    return make(
      'tr',
      { 'data-region': tile.code },
      make('th', { scope: 'row' }, name),
      make('td', { class: 'amount' }),
      make('td', { class: 'amount' }),
    );
  }

  function countRow(element, tile) {
    const [open, overdue] = element.querySelectorAll('.amount');
    open.textContent = page.format.number(tile.open);
    overdue.textContent = page.format.number(tile.overdue);
  }

  function radio(name) {
    return make(
      'label',
      {},
      make('input', { type: 'radio', name: 'measure', value: name, checked: name === 'open' }),
      make('span', {}, words[name]),
    );
  }

  return {
    set(found) {
      shown = found;
      page.paint(render);
    },
  };
}

function short(name, size) {
  const most = size < 60 ? 9 : 20;
  return name.length > most ? `${name.slice(0, most - 1).trimEnd()}…` : name;
}

/** Long names are made narrower; letters are larger on the wall. */
function squeezed(name, size, screen) {
  const width = name.length * (screen ? 7 : 6.2);
  return size < 60 && width > size - 5 ? { textLength: size - 5, lengthAdjust: 'spacingAndGlyphs' } : {};
}

function centre(tile) {
  const { x, y, width, height } = tile.getBBox();
  return { x: x + width / 2, y: y + height / 2 };
}
