// The stream of socket.js as server-sent events, where a proxy on the way lets no WebSocket through.
//
// By fetch and not by EventSource: so the page sees the heartbeats, and lets go of a stream that is silent. They come
// every 15 seconds: until one is late, the hub counts as heard.

import { ADDRESS, EVENTS, HEALTH } from './graph.js';

/** Milliseconds: between two looks, without any word until the connection counts as dead, and until it must begin. */
const LOOK = 2_500;
const SILENCE = 18_000;
const BEGIN = 12_000;

/** Opens a stream after a cursor; `on` and what it returns are those of `open` in socket.js. */
export function open(after, on) {
  const leaving = new AbortController();
  const openedAt = performance.now();
  let heardAt = openedAt;
  let patience = 0;
  let begun = false;

  const looking = setInterval(() => {
    const now = performance.now();
    if (now - heardAt > SILENCE || (!begun && now - openedAt > BEGIN)) end();
    else if (begun) on.heard();
  }, LOOK);

  function stop() {
    clearInterval(looking);
    leaving.abort();
  }

  function end() {
    if (leaving.signal.aborted) return;
    stop();
    on.closed(patience, begun);
  }

  function heard() {
    heardAt = performance.now();
    on.heard();
  }

  function frame({ complaintEvents: found }) {
    begun = true;
    on.frame(found);
    if (found.__typename !== 'Lagged') return;
    patience = found.retryAfterSeconds;
    end();
  }

  const { signal } = leaving;
  read({ query: EVENTS, variables: { after } }, signal, frame, heard).then(end, end);
  read({ query: HEALTH }, signal, (data) => on.health(data.agencyHealthChanged)).catch(() => {});
  return stop;
}

/** Follows one subscription to its end. `take(data)` for each result, `heard()` for whatever comes. */
async function read(asked, signal, take, heard = () => {}) {
  const response = await fetch(ADDRESS, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify(asked),
    cache: 'no-store',
    signal,
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done || signal.aborted) return;
    heard();
    const events = (rest + value).split('\n\n');
    rest = events.pop();
    for (const event of events) {
      const line = event.startsWith(':') ? null : /^data: (.+)$/m.exec(event);
      const data = line && JSON.parse(line[1]).data;
      if (data && !signal.aborted) take(data);
    }
  }
}
