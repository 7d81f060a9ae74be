// One stream for all tabs of a browser: one of them leads, holds the socket and tells the others.
//
// The leader is whoever holds a Web Lock. When its tab closes, the browser gives the lock to the next, which goes on
// after the last cursor that it has seen itself. A leader that the browser has put to sleep is overruled by a tab that
// somebody looks at. Web Locks exist only where the page is secure (https, or this machine): elsewhere each tab holds a
// socket of its own.

import { open as overEvents } from './events.js';
import { open as overSocket } from './socket.js';

const NAME = 'simpul-stream';
/** Milliseconds: between a leader's signs of life, and without one until it is overruled. */
const SIGN = 2_000;
const MISSED = 8_000;
/** Milliseconds before the first attempt to connect again, and at most before any. */
const FIRST = 300;
const LONGEST = 5_000;
/** Sockets in a row that did not open, until the stream comes as server-sent events. */
const REFUSED = 2;

/**
 * Follows the stream, alone or with other tabs.
 *
 * It listens at once, but leads only when `ready`. `after()` says where this tab stands. `receive(message)` gets, whoever leads:
 * `{type: 'frame', frame, previous}` with the cursor of the frame before, `{type: 'health', agency}`, and
 * `{type: 'state', live, heardAt}` with the moment of the last word from the hub, in milliseconds since 1970.
 * `role(name)` gets lead, follow or alone.
 */
export function follow({ ready, after, receive, role }) {
  if (!navigator.locks || !('BroadcastChannel' in globalThis)) {
    role('alone');
    ready.then(() => lead({ after, tell: receive }));
    return;
  }
  const channel = new BroadcastChannel(NAME);
  const tell = (message) => {
    channel.postMessage(message);
    receive(message);
  };
  let leader = null;
  let signAt = performance.now();

  channel.onmessage = ({ data }) => {
    signAt = performance.now();
    if (data.type === 'hello') leader?.sign();
    else if (!leader) receive(data);
  };

  function reign() {
    role('lead');
    leader = lead({ after, tell });
    return new Promise(() => {}); // until the tab closes, or is overruled
  }

  async function stand(options) {
    try {
      await navigator.locks.request(NAME, options, reign);
    } catch (overruled) {
      if (overruled.name !== 'AbortError') throw overruled;
      leader?.stop();
      leader = null;
      role('follow');
      signAt = performance.now();
      stand({});
    }
  }

  role('follow');
  ready.then(() => stand({}));
  channel.postMessage({ type: 'hello' });
  setInterval(() => {
    if (leader || !after() || document.hidden || performance.now() - signAt < MISSED) return;
    signAt = performance.now();
    stand({ steal: true });
  }, SIGN);
}

/** Holds a stream, and opens another whenever it ends. */
function lead({ after, tell }) {
  let live = false;
  let heardAt = 0;
  let failures = 0;
  let refused = 0;
  let stopped = false;
  let close = () => {};
  let timer = 0;

  const sign = () => heardAt && tell({ type: 'state', live, heardAt });

  function connect() {
    let previous = after();
    const open = refused < REFUSED ? overSocket : overEvents;
    close = open(previous, {
      heard() {
        heardAt = Date.now();
      },
      frame(frame) {
        tell({ type: 'frame', frame, previous });
        previous = frame.cursor;
        failures = 0;
        if (!live && frame.__typename !== 'Lagged') {
          live = true;
          sign();
        }
      },
      health: (agency) => tell({ type: 'health', agency }),
      closed(patience, reached) {
        live = false;
        // After events, one socket is tried again: the page may be on another network now, or the hub was away.
        if (open === overEvents) refused = REFUSED - 1;
        else refused = reached ? 0 : refused + 1;
        tell({ type: 'state', live, heardAt });
        timer = setTimeout(connect, patience * 1000 + pause(failures++));
      },
    });
  }

  connect();
  const signs = setInterval(sign, SIGN);
  return {
    sign,
    stop() {
      if (stopped) return;
      stopped = true;
      clearInterval(signs);
      clearTimeout(timer);
      close();
    },
  };
}

/** Doubles, and differs from tab to tab and screen to screen: a hub that starts again is not met by all at once. */
function pause(failures) {
  return Math.min(FIRST * 2 ** failures, LONGEST) * (0.5 + Math.random() / 2);
}
