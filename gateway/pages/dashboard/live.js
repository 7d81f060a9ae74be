// What one tab makes of the stream: each event once, none missing, and word of what was recovered.

import { follow } from './tabs.js';

/** Cursors remembered, to know an event that a new leader sends again. */
const REMEMBERED = 512;
/** Events kept while the first answer is on its way; with more than that, the answer is asked for anew. */
const WAITING = 500;
/** Milliseconds without an event until a replay counts as over, when its last event is not for the public. */
const QUIET = 1_000;

/**
 * Keeps a tab at the stream.
 *
 * `load()` asks for everything anew and answers the cursor that it is true for, or throws.
 * `event(frame)` answers whether the event counts for this tab. `health(agency)`, `state(live, heardAt)` and
 * `role(name)` pass on what they get. `recovered(count)` comes once a lost connection is back and what was missed is
 * shown, `reloaded(gap)` when it could not be recovered and everything was asked for anew.
 * Returns `reload`, for another filter.
 */
export function live({ load, event, health, state, role, recovered, reloaded }) {
  const seen = new Set();
  let cursor = null; // where this tab would go on
  let heard = null; // the last cursor that came over the stream
  let waiting = null; // events that came while `load` was under way
  let again = false;
  let lost = false;
  let wasLive = false;
  let replay = null;

  function remember(each) {
    seen.add(each);
    if (seen.size > REMEMBERED) seen.delete(seen.values().next().value);
  }

  async function reload() {
    if (waiting) {
      again = true;
      return;
    }
    do {
      waiting = [];
      again = false;
      try {
        const asOf = await load();
        if (heard === null) cursor = asOf;
        remember(asOf);
      } catch {
        again = true;
        await new Promise((resolve) => setTimeout(resolve, 2_000));
      }
    } while (again);
    const late = waiting;
    waiting = null;
    for (const frame of late) show(frame);
  }

  function show(frame) {
    if (waiting) {
      if (waiting.length < WAITING) waiting.push(frame);
      else again = true;
      return;
    }
    const counts = event(frame);
    if (replay && counts) replay.count += 1;
  }

  function position(frame) {
    const known = frame.recovered && (heard === null || frame.cursor === heard || seen.has(frame.cursor));
    if (frame.recovered && lost) {
      replay = { head: frame.head, count: 0, timer: 0 };
      settle(frame.cursor);
    }
    lost = false;
    if (!known) {
      if (!frame.recovered) reloaded(frame.gap);
      reload();
    }
  }

  /** Tells how a replay went, when it has come to the head or nothing more comes. */
  function settle(reached) {
    clearTimeout(replay.timer);
    const done = () => {
      const { count } = replay;
      replay = null;
      recovered(count);
    };
    if (reached === replay.head) done();
    else replay.timer = setTimeout(done, QUIET);
  }

  function receive({ frame, previous }) {
    const told = frame.__typename === 'StreamPosition';
    if (!told && frame.cursor !== heard && seen.has(frame.cursor)) return; // a new leader began a little earlier
    if (told) position(frame);
    else if (heard !== null && previous !== heard) reload(); // this tab missed something that another one got
    cursor = heard = frame.cursor;
    remember(frame.cursor);
    if (frame.kind) show(frame);
    if (replay && !told) settle(frame.cursor);
  }

  function stand({ live: now, heardAt }) {
    if (wasLive && !now) lost = true;
    wasLive = now;
    state(now, heardAt);
  }

  const receivers = {
    frame: receive,
    health: (message) => health(message.agency),
    state: stand,
  };
  // The ear is open before the first answer comes: whatever happens after that answer is heard.
  follow({
    ready: reload(),
    after: () => cursor,
    receive: (message) => receivers[message.type]?.(message),
    role,
  });
  return reload;
}
