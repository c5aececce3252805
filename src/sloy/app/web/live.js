// The connection to the playground: states and frames come, commands go.

export class Live {
  constructor(told) {
    this.told = told; // told(kind, value): "state", "frame", "error", "open", "closed"
    this.state = null;
    this.frames = new Map(); // key of a line → its newest frame
    this.queue = [];
    this.awaited = false;
    this.wait = 500;
    this.open();
  }

  open() {
    this.socket = new WebSocket(`ws://${location.host}/live`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => { this.wait = 500; this.told("open"); };
    this.socket.onclose = () => {
      this.queue = [];
      this.awaited = false;
      this.told("closed");
      setTimeout(() => this.open(), this.wait = Math.min(2 * this.wait, 8000));
    };
    this.socket.onmessage = message => {
      if (typeof message.data === "string") {
        const given = JSON.parse(message.data);
        this.awaited = false;
        if (given.error) this.told("error", given.error);
        else {
          for (const key of this.frames.keys()) if (!given.lines.some(line => line.key === key)) this.frames.delete(key);
          this.state = given;
          this.told("state", given);
        }
        return this.next();
      }
      const frame = read(message.data);
      this.frames.set(frame.line, frame);
      return this.told("frame", frame);
    };
  }

  // A command, or what makes one of the state: it waits until those before it are answered, so that it changes what came of
  // them, not what was there when it was asked for. One that has no sense any more is null.
  send(command) {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    this.queue.push(command);
    this.next();
  }

  next() {
    while (!this.awaited && this.queue.length) {
      const one = this.queue.shift(), command = typeof one === "function" ? one(this.state) : one;
      if (!command) continue;
      this.awaited = true;
      this.socket.send(JSON.stringify(command));
    }
  }
}

// A frame, see frames.py.
export function read(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const frame = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  let at = 4 + length;
  frame.units = frame.layers.map(layer => Array.from({length: layer.units}, () => {
    const plane = new Uint8Array(buffer, at, frame.coarse ** 2);
    at += frame.coarse ** 2;
    return plane;
  }));
  frame.planes = Array.from({length: frame.answer === "classes" ? 2 : 1}, () => {
    const plane = new Uint8Array(buffer, at, frame.fine ** 2);
    at += frame.fine ** 2;
    return plane;
  });
  at += -at & 3;
  frame.weights = frame.dense.map(([rows, columns]) => {
    const weight = new Float32Array(buffer, at, rows * columns), bias = new Float32Array(buffer, at + 4 * rows * columns, columns);
    at += 4 * (rows + 1) * columns;
    return {rows, columns, weight, bias};
  });
  const rows = new Float32Array(buffer, at, 5 * frame.curve);
  frame.points = Array.from({length: frame.curve}, (_, k) => rows.subarray(5 * k, 5 * k + 5)); // step, losses and scores
  return frame;
}
