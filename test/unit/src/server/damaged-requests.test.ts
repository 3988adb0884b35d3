import { expect, test } from 'vitest';
import { encodeRequestFrame } from '../../../../protocol/frame.ts';
import { apis } from '../../../../protocol/messages/index.ts';
import { Metadata } from '../../../../protocol/messages/metadata.ts';
import { Produce } from '../../../../protocol/messages/produce.ts';
import { handler, NO_RESPONSE, register } from '../../../../src/server/handler.ts';
import { Session } from '../../../../src/server/session.ts';

const FRAMES_PER_VERSION = 200;

/** A small generator with a seed, so that a failure comes back. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const bugs: unknown[] = [];

function makeSession(): Session {
  const refuse = () => ({}) as never;
  const handlers = register(apis.map((api) => handler(api, { run: () => NO_RESPONSE, refuse })));
  return new Session(
    {
      handlers,
      scope: 'broker',
      nowMs: () => 0,
      log: { debug: () => {}, error: (fields) => bugs.push(fields) },
    },
    {
      id: 1,
      listenerName: 'PLAINTEXT',
      remoteHost: '127.0.0.1',
      mute: () => {},
    },
  );
}

const exchange = {
  takesLateChunks: false,
  fillLate: () => {},
  afterWrite: () => {},
  closeAfterReply: () => {},
  holdOthers: () => {},
};

test.each(apis.map((api) => [api.name, api] as const))(
  'damaged %s requests of every version are read or refused, and are no bugs',
  (_name, api) => {
    const session = makeSession();
    const random = randomFrom(api.key + 1);
    bugs.length = 0;
    for (let version = api.versions[0]; version <= api.versions[1]; version++) {
      for (let i = 0; i < FRAMES_PER_VERSION; i++) {
        const frame = Buffer.alloc(8 + random(i % 10 === 0 ? 3000 : 60));
        // Half of the bytes are small, so that lengths are often plausible.
        for (let at = 0; at < frame.length; at++) frame[at] = random(2) === 0 ? random(4) : random(256);
        frame.writeInt16BE(api.key, 0);
        frame.writeInt16BE(version, 2);
        expect(['none', 'close']).toContain(session.receive(frame, exchange));
      }
    }
    expect(bugs).toEqual([]);
  },
);

test.each([
  ['Produce', 9],
  ['Produce', 3],
  ['Metadata', 12],
  ['Metadata', 1],
] as const)(
  'a %s request version %i is refused or read at every cut and with every byte changed',
  (name, version) => {
    const header = { correlationId: 7, clientId: 'client' };
    const chunks =
      name === 'Produce'
        ? encodeRequestFrame(Produce, version, header, {
            transactionalId: null,
            acks: -1,
            timeoutMs: 1000,
            topicData: [{ name: 'topic', partitionData: [{ index: 0, records: Buffer.alloc(70, 1) }] }],
          })
        : encodeRequestFrame(Metadata, version, header, {
            topics: [{ name: 'topic', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }],
            allowAutoTopicCreation: true,
            includeClusterAuthorizedOperations: false,
            includeTopicAuthorizedOperations: false,
          });
    const frame = Buffer.concat(chunks).subarray(4);
    const session = makeSession();
    bugs.length = 0;
    for (let end = 0; end < frame.length; end++) {
      expect(session.receive(Buffer.from(frame.subarray(0, end)), exchange)).toBe('close');
    }
    for (let at = 4; at < frame.length; at++) {
      for (let byte = 0; byte < 256; byte++) {
        const changed = Buffer.from(frame);
        changed[at] = byte;
        expect(['none', 'close']).toContain(session.receive(changed, exchange));
      }
    }
    expect(session.receive(frame, exchange)).toBe('none');
    expect(bugs).toEqual([]);
  },
);

test('a request with huge counts allocates little', () => {
  const session = makeSession();
  const before = process.memoryUsage();
  for (let i = 0; i < 1000; i++) {
    // Metadata 1 with 2^31 - 1 topics.
    expect(session.receive(Buffer.from('0003000100000001ffff7fffffff', 'hex'), exchange)).toBe('close');
  }
  const after = process.memoryUsage();
  expect(after.heapTotal - before.heapTotal + after.arrayBuffers - before.arrayBuffers).toBeLessThan(
    20_000_000,
  );
});
