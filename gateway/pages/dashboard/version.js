// Whether the hub has changed since the page was loaded.

const ADDRESS = new URL('dashboard/version.json', document.baseURI);
const RELOADED = 'simpul-reloaded-for';
/** Milliseconds between two looks of a page that nobody reloads by hand. */
const LOOK = 300_000;

/**
 * Calls `changed(version)` once when the hub's version is another than at the start. `check()` looks.
 * A version is told of once in a tab's life, over reloads too: pages that come out of a cache must not reload for ever.
 */
export function watchVersion(changed, unattended) {
  let first = null;
  let told = false;

  async function check() {
    const version = await ask();
    first ??= version;
    if (told || version === null || version === first) return;
    told = true;
    if (remembered() === version) return;
    remember(version);
    changed(version);
  }

  check();
  if (unattended) setInterval(check, LOOK);
  return { check };
}

async function ask() {
  try {
    const answer = await fetch(ADDRESS, { cache: 'no-store' });
    return answer.ok ? (await answer.json()).version : null;
  } catch {
    return null;
  }
}

function remembered() {
  try {
    return sessionStorage.getItem(RELOADED);
  } catch {
    return null;
  }
}

function remember(version) {
  try {
    sessionStorage.setItem(RELOADED, version);
  } catch {
    // No storage: the page tells of it once until it is loaded again.
  }
}
