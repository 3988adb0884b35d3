import { describe, expect, expectTypeOf, test, vi } from 'vitest';
import {
  decodeMessage,
  decodeMessageAt,
  decodeRequest,
  decodeResponse,
  encodeMessage,
  encodeRequest,
  encodeResponse,
} from '../../../protocol/codec.ts';
import { ErrorCode, MalformedMessage } from '../../../protocol/errors.ts';
import { readStruct } from '../../../protocol/interpret.ts';
import { Fetch } from '../../../protocol/messages/fetch.ts';
import type { ListOffsets } from '../../../protocol/messages/list-offsets.ts';
import { Metadata } from '../../../protocol/messages/metadata.ts';
import { OffsetCommit } from '../../../protocol/messages/offset-commit.ts';
import { Produce } from '../../../protocol/messages/produce.ts';
import { MAX_ELEMENTS, Reader } from '../../../protocol/reader.ts';
import type { RequestInput, RequestOf, ResponseInput, ResponseOf } from '../../../protocol/schema.ts';
import {
  array,
  bytes,
  ignorable,
  int8,
  int32,
  int64,
  message,
  nullable,
  or,
  since,
  string,
  struct,
  tagged,
} from '../../../protocol/schema.ts';
import { unsignedVarintSize, writeUnsignedVarint } from '../../../protocol/varint.ts';

const metadata = { allowAutoTopicCreation: true, includeTopicAuthorizedOperations: false };
const emptyFetch = { maxWaitMs: 0, minBytes: 0, topics: [], forgottenTopicsData: [] };

function fetchResponse(records: Buffer | readonly Buffer[] | null): ResponseInput<typeof Fetch> {
  const partition = { partitionIndex: 0, errorCode: 0, highWatermark: 5, abortedTransactions: null, records };
  return {
    throttleTimeMs: 0,
    errorCode: 0,
    responses: [{ topic: 't', topicId: '', partitions: [partition] }],
  };
}

describe('types', () => {
  test('A decoded object has every field, an input may leave out what has a default.', () => {
    expectTypeOf<RequestOf<typeof Fetch>['rackId']>().toEqualTypeOf<string>();
    expectTypeOf<RequestOf<typeof Fetch>['clusterId']>().toEqualTypeOf<string | null>();
    expectTypeOf<
      ResponseOf<typeof ListOffsets>['topics'][number]['partitions'][number]['timestamp']
    >().toBeBigInt();
    expectTypeOf(emptyFetch).toExtend<RequestInput<typeof Fetch>>();
    expectTypeOf<RequestOf<typeof Fetch>>().toExtend<RequestInput<typeof Fetch>>();
    expectTypeOf<Omit<typeof emptyFetch, 'minBytes'>>().not.toExtend<RequestInput<typeof Fetch>>();
  });
});

describe('versions', () => {
  test('Fields that a version lacks are decoded to their defaults.', () => {
    const body = Buffer.concat(encodeRequest(Fetch, 4, { ...emptyFetch, maxBytes: 7, isolationLevel: 1 }));
    const { value } = decodeRequest(Fetch, 4, body);
    expect(value).toMatchObject({
      maxBytes: 7,
      isolationLevel: 1,
      sessionEpoch: -1,
      rackId: '',
      clusterId: null,
    });
    expect(value.replicaState).toEqual({ replicaId: -1, replicaEpoch: -1 });
  });

  test('An ignorable value is dropped in a version that lacks it.', () => {
    const withRack = Buffer.concat(encodeRequest(Fetch, 10, { ...emptyFetch, rackId: 'r1' }));
    expect(withRack).toEqual(Buffer.concat(encodeRequest(Fetch, 10, emptyFetch)));
  });

  test('Any other value is refused with UNSUPPORTED_VERSION in a version that lacks it.', () => {
    const forgotten = [{ topic: 't', topicId: '', partitions: [1] }];
    expect(() => encodeRequest(Fetch, 6, { ...emptyFetch, forgottenTopicsData: forgotten })).toThrow(
      expect.objectContaining({ name: 'KafkaError', code: ErrorCode.UNSUPPORTED_VERSION }),
    );
    const state = { replicaId: 1, replicaEpoch: 2 };
    expect(() => encodeRequest(Fetch, 14, { ...emptyFetch, replicaState: state })).toThrow('replicaState');
    expect(() => encodeRequest(Fetch, 15, { ...emptyFetch, replicaState: state })).not.toThrow();
  });

  test('A version that the schema does not have is a bug of the caller.', () => {
    expect(() => decodeRequest(Fetch, 17, Buffer.alloc(0))).toThrow('The schema does not have this version.');
    expect(() => encodeRequest(Fetch, -1, emptyFetch)).toThrow('The schema does not have this version.');
  });

  test('Null where it is not allowed is malformed when read and a bug when written.', () => {
    const nullTopics = Buffer.from('ffffffff', 'hex');
    expect(() => decodeRequest(Metadata, 0, nullTopics)).toThrow(MalformedMessage);
    expect(decodeRequest(Metadata, 1, nullTopics).value.topics).toBeNull();
    expect(() => encodeRequest(Metadata, 0, { ...metadata, topics: null })).toThrow('may not be null');
  });
});

describe('int64', () => {
  test('Long.MAX does not come back as Long.MIN.', () => {
    const wire = message({ name: 'Probe', versions: [0, 0], flexible: 'none', fields: { value: int64 } });
    const maximum = Buffer.from('7fffffffffffffff', 'hex');
    const { value } = decodeMessage(wire, 0, maximum);
    expect(value).toBe(2 ** 63);
    expect(encodeMessage(wire, 0, { value })).toEqual(maximum);
    expect(encodeMessage(wire, 0, { value: Number.POSITIVE_INFINITY })).toEqual(maximum);
    expect(encodeMessage(wire, 0, { value: -(2 ** 64) }).toString('hex')).toBe('8000000000000000');
  });

  test.each([0, -1, 1, 2 ** 32, -(2 ** 32), 2 ** 53 - 1, -(2 ** 53)])('%i comes back.', (value) => {
    const wire = message({ name: 'Probe', versions: [0, 0], flexible: 'none', fields: { value: int64 } });
    expect(decodeMessage(wire, 0, encodeMessage(wire, 0, { value }))).toEqual({ value });
  });

  test("A client's own number comes back bit for bit, and may be given as a number.", () => {
    const partition = { partitionIndex: 0, committedMetadata: null };
    const request = (committedOffset: bigint | number): RequestInput<typeof OffsetCommit> => ({
      groupId: 'g',
      memberId: '',
      topics: [{ name: 't', partitions: [{ ...partition, committedOffset }] }],
    });
    const body = Buffer.concat(encodeRequest(OffsetCommit, 8, request(9_007_199_254_740_993n)));
    const { value } = decodeRequest(OffsetCommit, 8, body);
    expect(value.topics[0]?.partitions[0]?.committedOffset).toBe(9_007_199_254_740_993n);
    expect(encodeRequest(OffsetCommit, 8, request(5))).toEqual(encodeRequest(OffsetCommit, 8, request(5n)));
  });
});

describe('records', () => {
  test('Decoded records are a view of the frame, decoded bytes a copy.', () => {
    const data = Buffer.alloc(20, 7);
    const [body] = encodeRequest(Produce, 9, {
      acks: 1,
      timeoutMs: 1,
      topicData: [{ name: 't', partitionData: [{ index: 0, records: data }] }],
    });
    const { value } = decodeRequest(Produce, 9, body as Buffer);
    const view = value.topicData[0]?.partitionData[0]?.records as Buffer;
    expect(view).toEqual(data);
    expect(view.buffer).toBe((body as Buffer).buffer);

    const wire = message({ name: 'Probe', versions: [0, 0], flexible: 0, fields: { blob: bytes } });
    const encoded = encodeMessage(wire, 0, { blob: data });
    const { blob } = decodeMessage(wire, 0, encoded);
    encoded.fill(0);
    expect(blob).toEqual(data);
  });

  test('Large record batches are handed through without a copy, in order.', () => {
    const first = Buffer.alloc(5_000, 1);
    const second = Buffer.alloc(3_000, 2);
    const chunks = encodeResponse(Fetch, 12, fetchResponse([first, second]));
    expect(chunks[1]).toBe(first);
    expect(chunks[2]).toBe(second);
    const { value } = decodeResponse(Fetch, 12, Buffer.concat(chunks));
    expect(value.responses[0]?.partitions[0]?.records).toEqual(Buffer.concat([first, second]));
  });

  test('Small ones are copied into the one chunk.', () => {
    expect(encodeResponse(Fetch, 12, fetchResponse(Buffer.alloc(100)))).toHaveLength(1);
  });

  test('Null, an empty buffer and an empty list are told apart only as the wire can.', () => {
    const back = (records: Buffer | readonly Buffer[] | null): Buffer | null | undefined =>
      decodeResponse(Fetch, 12, Buffer.concat(encodeResponse(Fetch, 12, fetchResponse(records)))).value
        .responses[0]?.partitions[0]?.records;
    expect(back(null)).toBeNull();
    expect(back(Buffer.alloc(0))).toEqual(Buffer.alloc(0));
    expect(back([])).toEqual(Buffer.alloc(0));
  });
});

describe('the writer', () => {
  test('Messages given out earlier stay as they are while later ones are written.', () => {
    const kept = Array.from({ length: 500 }, (_, index) =>
      encodeRequest(Fetch, 11, { ...emptyFetch, minBytes: index }),
    );
    kept.forEach((chunks, index) => {
      expect(decodeRequest(Fetch, 11, Buffer.concat(chunks)).value.minBytes).toBe(index);
    });
  });

  test('A message larger than its first buffer is whole.', () => {
    const topics = Array.from({ length: 20_000 }, (_, index) => ({ name: `topic-${index}`, topicId: '' }));
    const body = Buffer.concat(encodeRequest(Metadata, 9, { ...metadata, topics }));
    expect(decodeRequest(Metadata, 9, body).value.topics).toHaveLength(20_000);
  });

  test('A refused message leaves nothing behind in the next one.', () => {
    const good = encodeRequest(Fetch, 6, emptyFetch);
    const bad = { ...emptyFetch, forgottenTopicsData: [{ topic: 't', topicId: '', partitions: [] }] };
    expect(() => encodeRequest(Fetch, 6, bad)).toThrow();
    expect(encodeRequest(Fetch, 6, emptyFetch)).toEqual(good);
  });
});

const probe = message({
  name: 'Probe',
  versions: [0, 1],
  flexible: 0,
  fields: {
    a: int8,
    name: tagged(0, 0, or('none', string)),
    place: tagged(1, 0, struct({ x: int32, y: or(-1, int32) })),
    list: tagged(5, 0, array(int32)),
    later: since(1, ignorable(nullable(string))),
  },
});

describe('tagged fields', () => {
  test('They are sent only when they have not their default, in the order of their tags.', () => {
    expect(encodeMessage(probe, 0, { a: 1, later: null }).toString('hex')).toBe('0100');
    const bytes = encodeMessage(probe, 0, { a: 1, later: null, list: [2], name: 'n' });
    expect(bytes.toString('hex')).toBe('01' + '02' + '0002026e' + '05050200000002');
  });

  test('A size of more than one byte makes room for itself.', () => {
    for (const length of [30, 31, 32, 40, 5_000, 100_000]) {
      const list = Array.from({ length }, (_, index) => index);
      const bytes = encodeMessage(probe, 0, { a: 1, later: null, list });
      expect(decodeMessageAt(probe, 0, bytes)).toMatchObject({ value: { list }, end: bytes.length });
    }
  });

  test('Unknown, repeated and descending tags are accepted, as Kafka does.', () => {
    const bytes = Buffer.from(`01${'04'}0901ff${'0502'}02ff`, 'hex');
    expect(() => decodeMessage(probe, 0, bytes)).toThrow(MalformedMessage);
    const good = Buffer.from('01' + '04' + '0901ff' + '05050200000009' + '0002026f' + '00020270', 'hex');
    expect(decodeMessage(probe, 0, good)).toMatchObject({ list: [9], name: 'p', place: { x: 0, y: -1 } });
  });
});

describe('hostile lengths', () => {
  test.each(['ffffffff07', 'feffffff0f', 'ffffff7f'])(
    'A list that claims %s elements is refused at once.',
    (count) => {
      const bytes = Buffer.from(`01${'01'}05${'7f'}${count}`, 'hex');
      expect(() => decodeMessage(probe, 0, bytes)).toThrow(MalformedMessage);
    },
  );

  test('A string, bytes and records beyond the message are refused at once.', () => {
    expect(() => decodeRequest(Metadata, 0, Buffer.from('000000017fff', 'hex'))).toThrow(MalformedMessage);
    expect(() => decodeRequest(Metadata, 0, Buffer.from('7fffffff', 'hex'))).toThrow(MalformedMessage);
  });

  test('Nothing behind the given end is read.', () => {
    const body = Buffer.concat(encodeRequest(Fetch, 12, emptyFetch));
    const padded = Buffer.concat([Buffer.alloc(3), body, Buffer.alloc(50)]);
    expect(decodeRequest(Fetch, 12, padded, 3, 3 + body.length)).toMatchObject({ end: 3 + body.length });
    for (let cut = 0; cut < body.length; cut++) {
      expect(() => decodeRequest(Fetch, 12, padded, 3, 3 + cut)).toThrow(MalformedMessage);
    }
  });

  test('A message of more elements than any honest one is refused, though its bytes are all there.', () => {
    const wire = message({ name: 'Probe', versions: [0, 0], flexible: 0, fields: { list: array(string) } });
    const claim = (count: number): Buffer =>
      Buffer.concat([Buffer.alloc(5), Buffer.alloc(count, 1), Buffer.alloc(1)]);
    const bytes = claim(MAX_ELEMENTS + 1);
    const start = 5 - unsignedVarintSize(MAX_ELEMENTS + 2);
    writeUnsignedVarint(bytes, start, MAX_ELEMENTS + 2);
    expect(() => decodeMessage(wire, 0, bytes, start)).toThrow('too many elements');
    expect(() => readStruct(new Reader(bytes, start), wire.fields, { number: 0, flexible: true })).toThrow(
      MalformedMessage,
    );
  });

  test('The error names the field.', () => {
    expect(() => decodeRequest(Metadata, 0, Buffer.from('00000001', 'hex'))).toThrow(
      'Metadata.v0.request.topics',
    );
  });

  test('Bytes behind the message are ignored, and any byte but 0 is true.', () => {
    const body = Buffer.concat(encodeRequest(Metadata, 4, { ...metadata, topics: [] }));
    body[4] = 2;
    const { value, end } = decodeRequest(Metadata, 4, Buffer.concat([body, Buffer.alloc(9)]));
    expect(value.allowAutoTopicCreation).toBe(true);
    expect(end).toBe(body.length);
  });
});

describe('text', () => {
  test('A string of 32767 bytes passes, a longer one does not, in either direction.', () => {
    const wire = message({ name: 'Probe', versions: [0, 1], flexible: 1, fields: { text: string } });
    for (const version of [0, 1]) {
      const longest = 'x'.repeat(32_767);
      expect(decodeMessage(wire, version, encodeMessage(wire, version, { text: longest })).text).toBe(
        longest,
      );
      expect(() => encodeMessage(wire, version, { text: `${longest}x` })).toThrow('too long');
    }
    const tooLong = Buffer.concat([Buffer.from('818002', 'hex'), Buffer.alloc(32_768, 0x78)]);
    expect(() => decodeMessage(wire, 1, tooLong)).toThrow(MalformedMessage);
  });
});

describe('no code generation', () => {
  test('Where it is disallowed, the interpreter does the same work.', () => {
    const value = { a: 1, later: 'x', list: [2], name: 'n' };
    const compiled = encodeMessage(probe, 1, value);
    vi.stubGlobal(
      'Function',
      class {
        constructor() {
          throw new EvalError('Code generation from strings disallowed for this context');
        }
      },
    );
    try {
      // A schema of its own, because codecs are kept by schema.
      const fresh = { ...probe, fields: { ...probe.fields } };
      expect(encodeMessage(fresh, 1, value)).toEqual(compiled);
      expect(decodeMessageAt(fresh, 1, compiled)).toEqual(decodeMessageAt(probe, 1, compiled));
      expect(() => decodeMessage(fresh, 1, compiled.subarray(1))).toThrow(MalformedMessage);
    } finally {
      vi.unstubAllGlobals();
    }
  });
});
