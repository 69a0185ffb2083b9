// ZWS 2.0 as a page speaks it, without a mechanism: each part of a message is a binary WebSocket
// message, a byte of flags in front.

const MORE = 1;
const COMMAND = 2;

export const SUBPROTOCOL = 'ZWS2.0';

export const text = (bytes) => new TextDecoder().decode(bytes);
const bytesOf = (part) => (typeof part === 'string' ? new TextEncoder().encode(part) : part);

function framed(flags, part) {
  const body = bytesOf(part);
  const message = new Uint8Array(body.length + 1);
  message[0] = flags;
  message.set(body, 1);
  return message;
}

// One connection. Each end's first message is its routing id.
export class Connection {
  constructor(url, id = '') {
    this.socket = new WebSocket(url, SUBPROTOCOL);
    this.socket.binaryType = 'arraybuffer';
    this.received = [];
    this.waiting = [];
    this.parts = [];
    this.peerId = null;
    this.closed = new Promise((resolve) => { this.socket.onclose = resolve; });
    this.opened = new Promise((resolve, reject) => {
      this.socket.onopen = () => this.socket.send(framed(0, id));
      this.socket.onmessage = ({ data }) => this.#take(new Uint8Array(data), resolve);
      this.closed.then(({ code }) => reject(new Error(`closed with ${code}`)));
    });
    this.opened.catch(() => {});
    this.closed.then(() => this.waiting.splice(0).forEach(({ reject }) => reject(new Error('closed'))));
  }

  static async open(url, id) {
    const connection = new Connection(url, id);
    await connection.opened;
    return connection;
  }

  #take(message, opened) {
    const [flags, body] = [message[0], message.subarray(1)];
    if (this.peerId === null) {
      this.peerId = text(body);
      opened();
    } else if (flags & COMMAND) {
      this.#deliver({ command: text(body) });
    } else {
      this.parts.push(body);
      if (!(flags & MORE)) this.#deliver(this.parts.splice(0));
    }
  }

  #deliver(message) {
    const first = this.waiting.shift();
    if (first) first.resolve(message);
    else this.received.push(message);
  }

  send(...parts) {
    parts.forEach((part, at) => this.socket.send(framed(at + 1 < parts.length ? MORE : 0, part)));
  }

  // A part that says that more will follow.
  begin(part) {
    this.socket.send(framed(MORE, part));
  }

  command(name, argument) {
    this.socket.send(framed(COMMAND, String.fromCharCode(name.length) + name + argument));
  }

  // The next message, an array of its parts, or a command.
  receive() {
    if (this.received.length) return Promise.resolve(this.received.shift());
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  // The event with which the browser tells how the connection ended.
  close() {
    this.socket.close(1000);
    return this.closed;
  }
}
