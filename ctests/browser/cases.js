// What a page does with the sockets of sockets.c. It loads twice, the second time over connections
// that the first left open, and then reports.

import { Connection, SUBPROTOCOL, text } from './zws.js';

// Around each length at which a frame's header grows, with the byte of flags and without.
const SIZES = [0, 1, 124, 125, 126, 65534, 65535, 65536, 1 << 20];
const BURST = 20000;
const LIMIT_MS = 30000;
// More than the server waits for the answer to a ping.
const IDLE_MS = 5000;

const endpoints = await (await fetch('/endpoints')).json();
const before = sessionStorage.getItem('results');
const begun = performance.now();

function expect(holds, what) {
  if (!holds) throw new Error(what);
}

function same(actual, expected) {
  const [shown, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  expect(shown === wanted, `${shown} is not ${wanted}`);
}

function body(size) {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at++) bytes[at] = at * 7 + size;
  return bytes;
}

function right(actual, size) {
  expect(actual.length === size, `${actual.length} bytes are not ${size}`);
  expect(body(size).every((byte, at) => byte === actual[at]), `the content of ${size} bytes`);
}

const texts = (parts) => parts.map(text);
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

async function clean(connection) {
  const { code, wasClean } = await connection.close();
  same([code, wasClean], [1000, true]);
}

// What the server is told, and its answers.
const control = new Connection(endpoints.control);

async function order(word) {
  await control.opened;
  control.send('', word);
  const [, answer] = await control.receive();
  return text(answer);
}

// Waits for as many lines as are expected of what the sockets of the server took down.
async function heard(expected) {
  const lines = [];
  while (lines.length < expected.length) {
    lines.push(...(await order('heard')).split('\n').filter((line) => line));
    await pause(2);
  }
  same(lines, expected);
}

async function asksAll(name, ...before) {
  const peer = await Connection.open(endpoints[name]);
  for (const size of SIZES) {
    peer.send(...before, body(size));
    const answer = await peer.receive();
    expect(answer.length === before.length + 1, `${answer.length} parts`);
    right(answer.at(-1), size);
  }
  return peer;
}

async function receivesAll(peer, wanted) {
  for (const size of SIZES) {
    let message = await peer.receive();
    while (wanted && text(message[1]) === text(body(5))) message = await peer.receive();
    if (wanted) same(text(message[0]), wanted);
    expect(message.length === (wanted ? 2 : 1), `${message.length} parts`);
    right(message.at(-1), size);
  }
}

// Until the server knows that somebody listens.
async function greeted(peer) {
  const greeting = peer.receive();
  let there = false;
  greeting.then(() => { there = true; });
  while (!there) {
    await order('greet');
    await pause(2);
  }
  same(text((await greeting)[0]), 'wanted');
}

async function refused(protocols) {
  const socket = new WebSocket(endpoints.router, protocols);
  const { code } = await new Promise((resolve) => { socket.onclose = resolve; });
  same(code, 1006);
}

// What the server may not take; it ends that connection and no other.
async function ended(data) {
  const [good, bad] = [await Connection.open(endpoints.router), await Connection.open(endpoints.router)];
  bad.socket.send(data);
  await bad.closed;
  good.send('still');
  same(text((await good.receive())[1]), 'still');
  await clean(good);
}

// Connections that a later case goes on with.
let idle;
let lasting;

const FIRST = {
  async 'a connection that will be idle'() {
    idle = await Connection.open(endpoints.rep);
  },
  async 'REQ asks REP'() {
    await clean(await asksAll('rep', ''));
  },
  async 'REQ asks REP in many parts'() {
    const peer = await Connection.open(endpoints.rep);
    peer.send('', ...SIZES.map(body));
    const [, ...parts] = await peer.receive();
    same(parts.length, SIZES.length);
    parts.forEach((part, at) => right(part, SIZES[at]));
    await clean(peer);
  },
  async 'DEALER asks ROUTER, which knows its routing id'() {
    const peer = await Connection.open(endpoints.router, 'page');
    for (const size of SIZES) {
      peer.send(body(size), 'end');
      const [id, part, end] = await peer.receive();
      same([text(id), text(end)], ['page', 'end']);
      right(part, size);
    }
    await clean(peer);
  },
  async 'CLIENT asks SERVER'() {
    await clean(await asksAll('server'));
  },
  async 'DEALER sends a burst to DEALER'() {
    const peer = await Connection.open(endpoints.dealer);
    for (let number = 0; number < BURST; number++) peer.send(String(number));
    for (let number = 0; number < BURST; number++) same(texts(await peer.receive()), [String(number)]);
    lasting = peer;
  },
  async 'a server that starts again at the same port'() {
    const orders = order('rebind');
    // The server does not wait for the browser's answer, so that this need not be clean.
    const { code } = await lasting.closed;
    same(await orders, 'done');
    same(code, 1001);
    await clean(await asksAll('dealer'));
  },
  async 'PUSH to PULL'() {
    const peer = await Connection.open(endpoints.pull);
    SIZES.forEach((size) => peer.send(body(size)));
    peer.send(...SIZES.map(body));
    const many = SIZES.map((size, at) => `${size}${at + 1 < SIZES.length ? '+' : ''}`);
    await heard([...SIZES.map(String), ...many]);
    await clean(peer);
  },
  async 'SCATTER to GATHER'() {
    const peer = await Connection.open(endpoints.gather);
    SIZES.forEach((size) => peer.send(body(size)));
    await heard(SIZES.map(String));
    await clean(peer);
  },
  async 'PULL from PUSH'() {
    const peer = await Connection.open(endpoints.push);
    await order('push');
    await receivesAll(peer);
    await clean(peer);
  },
  async 'GATHER from SCATTER'() {
    const peer = await Connection.open(endpoints.scatter);
    await order('scatter');
    await receivesAll(peer);
    await clean(peer);
  },
  async 'SUB subscribes at XPUB and unsubscribes'() {
    const peer = await Connection.open(endpoints.xpub);
    peer.send('\x01a');
    same(texts(await peer.receive()), ['aside']);
    same(texts(await peer.receive()), ['a', 'was subscribed']);
    peer.send('\0a');
    await heard(['-a']);
    peer.send('\x01b');
    same(texts(await peer.receive()), ['bside']);
    same(texts(await peer.receive()), ['b', 'was subscribed']);
    await clean(peer);
    await heard(['-b']);
  },
  async 'SUB to PUB'() {
    const peer = await Connection.open(endpoints.pub);
    peer.send('\x01wanted');
    await greeted(peer);
    await order('publish');
    await receivesAll(peer, 'wanted');
    await clean(peer);
  },
  async 'PUB to SUB'() {
    const peer = await Connection.open(endpoints.sub);
    same(texts(await peer.receive()), ['\x01wanted']);
    ['unwanted', 'wanted 1', 'unwanted', 'wanted 2'].forEach((message) => peer.send(message));
    await heard(['wanted 1', 'wanted 2']);
    await clean(peer);
  },
  async 'DISH joins at RADIO by a command'() {
    const peer = await Connection.open(endpoints.radio);
    peer.command('JOIN', 'wanted');
    await greeted(peer);
    await order('radio');
    await receivesAll(peer, 'wanted');
    await clean(peer);
  },
  async 'RADIO hears of DISH by a command'() {
    const peer = await Connection.open(endpoints.dish);
    same(await peer.receive(), { command: '\x04JOINwanted' });
    peer.send('unwanted', '1');
    peer.send('wanted', '2');
    await heard(['2']);
    await clean(peer);
  },
  async 'other sub-protocols are refused'() {
    await refused('chat');
    await refused([]);
    const socket = new WebSocket(endpoints.router, ['chat', SUBPROTOCOL]);
    await new Promise((resolve) => { socket.onopen = resolve; });
    same(socket.protocol, SUBPROTOCOL);
    socket.close();
  },
  // A slash may not be in what a page asks for: there is no mechanism in browsers.
  async 'sub-protocols with a mechanism are not for browsers'() {
    let name;
    try {
      name = new WebSocket(endpoints.router, 'ZWS2.0/NULL').url;
    } catch (error) {
      name = error.name;
    }
    same(name, 'SyntaxError');
  },
  async 'text ends the connection'() {
    await ended('text');
  },
  async 'a message without flags ends the connection'() {
    await ended(new Uint8Array());
  },
  async 'pings are answered by the browser'() {
    await pause(Math.max(0, IDLE_MS - (performance.now() - begun)));
    idle.send('', 'still here');
    same(texts(await idle.receive()), ['', 'still here']);
    await clean(idle);
  },
  // The next page finds out what became of these.
  async 'the page is left in the middle of everything'() {
    const router = await Connection.open(endpoints.router, 'page');
    router.send('answered');
    await router.receive();
    const subscriber = await Connection.open(endpoints.xpub);
    subscriber.send('\x01left');
    await subscriber.receive();
    const pull = await Connection.open(endpoints.pull);
    pull.begin('without an end');
    const gather = await Connection.open(endpoints.gather);
    for (let times = 0; times < 20; times++) gather.send(body(1 << 20));
  },
};

const SECOND = {
  async 'a page that was left is gone'() {
    const lines = [];
    while (!lines.includes('-left') || (await order('connected')) !== '0') {
      lines.push(...(await order('heard')).split('\n').filter((line) => line));
      await pause(2);
    }
    same(lines.filter((line) => line !== '-left' && line !== String(1 << 20)), []);
  },
  async 'its routing id is free'() {
    const peer = await Connection.open(endpoints.router, 'page');
    peer.send('again');
    same(texts(await peer.receive()), ['page', 'again']);
    await clean(peer);
  },
  async 'REQ asks REP after a reload'() {
    await clean(await asksAll('rep', ''));
  },
};

async function runAll(cases, results) {
  const over = control.closed.then(() => { throw new Error('the server is gone'); });
  for (const [name, run] of Object.entries(cases)) {
    const limit = pause(LIMIT_MS).then(() => { throw new Error('time limit'); });
    try {
      await Promise.race([run(), limit, over]);
      results.push({ name });
    } catch (error) {
      results.push({ name, error: String(error) });
    }
  }
  return results;
}

if (before === null) {
  sessionStorage.setItem('results', JSON.stringify(await runAll(FIRST, [])));
  location.reload();
} else {
  const results = await runAll(SECOND, JSON.parse(before));
  sessionStorage.clear();
  await fetch('/report', { method: 'POST', body: JSON.stringify(results) });
}
