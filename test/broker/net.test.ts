// The ports of a whole broker against clients that mean no good: announced sizes, floods, silence, garbage.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ApiVersions } from '../../protocol/messages/api-versions.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker } from '../helpers/broker-process.ts';
import { WireClient } from '../helpers/wire-client.ts';

const software = { clientSoftwareName: 'net-test', clientSoftwareVersion: '1' };
const MIB = 1024 * 1024;

let broker: BrokerProcess;
let good: WireClient;

beforeAll(async () => {
  broker = await startBroker();
  good = await WireClient.connect(broker.port);
});

afterAll(async () => {
  good?.close();
  await broker?.stop();
  broker?.clean();
});

const residentBytes = () =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${broker.pid}/status`, 'utf8'))?.[1]) * 1024;

const isServing = async () => expect((await good.send(ApiVersions, 3, software)).errorCode).toBe(0);

async function open(count: number, first?: Buffer): Promise<WireClient[]> {
  const clients: WireClient[] = [];
  for (let i = 0; i < count; i++) {
    const client = await WireClient.connect(broker.port);
    if (first !== undefined) client.sendBytes(first);
    clients.push(client);
  }
  return clients;
}

const close = (clients: readonly WireClient[]) => {
  for (const client of clients) client.close();
};

describe('the ports of a broker', () => {
  test('answer requests in order however they are cut', async () => {
    const client = await WireClient.connect(broker.port);
    for (let i = 0; i < 500; i++) client.post(ApiVersions, i % 4, software);
    for (let i = 0; i < 500; i++) expect((await client.nextFrame()).readInt32BE(0)).toBe(i);
    const one = Buffer.from('0000000a' + '00120000' + '00000007' + 'ffff', 'hex');
    for (const byte of one) {
      client.sendBytes(Buffer.from([byte]));
      await isServing();
    }
    expect((await client.nextFrame()).readInt32BE(0)).toBe(7);
    client.close();
  });

  test.each([
    ['a negative size', 'ffffffff'],
    ['a size above socket.request.max.bytes', '06400001'],
    ['an unknown API', '000000087fff000000000000'],
    ['TLS where there is none', '16030100c8010000c40303'],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n').toString('hex')],
  ])('close a connection that sends %s, and no other', async (_name, hex) => {
    const client = await WireClient.connect(broker.port);
    client.sendBytes(Buffer.from(hex, 'hex'));
    await client.closed;
    await isServing();
  });

  test('hardly notice 200 clients that announce 100 MiB each', async () => {
    await isServing();
    const before = residentBytes();
    const start = Buffer.alloc(1000);
    start.writeInt32BE(100 * MIB);
    const liars = await open(200, start);
    await isServing();
    expect(residentBytes() - before).toBeLessThan(40 * MIB);
    close(liars);
    await isServing();
  });

  test('serve on while a thousand clients are silent', async () => {
    const silent = await open(1000);
    await isServing();
    close(silent);
    await isServing();
  });

  test('serve on while clients come and go', async () => {
    for (let i = 0; i < 300; i++) {
      const client = await WireClient.connect(broker.port);
      if (i % 3 === 0) client.post(ApiVersions, 3, software);
      if (i % 2 === 0) client.socket.resetAndDestroy();
      else client.close();
    }
    await isServing();
  });

  test('stay small when a client asks and never reads', async () => {
    const before = residentBytes();
    const client = await WireClient.connect(broker.port);
    client.socket.pause();
    // Some 25 MB of requests, whose answers would be some 500 MB.
    let isFull = false;
    for (let i = 0; i < 1_000_000 && !isFull; i++) {
      client.post(ApiVersions, 0, software);
      isFull = client.socket.writableLength > 4 * MIB;
      if (i % 1000 === 0) await isServing();
    }
    await isServing();
    expect(residentBytes() - before).toBeLessThan(100 * MIB);
    client.close();
  });
});
