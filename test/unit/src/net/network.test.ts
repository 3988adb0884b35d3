import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { ListenError } from '../../../../src/net/listener.ts';
import { Network } from '../../../../src/net/network.ts';
import { until } from '../../../helpers/until.ts';
import { echo, RawClient, serve } from './echo.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

describe('a network', () => {
  test('frees the port when it is closed, with clients connected', async () => {
    const server = await serve(echo);
    const raw = await RawClient.connect(server.port);
    raw.send('a');
    expect(await raw.text()).toBe('a');
    await server.stop();
    expect(await raw.next()).toBeNull();
    const again = await serve(echo, { listener: { port: server.port } });
    expect(again.port).toBe(server.port);
    await again.stop();
  });

  test('says in one sentence that a port is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => other.close());
    const { port } = other.address() as AddressInfo;
    const refusal = serve(echo, { listener: { port } });
    await expect(refusal).rejects.toBeInstanceOf(ListenError);
    await expect(refusal).rejects.toMatchObject({ code: 'EADDRINUSE', port });
  });

  test('says which address is not its own', async () => {
    await expect(serve(echo, { listener: { host: '203.0.113.1' } })).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
    });
  });

  test('closes connections beyond max.connections.per.ip', async () => {
    const server = await serve(echo, { maxConnectionsPerIp: 2 });
    cleanups.push(() => server.stop());
    const first = await RawClient.connect(server.port);
    const second = await RawClient.connect(server.port);
    const third = await RawClient.connect(server.port);
    cleanups.push(() => first.close());
    expect(await third.next()).toBeNull();
    second.send('b');
    expect(await second.text()).toBe('b');
    second.socket.end();
    expect(await second.next()).toBeNull();
    const fourth = await RawClient.connect(server.port);
    fourth.send('d');
    expect(await fourth.text()).toBe('d');
    fourth.close();
  });

  test('serves connections beyond max.connections when others have ended', async () => {
    const server = await serve(echo, { maxConnections: 1 });
    cleanups.push(() => server.stop());
    const first = await RawClient.connect(server.port);
    first.send('a');
    expect(await first.text()).toBe('a');
    const second = await RawClient.connect(server.port);
    second.send('b');
    first.send('c');
    expect(await first.text()).toBe('c');
    expect(server.network.metrics.connectionsOpen).toBe(1);
    first.close();
    expect(await second.text()).toBe('b');
    second.close();
  });

  test('closes idle connections and counts them', async () => {
    const server = await serve(echo, { maxIdleMs: 1 });
    cleanups.push(() => server.stop());
    const raw = await RawClient.connect(server.port);
    expect(await raw.next()).toBeNull();
    expect(server.network.metrics.connectionsIdledOut).toBe(1);
  });

  test('takes a client that trickles bytes for idle', async () => {
    const server = await serve(echo, { maxIdleMs: 1 });
    cleanups.push(() => server.stop());
    const raw = await RawClient.connect(server.port);
    const trickle = setInterval(() => raw.socket.write('\0'), 100);
    cleanups.push(() => clearInterval(trickle));
    raw.socket.write(Buffer.from([0, 0, 255, 255]));
    expect(await raw.next()).toBeNull();
    expect(server.closed).toEqual(['the connection was idle']);
  });

  test('allocates little for large requests that are only announced', async () => {
    const server = await serve(echo);
    cleanups.push(() => server.stop());
    const before = process.memoryUsage();
    const liars: RawClient[] = [];
    for (let i = 0; i < 200; i++) {
      const raw = await RawClient.connect(server.port);
      const start = Buffer.alloc(20);
      start.writeInt32BE(100 * 1024 * 1024);
      raw.socket.write(start);
      liars.push(raw);
    }
    cleanups.push(() => {
      for (const raw of liars) raw.close();
    });
    const honest = await RawClient.connect(server.port);
    cleanups.push(() => honest.close());
    honest.send('a');
    expect(await honest.text()).toBe('a');
    expect(process.memoryUsage().arrayBuffers - before.arrayBuffers).toBeLessThan(10 * 1024 * 1024);
    honest.send(Buffer.alloc(3_000_000, 5));
    expect((await honest.next())?.length).toBe(3_000_000);
  });

  test('serves others while stalled requests fill the memory for unfinished ones', async () => {
    let nowMs = 0;
    const server = await serve(echo, {
      frameBudgetBytes: 4 * 1024 * 1024,
      stalledFrameMs: 5000,
      nowMs: () => nowMs,
    });
    cleanups.push(() => server.stop());
    const stalled: RawClient[] = [];
    cleanups.push(() => {
      for (const raw of stalled) raw.close();
    });
    // Each gets 256 KiB, within its fair share, so that none waits and all that was sent is taken.
    const part = Buffer.alloc(60_000);
    part.writeInt32BE(50_000_000);
    for (let i = 0; i < 8; i++) {
      const raw = await RawClient.connect(server.port);
      raw.socket.write(part);
      stalled.push(raw);
    }
    await until(() => server.network.metrics.bytesIn === stalled.length * part.length);
    expect(server.network.buffers.heldBytes).toBe(8 * 256 * 1024);
    nowMs = 5000;
    const honest = await RawClient.connect(server.port);
    cleanups.push(() => honest.close());
    for (let i = 0; i < 5; i++) {
      honest.send(Buffer.alloc(3_500_000, i));
      expect((await honest.next())?.length).toBe(3_500_000);
    }
    expect(server.network.buffers.evictions).toBe(8);
  });

  test("gives every connection a number of its own and Java's form of its address", async () => {
    const seen: string[] = [];
    const network = new Network();
    cleanups.push(() => network.close());
    const listener = await network.listen({
      name: 'INTERNAL',
      host: '127.0.0.1',
      port: 0,
      maxRequestBytes: 1000,
      open: (channel) => {
        seen.push(
          `${channel.id} ${channel.listenerName} ${channel.remoteHost} ${channel.localPort === listener.port}`,
        );
        return { receive: () => 'close', overlaps: () => false, closed: () => {} };
      },
    });
    for (let i = 0; i < 2; i++) {
      const raw = await RawClient.connect(listener.port);
      raw.send('x');
      await raw.next();
    }
    expect(seen).toEqual(['1 INTERNAL 127.0.0.1 true', '2 INTERNAL 127.0.0.1 true']);
  });
});
