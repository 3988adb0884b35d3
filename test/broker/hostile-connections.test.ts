// A whole broker against clients that cost it memory: each test states its budget for the growth of the resident set.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ApiVersions } from '../../protocol/messages/api-versions.ts';
import { Fetch } from '../../protocol/messages/fetch.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker } from '../helpers/broker-process.ts';
import { createTopic, fetch, fetchRequest, produce } from '../helpers/data-client.ts';
import { MIB, openFileCount, openFileLimit, residentBytes } from '../helpers/process-memory.ts';
import { until } from '../helpers/until.ts';
import { WireClient } from '../helpers/wire-client.ts';

const software = { clientSoftwareName: 'hostile-test', clientSoftwareVersion: '1' };
const TOPIC = 'honest';
const IDLE_MS = 2_000;
/** Connections that are opened at the same time; what the backlog does not hold would wait a second. */
const BACKLOG = 200;

let broker: BrokerProcess;
let good: WireClient;

beforeAll(async () => {
  broker = await startBroker({
    overrides: { 'auto.create.topics.enable': 'false', 'socket.listen.backlog.size': `${2 * BACKLOG}` },
  });
  good = await WireClient.connect(broker.port);
  expect(await createTopic(good, TOPIC)).toBe(0);
  // The code that honest requests need is compiled before memory is compared.
  for (let i = 0; i < 20; i++) await roundTrip(10_000);
});

afterAll(async () => {
  good?.close();
  expect(broker?.output()).not.toMatch(/"level":"(error|fatal)"/);
  await broker?.stop();
  broker?.clean();
});

/** What an honest client does: it writes, and reads what it wrote. */
async function roundTrip(bytes: number): Promise<void> {
  const value = 'r'.repeat(bytes);
  const { errorCode, baseOffset } = await produce(good, TOPIC, [value]);
  expect(errorCode).toBe(0);
  const { records } = await fetch(good, TOPIC, baseOffset, 0, 2 * MIB);
  expect(records[0]?.value === value).toBe(true);
}

async function open(count: number, first?: Buffer): Promise<WireClient[]> {
  const clients: WireClient[] = [];
  for (let done = 0; done < count; done += BACKLOG) {
    const group = Array.from({ length: Math.min(BACKLOG, count - done) }, () =>
      WireClient.connect(broker.port),
    );
    for (const client of await Promise.all(group)) {
      if (first !== undefined) client.sendBytes(first);
      clients.push(client);
    }
    // The honest client also keeps its connection from being idle.
    await good.send(ApiVersions, 3, software);
  }
  return clients;
}

/** Ends connections, and waits until the broker has let go of them. */
async function closeAll(clients: readonly WireClient[]): Promise<void> {
  for (const client of clients) client.socket.resetAndDestroy();
  await until(async () => {
    await good.send(ApiVersions, 3, software);
    return openFileCount(broker.pid) < 200;
  });
}

describe('an honest client', () => {
  test('writes and reads while 200 others announce 100 MiB each and send a little of it', async () => {
    const before = residentBytes(broker.pid);
    // 300 KiB each: beyond the buffers of the kernel, so that the broker holds them.
    const part = Buffer.alloc(300 * 1024);
    part.writeInt32BE(100 * MIB);
    const liars = await open(200, part);
    for (let i = 0; i < 20; i++) await roundTrip(500_000);
    // 60 MB were sent; a buffer is at most four times what has arrived, and only its used pages are resident.
    expect(residentBytes(broker.pid) - before).toBeLessThan(200 * MIB);
    await closeAll(liars);
    await roundTrip(1000);
  });

  test('is served while others ask for 50 MB each and never read it', async () => {
    for (let i = 0; i < 60; i++) await produce(good, TOPIC, ['r'.repeat(900_000)]);
    const before = residentBytes(broker.pid);
    const slow = await open(100);
    for (const client of slow) {
      client.socket.pause();
      client.post(Fetch, 12, fetchRequest(TOPIC, 0, 50 * MIB));
      client.post(Fetch, 12, fetchRequest(TOPIC, 0, 50 * MIB));
    }
    for (let i = 0; i < 20; i++) await roundTrip(100_000);
    // The answers together would be 5 GB.
    expect(residentBytes(broker.pid) - before).toBeLessThan(450 * MIB);
    await closeAll(slow);
  });

  test('that reads slowly gets all of a large answer', async () => {
    const client = await WireClient.connect(broker.port);
    client.socket.pause();
    client.post(Fetch, 12, fetchRequest(TOPIC, 0, 20 * MIB));
    await roundTrip(1000);
    const pace = setInterval(() => {
      client.socket.resume();
      setImmediate(() => client.socket.pause());
    }, 1);
    const frame = await client.nextFrame();
    clearInterval(pace);
    expect(frame.length).toBeGreaterThan(15 * MIB);
    client.close();
  });

  test('is served while thousands of connections come and go', async () => {
    for (let round = 0; round < 20; round++) {
      const clients = await open(100);
      clients.forEach((client, index) => {
        if (index % 3 === 0) client.post(ApiVersions, 3, software);
        if (index % 2 === 0) client.socket.resetAndDestroy();
        else client.close();
      });
      await roundTrip(100);
    }
    await closeAll([]);
  });
});

describe('a connection that trickles', () => {
  let impatient: BrokerProcess;

  beforeAll(async () => {
    impatient = await startBroker({ overrides: { 'connections.max.idle.ms': `${IDLE_MS}` } });
  });

  afterAll(async () => {
    await impatient?.stop();
    impatient?.clean();
  });

  test.each([
    ['its size prefix', Buffer.from('000000', 'hex')],
    ['an ApiVersions request', Buffer.from('0000000a00120000000000', 'hex')],
    ['a produce request', Buffer.from('00100000000000090000', 'hex')],
  ])('%s is closed when it was idle for too long', async (_name, bytes) => {
    const client = await WireClient.connect(impatient.port);
    let sent = 0;
    const drip = setInterval(() => {
      if (sent < bytes.length) client.sendBytes(bytes.subarray(sent, ++sent));
    }, IDLE_MS / 10);
    await client.closed;
    clearInterval(drip);
    expect(sent).toBeGreaterThan(2);
  });
});

describe('connections by the thousand', () => {
  /** Both ends count against limits of open files: that of this process, and that of the broker. */
  const count = Math.min(10_000, Math.max(100, openFileLimit() - 2_000));
  const budget = 30 * 1024 * count;

  test.each([
    ['silent', undefined],
    ['stopped in their size prefix', Buffer.from([0, 0])],
    ['stopped in their header', Buffer.from('000000200012', 'hex')],
  ])(`(${count} that are %s) cost at most 30 KiB each`, async (_name, first) => {
    const before = residentBytes(broker.pid);
    const clients = await open(count, first);
    await roundTrip(1000);
    expect(residentBytes(broker.pid) - before).toBeLessThan(budget);
    await closeAll(clients);
    await roundTrip(1000);
  });
});
