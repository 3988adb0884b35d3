/**
 * Clients that mean harm beside one that does not: they announce much and send little, ask and never read, come and go,
 * send garbage, or fall silent in the midst of a request. The honest one is served all the while, and memory is bounded.
 */
import { ApiVersions } from '../../protocol/messages/api-versions.ts';
import { Fetch } from '../../protocol/messages/fetch.ts';
import { startBroker } from '../../test/helpers/broker-process.ts';
import { createTopic, fetch, fetchRequest, produce } from '../../test/helpers/data-client.ts';
import { MIB, residentBytes } from '../../test/helpers/process-memory.ts';
import { WireClient } from '../../test/helpers/wire-client.ts';
import type { TorturePart, TortureRound } from './part.ts';
import { assertQuiet, below } from './part.ts';

const TOPIC = 'honest';
const ATTACKS = 400;
const CROWD = 150;
const MAX_RESIDENT_BYTES = 1024 * MIB;
const ROUND_TRIP_EVERY = 10;

type Attack = (client: WireClient, random: () => number) => void;

const announce: Attack = (client, random) => {
  const size = Buffer.alloc(4);
  size.writeInt32BE(below(random, 100 * MIB));
  client.sendBytes(Buffer.concat([size, Buffer.alloc(below(random, 2_000), 3)]));
};

const neverRead: Attack = (client, random) => {
  client.socket.pause();
  for (let count = below(random, 30); count >= 0; count--) {
    client.post(Fetch, 12, fetchRequest(TOPIC, 0, 50 * MIB));
  }
};

const garbage: Attack = (client, random) => {
  const bytes = Buffer.alloc(below(random, 500));
  for (let at = 0; at < bytes.length; at++) bytes.writeUInt8(below(random, 256), at);
  client.sendFrame(bytes);
};

const halfOpen: Attack = (client) => {
  client.post(ApiVersions, 3, { clientSoftwareName: 'half', clientSoftwareVersion: '1' });
  client.sendBytes(Buffer.from([0, 0, 0]));
};

const comeAndGo: Attack = (client) => client.socket.resetAndDestroy();

const attacks = [announce, neverRead, garbage, halfOpen, comeAndGo];

async function roundTrip(client: WireClient, value: string): Promise<void> {
  const { errorCode, baseOffset } = await produce(client, TOPIC, [value]);
  if (errorCode !== 0) throw new Error(`the honest client was refused with ${errorCode}`);
  const { records } = await fetch(client, TOPIC, baseOffset);
  if (records[0]?.value !== value) throw new Error('the honest client read something else than it wrote');
}

async function run({ random, say }: TortureRound): Promise<void> {
  const broker = await startBroker({ overrides: { 'auto.create.topics.enable': 'false' } });
  const crowd: WireClient[] = [];
  let largest = 0;
  try {
    const honest = await WireClient.connect(broker.port);
    if ((await createTopic(honest, TOPIC)) !== 0) throw new Error('the topic could not be made');
    for (let count = 0; count < 40; count++) await roundTrip(honest, `first ${count}`.padEnd(50_000, '.'));
    for (let count = 0; count < ATTACKS; count++) {
      const client = await WireClient.connect(broker.port);
      attacks[below(random, attacks.length)]?.(client, random);
      crowd.push(client);
      if (crowd.length > CROWD) crowd.splice(below(random, crowd.length), 1)[0]?.close();
      if (count % ROUND_TRIP_EVERY === 0) await roundTrip(honest, `${count}`);
      largest = Math.max(largest, residentBytes(broker.pid));
    }
    await roundTrip(honest, 'last');
    honest.close();
    say(`  ${ATTACKS} attacks, at most ${Math.round(largest / MIB)} MiB`);
    if (largest > MAX_RESIDENT_BYTES) throw new Error('the broker has grown too large');
    assertQuiet(broker.output());
  } finally {
    for (const client of crowd) client.close();
    await broker.stop();
    broker.clean();
  }
}

export const hostile: TorturePart = { name: 'hostile', run };
