// One WebSocket to the graph (graphql-transport-ws) that carries both subscriptions of the page.
//
// A socket and not an EventSource, for three reasons: it carries events and health at once; it is not one of the six
// connections that a browser opens to a host; and a ping that is answered proves that this very stream is alive, while
// the heartbeats of an EventSource can't be seen by the page and no probe beside it says anything about the stream.

import { EVENTS, HEALTH, socketAddress } from './graph.js';

/** Milliseconds: between two pings, and without any word until the connection counts as dead. */
const PING = 2_500;
const SILENCE = 8_000;
/** Milliseconds until the stream must have begun: answered pings alone are no stream. */
const BEGIN = 12_000;

/**
 * Opens a stream after a cursor.
 *
 * `on.heard()` for every message, `on.frame(frame)` and `on.health(agency)` for what they carry, and once
 * `on.closed(seconds, reached)`: how long the hub asks to be left alone, 0 if it did not say; and whether it was reached.
 * Returns a function that closes it without a word.
 */
export function open(after, on) {
  const socket = new WebSocket(socketAddress(), 'graphql-transport-ws');
  const send = (message) => socket.send(JSON.stringify(message));
  let heardAt = performance.now();
  let patience = 0;
  let reached = false;
  let begun = false;
  const openedAt = heardAt;

  const beat = setInterval(() => {
    const now = performance.now();
    if (now - heardAt > SILENCE || (!begun && now - openedAt > BEGIN)) end();
    else if (socket.readyState === WebSocket.OPEN) send({ type: 'ping' });
  }, PING);

  function stop() {
    clearInterval(beat);
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  function end() {
    stop();
    on.closed(patience, reached);
  }

  function frame(found) {
    begun = true;
    on.frame(found);
    if (found.__typename !== 'Lagged') return;
    patience = found.retryAfterSeconds;
    end();
  }

  const receive = {
    connection_ack() {
      send({ id: 'events', type: 'subscribe', payload: { query: EVENTS, variables: { after } } });
      send({ id: 'health', type: 'subscribe', payload: { query: HEALTH } });
    },
    ping: () => send({ type: 'pong' }),
    pong() {},
    next({ id, payload: { data } }) {
      if (id === 'events' && data?.complaintEvents) frame(data.complaintEvents);
      if (id === 'health' && data?.agencyHealthChanged) on.health(data.agencyHealthChanged);
    },
    error: ({ id }) => id === 'events' && end(),
    complete: ({ id }) => id === 'events' && end(),
  };

  socket.onopen = () => {
    reached = true;
    send({ type: 'connection_init' });
  };
  socket.onclose = end;
  socket.onmessage = ({ data }) => {
    heardAt = performance.now();
    on.heard();
    const message = JSON.parse(data);
    receive[message.type]?.(message);
  };
  return stop;
}
