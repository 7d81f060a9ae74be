// Where the tiles of the map lie. One tile a province, near its neighbours; columns from west to east, rows from north.

/** Code of the province: column, row, short name. */
const PROVINCES = {
  11: [0, 0, 'Aceh'],
  12: [1, 1, 'Sumut'],
  13: [1, 2, 'Sumbar'],
  14: [2, 2, 'Riau'],
  15: [2, 3, 'Jambi'],
  16: [3, 3, 'Sumsel'],
  17: [2, 4, 'Bengkulu'],
  18: [3, 4, 'Lampung'],
  19: [4, 3, 'Babel'],
  21: [3, 1, 'Kepri'],
  31: [4, 5, 'Jakarta'],
  32: [5, 5, 'Jabar'],
  33: [6, 5, 'Jateng'],
  34: [6, 6, 'DIY'],
  35: [7, 5, 'Jatim'],
  36: [3, 5, 'Banten'],
  51: [8, 5, 'Bali'],
  52: [9, 5, 'NTB'],
  53: [10, 5, 'NTT'],
  61: [5, 2, 'Kalbar'],
  62: [6, 2, 'Kalteng'],
  63: [6, 3, 'Kalsel'],
  64: [7, 2, 'Kaltim'],
  65: [7, 1, 'Kaltara'],
  71: [10, 1, 'Sulut'],
  72: [9, 2, 'Sulteng'],
  73: [9, 3, 'Sulsel'],
  74: [10, 3, 'Sultra'],
  75: [9, 1, 'Gorontalo'],
  76: [8, 2, 'Sulbar'],
  81: [11, 3, 'Maluku'],
  82: [11, 1, 'Malut'],
  91: [14, 2, 'Papua'],
  92: [13, 2, 'Pabar'],
  93: [14, 4, 'Pasel'],
  94: [13, 3, 'Pateng'],
  95: [14, 3, 'Papeg'],
  96: [12, 2, 'PBD'],
};

/** The first column of the half that lies below the other where there is little room. */
const EAST = 8;
const FOLD = 7;

/** The provinces' tiles: `{code, name, short, column, row}`; folded in two for narrow places. */
export function provinces(regions, narrow) {
  const unplaced = regions.filter(({ code }) => !PROVINCES[code]);
  return regions.map((region) => {
    const [column, row, short] = PROVINCES[region.code] ?? [unplaced.indexOf(region), FOLD, region.name];
    const below = narrow && column >= EAST;
    return { ...region, short, column: below ? column - EAST : column, row: below ? row + FOLD - 1 : row };
  });
}

/** The tiles of a province's regencies and cities, by code, in lines. */
export function regencies(regions, narrow) {
  const columns = narrow ? 3 : 5;
  return regions.map((region, index) => ({
    ...region,
    short: region.name.replace(/^Kabupaten /, 'Kab. ').replace(/^Kota Administrasi /, 'Kota '),
    column: index % columns,
    row: Math.floor(index / columns),
  }));
}

/**
 * Lower bounds of the five steps of a scale, 1, 2 or 5 times a power of ten, evenly apart by their logarithm.
 * Fewer when the largest number is small.
 */
export function steps(largest) {
  const bounds = [];
  for (let index = 0; index < 5; index += 1) {
    const bound = index === 0 ? 1 : round(largest ** (index / 5));
    if (bound > (bounds.at(-1) ?? 0) && bound <= Math.max(largest, 1)) bounds.push(bound);
  }
  return bounds;
}

/** The step of a number: 0 for none, else 1 to 5. */
export function stepOf(value, bounds) {
  return bounds.filter((bound) => value >= bound).length;
}

function round(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return (
    [1, 2, 5, 10].reduce((best, each) =>
      Math.abs(each * power - value) < Math.abs(best * power - value) ? each : best,
    ) * power
  );
}
