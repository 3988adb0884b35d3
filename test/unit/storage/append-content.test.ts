import { beforeAll, describe, expect, test } from 'vitest';
import type { RecordInput } from '../../../protocol/batch/record.ts';
import * as batch from '../../../protocol/batch.ts';
import { compress, prepareCompression } from '../../../protocol/compression/index.ts';
import { COMPRESSION_TYPES, CompressionError } from '../../../protocol/compression/types.ts';
import { xxh32 } from '../../../protocol/compression/xxh32.ts';
import { nodeZstd } from '../../../protocol/compression/zstd.ts';
import type { Content } from '../../../storage/append-content.ts';
import { ContentWalk, compressedContent, contentOf } from '../../../storage/append-content.ts';
import { AppendRefused } from '../../../storage/append-errors.ts';
import { defaultLogConfig } from '../../../storage/log-config.ts';
import { seeded } from './support.ts';

const nowMs = 1_700_000_000_000;
const options = { topicPartition: 'orders-0', config: defaultLogConfig, nowMs };
const compacted = { ...options, config: { ...defaultLogConfig, cleanupPolicy: ['compact' as const] } };

beforeAll(async () => {
  await prepareCompression();
});

/** The batch with this in place of its records section, under another codec. */
function withSection(records: Buffer, codec: number, section: Buffer): Buffer {
  const made = Buffer.concat([records.subarray(0, batch.BATCH_HEADER_SIZE), section]);
  made.writeInt32BE(made.length - batch.LOG_OVERHEAD, 8);
  made.writeInt16BE((batch.attributes(made) & ~7) | codec, 21);
  return made;
}

/** An lz4 frame of stored blocks of these lengths, over and over. */
function lz4Parts(content: Buffer, lengths: readonly number[]): Buffer {
  const header = Buffer.from([0x60, 0x40]);
  const parts: Buffer[] = [Buffer.from([0x04, 0x22, 0x4d, 0x18]), header];
  parts.push(Buffer.from([(xxh32(header) >>> 8) & 0xff]));
  for (let at = 0, i = 0; at < content.length; i++) {
    const part = content.subarray(at, at + (lengths[i % lengths.length] as number));
    const word = Buffer.alloc(4);
    word.writeUInt32LE((part.length | 0x80000000) >>> 0);
    parts.push(word, part);
    at += part.length;
  }
  return Buffer.concat([...parts, Buffer.alloc(4)]);
}

const said = ({ count, maxTimestampMs, hasGaps }: Content) => ({ count, maxTimestampMs, hasGaps });

/** What a walk comes to, a compressed one in steps of `stepBytes`. */
function outcome(records: Buffer, given = options, stepBytes = Number.POSITIVE_INFINITY): unknown {
  try {
    if (batch.compressionId(records) === 0) return said(contentOf(records, given));
    const walk = new ContentWalk(records, given);
    while (!walk.advance(stepBytes));
    return said(walk.result());
  } catch (error) {
    if (error instanceof AppendRefused) return { ...error.refusal() };
    if (error instanceof CompressionError) return error.failure;
    throw error;
  }
}

function randomRecords(random: () => number): RecordInput[] {
  const bytes = (most: number): Buffer => Buffer.alloc(Math.floor(random() * most), 'some bytes');
  const nullable = (most: number): Buffer | null => (random() < 0.3 ? null : bytes(most));
  return Array.from({ length: 1 + Math.floor(random() * 5) }, () => ({
    key: nullable(20),
    value: nullable(random() < 0.2 ? 20_000 : 40),
    timestampMs: nowMs - Math.floor(random() * (random() < 0.5 ? 100 : 1e9)),
    headers: Array.from({ length: random() < 0.5 ? 0 : Math.floor(random() * 4) }, () => ({
      key: bytes(9).toString(),
      value: nullable(9),
    })),
  }));
}

describe('A walk over pieces', () => {
  const SEED = 4_711;

  test(`finds what a walk over the whole finds, wherever the pieces end (seed ${SEED})`, () => {
    const random = seeded(SEED);
    let accepted = 0;
    for (let round = 0; round < 4000; round++) {
      const records = batch.buildBatch({ records: randomRecords(random) });
      const section = records.subarray(batch.BATCH_HEADER_SIZE);
      for (let changes = Math.floor(random() * 3); changes > 0; changes--) {
        section[Math.floor(random() * Math.min(section.length, 200))] = Math.floor(random() * 256);
      }
      if (random() < 0.1) records.writeInt32BE(Math.floor(random() * 8), 57);
      const cut = random() < 0.2 ? section.subarray(0, Math.floor(random() * section.length)) : section;
      const given = random() < 0.5 ? options : compacted;
      const whole = outcome(withSection(records, 0, cut), given) as { reason?: string };
      const lengths = Array.from({ length: 3 }, () => 1 + Math.floor(random() * (random() < 0.5 ? 3 : 50)));
      const parts = withSection(records, 3, lz4Parts(cut, lengths));
      const inParts = outcome(parts, given, random() < 0.5 ? 1 : undefined) as { reason?: string };
      // A record that is both longer than its batch and not well formed is refused for what is found first.
      const isLong = whole.reason === 'a record is longer than its batch';
      const isBad = inParts.reason === 'a record is not well formed';
      expect(isLong && isBad ? whole : inParts).toEqual(whole);
      if (whole.reason === undefined) accepted++;
    }
    expect(accepted).toBeGreaterThan(500);
    expect(accepted).toBeLessThan(3500);
  });

  test('refuses numbers of more bytes than theirs have, and takes those of as many', () => {
    const records = batch.buildBatch({ records: [{ value: null, timestampMs: nowMs }] });
    // Attributes, timestamp, offset, key, value, one header: its key, its value.
    const fields = ['00', '00', '00', '01', '01', '02', '0278', '01'];
    const padded = (hex: string, bytes: number): string => {
      const first = (Number.parseInt(hex.slice(0, 2), 16) | 0x80).toString(16);
      return `${first}${'80'.repeat(bytes - 2)}00${hex.slice(2)}`;
    };
    for (let at = 1; at < fields.length; at++) {
      const most = at === 1 ? 10 : 5;
      for (const bytes of [most, most + 1]) {
        const body = fields.map((hex, index) => (index === at ? padded(hex, bytes) : hex)).join('');
        const section = Buffer.from(`${body.length.toString(16).padStart(2, '0')}${body}`, 'hex');
        const whole = outcome(withSection(records, 0, section));
        expect('count' in (whole as object)).toBe(bytes === most);
        expect(outcome(withSection(records, 3, lz4Parts(section, [1])))).toEqual(whole);
        expect(outcome(withSection(records, 3, lz4Parts(section, [3])))).toEqual(whole);
      }
    }
    for (const length of [padded('10', 5), padded('10', 6)]) {
      const section = Buffer.from(`${length}00000001010202780100`.slice(0, length.length + 16), 'hex');
      const whole = outcome(withSection(records, 0, section));
      expect(outcome(withSection(records, 3, lz4Parts(section, [1])))).toEqual(whole);
    }
  });

  test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'of %s can rest after every piece, with its bytes elsewhere afterwards',
    (compression) => {
      const records = Array.from({ length: 3000 }, (_, i) => ({
        value: Buffer.alloc(i % 7 === 0 ? 5000 : 30, `value ${i} `),
        timestampMs: nowMs - i,
      }));
      const bytes = batch.buildBatch({ records, compression });
      const walk = compressedContent(bytes, () => options);
      let rests = 0;
      for (let at = bytes; walk?.advance(1) === false; rests++) {
        const moved = Buffer.from(at);
        walk.moveTo(moved);
        at.fill(0);
        at = moved;
        // Others are walked meanwhile.
        expect(outcome(batch.buildBatch({ records: records.slice(0, 9), compression }))).toMatchObject({
          count: 9,
        });
      }
      expect(rests).toBeGreaterThan(4);
      expect(walk?.result()).toMatchObject({ count: 3000, maxTimestampMs: nowMs, hasGaps: false });
    },
  );

  test('begins again when it is told to, in the midst of a record too', () => {
    const records = [1, 2, 3].map((i) => ({ value: Buffer.alloc(300_000, `${i}`), timestampMs: nowMs + i }));
    const walk = new ContentWalk(batch.buildBatch({ records, compression: 'lz4' }), options);
    expect(walk.advance(400_000)).toBe(false);
    walk.restart();
    expect(walk.advance()).toBe(true);
    expect(walk.result()).toMatchObject({ count: 3, maxTimestampMs: nowMs + 3, hasGaps: false });
    expect(walk.spentBytes).toBeGreaterThan(1_300_000);
  });

  test('counts small records for more than their bytes', () => {
    const records = Array.from({ length: 1000 }, () => ({ value: null, timestampMs: nowMs }));
    const bytes = batch.buildBatch({ records, compression: 'gzip' });
    const walk = new ContentWalk(bytes, options);
    walk.advance();
    expect(walk.spentBytes).toBeGreaterThan(30_000);
  });

  test('needs memory for one piece, whatever the batch unfolds to', () => {
    const one = batch.buildBatch({
      records: [{ value: Buffer.alloc(100 * 1024 * 1024), timestampMs: nowMs }],
    });
    const section = one.subarray(batch.BATCH_HEADER_SIZE);
    for (const [codec, name] of COMPRESSION_TYPES.entries()) {
      // Where Node has no zstd of its own, frames are unfolded whole, and 32 MiB are the most.
      if (name === 'none' || (name === 'zstd' && nodeZstd === null)) continue;
      const folded = withSection(one, codec, compress(name, section));
      const walk = new ContentWalk(folded, options);
      const before = process.memoryUsage();
      expect(walk.advance(50 * 1024 * 1024)).toBe(false);
      const after = process.memoryUsage();
      const grown = after.external + after.arrayBuffers - before.external - before.arrayBuffers;
      expect(grown).toBeLessThan(24 * 1024 * 1024);
      expect(walk.advance()).toBe(true);
      expect(walk.result()).toMatchObject({ count: 1 });
    }
  });

  test('is not begun ahead where there is nothing to unfold, or no batch', () => {
    const records = batch.buildBatch({ records: [{ value: Buffer.from('v') }] });
    expect(compressedContent(records, () => options)).toBeNull();
    expect(compressedContent(records.subarray(0, 30), () => options)).toBeNull();
    const folded = withSection(records, 3, lz4Parts(Buffer.from('x'), [1]));
    expect(compressedContent(folded, () => options)).not.toBeNull();
    expect(compressedContent(folded.subarray(0, -1), () => options)).toBeNull();
    expect(compressedContent(withSection(records, 5, Buffer.from('x')), () => options)).toBeNull();
  });
});
