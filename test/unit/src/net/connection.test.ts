import { randomFillSync } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import type { Reply } from '../../../../src/net/session.ts';
import type { Handle, TestServer } from './echo.ts';
import { echo, framed, RawClient, serve } from './echo.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(handle: Handle, options: Parameters<typeof serve>[1] = {}): Promise<TestServer> {
  const server = await serve(handle, options);
  cleanups.push(() => server.stop());
  return server;
}

async function client(server: TestServer): Promise<RawClient> {
  const raw = await RawClient.connect(server.port);
  cleanups.push(() => raw.close());
  return raw;
}

/** A handler that answers when told to. */
function manual() {
  const waiting: { text: string; answer: (reply?: Reply) => void }[] = [];
  let wake = () => {};
  const handle: Handle = (frame) => {
    const text = frame.toString();
    return new Promise<Reply>((resolve) => {
      waiting.push({ text, answer: (reply = [framed(text)]) => resolve(reply) });
      wake();
    });
  };
  const next = async () => {
    while (waiting.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return waiting.shift()!;
  };
  return { handle, next, waiting };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe.each([
  ['adopted sockets', false],
  ['sockets read by events', true],
])('a connection on %s', (_name, readsByEvents) => {
  test('answers a request', async () => {
    const server = await start(echo, { readsByEvents });
    const raw = await client(server);
    raw.send('hello');
    expect(await raw.text()).toBe('hello');
  });

  test('answers many pipelined requests in order', async () => {
    const server = await start(echo, { readsByEvents });
    const raw = await client(server);
    const texts = Array.from({ length: 5000 }, (_, i) => `request ${i}`);
    raw.send(...texts);
    for (const text of texts) expect(await raw.text()).toBe(text);
  });

  test('puts a frame together from single bytes', async () => {
    const server = await start(echo, { readsByEvents });
    const raw = await client(server);
    for (const byte of Buffer.concat([framed('one'), framed('two')])) {
      raw.socket.write(Buffer.from([byte]));
      await turn();
    }
    expect(await raw.text()).toBe('one');
    expect(await raw.text()).toBe('two');
  });

  test('takes frames of every size around its buffers, whole and intact', async () => {
    const server = await start(echo, { readsByEvents });
    const raw = await client(server);
    const sizes = [
      0,
      1,
      4095,
      32768,
      65535,
      65536,
      262139,
      262140,
      262141,
      300_000,
      1 << 20,
      5_000_000,
      3,
      70_000,
    ];
    for (const size of sizes) {
      const body = randomFillSync(Buffer.alloc(size));
      raw.send(body);
      expect((await raw.next())?.equals(body)).toBe(true);
    }
    const bodies = sizes.map((size) => randomFillSync(Buffer.alloc(size)));
    raw.send(...bodies);
    for (const body of bodies) expect((await raw.next())?.equals(body)).toBe(true);
    expect(server.network.buffers.heldBytes).toBe(0);
  });

  test('hands over the next request only when the one before is answered', async () => {
    const { handle, next, waiting } = manual();
    const server = await start(handle, { readsByEvents });
    const raw = await client(server);
    raw.send('a', 'b', 'c');
    const a = await next();
    await turn();
    expect(waiting).toHaveLength(0);
    a.answer();
    const b = await next();
    expect(b.text).toBe('b');
    b.answer();
    (await next()).answer();
    expect([await raw.text(), await raw.text(), await raw.text()]).toEqual(['a', 'b', 'c']);
  });

  test('keeps large frames intact that arrive while a request is in progress', async () => {
    const { handle, next } = manual();
    const server = await start(
      (frame, channel, exchange) =>
        frame.length < 10 ? handle(frame, channel, exchange) : echo(frame, channel, exchange),
      { readsByEvents },
    );
    const raw = await client(server);
    const bodies = [700_000, 40_000, 2_000_000, 100].map((size) => randomFillSync(Buffer.alloc(size)));
    raw.send('wait', ...bodies, 'again', ...bodies);
    (await next()).answer();
    (await next()).answer();
    expect(await raw.text()).toBe('wait');
    for (const body of bodies) expect((await raw.next())?.equals(body)).toBe(true);
    expect(await raw.text()).toBe('again');
    for (const body of bodies) expect((await raw.next())?.equals(body)).toBe(true);
  });

  test('hands over overlapping requests at once, and answers them in order', async () => {
    const { handle, next, waiting } = manual();
    const server = await start(handle, { readsByEvents });
    const raw = await client(server);
    const large = `o${'x'.repeat(500_000)}`;
    raw.send('o1', 'o2', large, 'a', 'o3');
    while (waiting.length < 3) await turn();
    const [first, second, third] = [await next(), await next(), await next()];
    third.answer();
    second.answer();
    await turn();
    expect(waiting).toHaveLength(0);
    first.answer();
    const a = await next();
    expect(a.text).toBe('a');
    await turn();
    expect(waiting).toHaveLength(0);
    a.answer();
    (await next()).answer();
    for (const text of ['o1', 'o2', large, 'a', 'o3']) expect(await raw.text()).toBe(text);
  });

  test('bounds the overlapping requests that wait', async () => {
    const { handle, waiting } = manual();
    const server = await start(handle, { readsByEvents });
    const raw = await client(server);
    const other = await client(server);
    raw.send(...Array.from({ length: 1000 }, (_, i) => `o${i}`));
    other.send('b');
    while (!waiting.some(({ text }) => text === 'b')) await turn();
    for (let i = 0; i < 10; i++) await turn();
    expect(waiting.length).toBe(65);
    for (let i = 0; i < 1000; ) {
      const ready = waiting.splice(0).filter(({ text }) => text !== 'b');
      for (const { answer } of ready.reverse()) answer();
      i += ready.length;
      await turn();
    }
    for (let i = 0; i < 1000; i++) expect(await raw.text()).toBe(`o${i}`);
  });

  test('answers what was asked before the client ended its side', async () => {
    const { handle, next } = manual();
    const server = await start(handle, { readsByEvents });
    const raw = await client(server);
    raw.send('a', 'b');
    raw.socket.end();
    (await next()).answer();
    (await next()).answer();
    expect([await raw.text(), await raw.text(), await raw.text()]).toEqual(['a', 'b', null]);
    expect(server.network.metrics.connectionsOpen).toBe(0);
  });

  test('drops a late answer when the client is gone', async () => {
    const { handle, next } = manual();
    const server = await start(handle, { readsByEvents });
    const raw = await client(server);
    raw.send('a');
    const a = await next();
    const other = await client(server);
    raw.socket.resetAndDestroy();
    await raw.closed;
    other.send('b');
    const b = await next();
    a.answer();
    b.answer();
    expect(await other.text()).toBe('b');
  });

  test('stops serving a client that does not read, and goes on when it does', async () => {
    let served = 0;
    const body = Buffer.alloc(500_000, 7);
    const reply = [framed(body)];
    const server = await start(
      () => {
        served++;
        return reply;
      },
      { readsByEvents },
    );
    const raw = await client(server);
    raw.socket.pause();
    raw.send(...Array.from({ length: 200 }, () => 'x'));
    const other = await client(server);
    // Round trips of another client: time enough to serve all 200, were there no limit.
    for (let i = 0; i < 20; i++) {
      other.send('y');
      await other.next();
    }
    expect(served - 20).toBeLessThan(100);
    raw.socket.resume();
    for (let i = 0; i < 200; i++) expect((await raw.next())?.length).toBe(body.length);
    expect(served).toBe(220);
  });
});

describe('a connection', () => {
  test('is closed for a negative size and for one above the limit', async () => {
    const server = await start(echo, { listener: { maxRequestBytes: 1000 } });
    for (const prefix of ['ffffffff', '80000000', '7fffffff', '000003e9']) {
      const raw = await client(server);
      raw.socket.write(Buffer.from(prefix, 'hex'));
      expect(await raw.next()).toBeNull();
    }
    const split = await client(server);
    for (const byte of Buffer.from('ffffffff', 'hex')) {
      split.socket.write(Buffer.from([byte]));
      await turn();
    }
    expect(await split.next()).toBeNull();
    const good = await client(server);
    good.send(Buffer.alloc(1000));
    expect((await good.next())?.length).toBe(1000);
  });

  test('is closed after earlier answers when a request is refused', async () => {
    const server = await start((frame, channel, exchange) =>
      frame.toString() === 'bad' ? 'close' : echo(frame, channel, exchange),
    );
    const raw = await client(server);
    raw.send('a', 'bad', 'b');
    expect([await raw.text(), await raw.text()]).toEqual(['a', null]);
    expect(server.closed).toEqual(['the request was refused']);
  });

  test('is closed when handling throws or rejects, and others are not', async () => {
    const bugs: unknown[] = [];
    const onBug = (_connection: unknown, cause: unknown) => bugs.push(cause);
    const server = await start(
      (frame, channel, exchange) => {
        if (frame.toString() === 'throw') throw new Error('boom');
        if (frame.toString() === 'reject') return Promise.reject(new Error('boom'));
        return echo(frame, channel, exchange);
      },
      { onBug },
    );
    const good = await client(server);
    for (const text of ['throw', 'reject']) {
      const raw = await client(server);
      raw.send(text);
      expect(await raw.next()).toBeNull();
    }
    good.send('still here');
    expect(await good.text()).toBe('still here');
    expect(bugs).toEqual([new Error('boom'), new Error('boom')]);
  });

  test('takes the next request after one without an answer', async () => {
    const server = await start((frame, channel, exchange) =>
      frame.toString() === 'quiet' ? 'none' : echo(frame, channel, exchange),
    );
    const raw = await client(server);
    raw.send('quiet', 'a', 'quiet', 'b');
    expect([await raw.text(), await raw.text()]).toEqual(['a', 'b']);
  });

  test('closes after its last answer when told so', async () => {
    const server = await start((frame, channel, exchange) => {
      exchange.closeAfterReply();
      return echo(frame, channel, exchange);
    });
    const raw = await client(server);
    raw.send('a', 'b');
    expect([await raw.text(), await raw.text()]).toEqual(['a', null]);
  });

  test('hands over nothing while muted, yet answers at once', async () => {
    const order: string[] = [];
    const server = await start((frame, channel, exchange) => {
      order.push(frame.toString());
      if (frame.toString() === 'a') channel.mute(30);
      return echo(frame, channel, exchange);
    });
    const raw = await client(server);
    const other = await client(server);
    raw.send('a', 'b');
    expect(await raw.text()).toBe('a');
    other.send('c');
    await other.text();
    expect(order).toEqual(['a', 'c']);
    expect(await raw.text()).toBe('b');
  });

  test('runs afterWrite actions once, when the answer has left or the connection is gone', async () => {
    const ran: string[] = [];
    const { handle, next } = manual();
    const server = await start((frame, channel, exchange) => {
      const text = frame.toString();
      exchange.afterWrite(() => ran.push(text));
      return text === 'wait'
        ? handle(frame, channel, exchange)
        : text === 'quiet'
          ? 'none'
          : echo(frame, channel, exchange);
    });
    const raw = await client(server);
    raw.send('a', 'quiet', 'b');
    await raw.text();
    await raw.text();
    raw.send('wait');
    const waiting = await next();
    expect(ran.sort()).toEqual(['a', 'b', 'quiet']);
    await server.stop();
    waiting.answer();
    await turn();
    expect(ran.sort()).toEqual(['a', 'b', 'quiet', 'wait']);
  });

  test('writes answers only after the actions of its turn', async () => {
    const order: string[] = [];
    const server = await start((frame) => {
      server.network.endOfTurn(() => order.push(`action ${frame.length}`));
      order.push('handled');
      return [framed('ok')];
    });
    const raw = await client(server);
    raw.send('a', 'bb', 'ccc');
    for (let i = 0; i < 3; i++) await raw.text();
    expect(order.filter((entry) => entry.startsWith('action'))).toHaveLength(3);
  });

  test('survives a view that outlives its frame: the bytes are poisoned', async () => {
    const kept: Buffer[] = [];
    const server = await start((frame, channel, exchange) => {
      kept.push(frame);
      return echo(frame, channel, exchange);
    });
    const raw = await client(server);
    raw.send('aaaa');
    await raw.text();
    raw.send(Buffer.alloc(500_000, 1));
    await raw.next();
    for (const frame of kept) expect(frame.every((byte) => byte === 0xdb)).toBe(true);
  });
});
