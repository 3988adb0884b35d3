// One record inside a batch v2 (KIP-98, KIP-82), after decompression.
//
//   length          varint   bytes that follow
//   attributes      int8     unused, 0
//   timestampDelta  varlong  from the batch's base timestamp, ms
//   offsetDelta     varint   from the batch's base offset
//   keyLength       varint   negative: null key
//   key             bytes
//   valueLength     varint   negative: null value
//   value           bytes
//   headerCount     varint
//   headers         each: keyLength varint, key UTF-8, valueLength varint (negative: null), value
//
// Varints are zigzag base-128, low group first. Always true: reading never goes past the given end, and never
// allocates what the bytes claim; malformed bytes are reported, not thrown, by the cursor.

/** A record's header: KIP-82 allows the same key several times, and order counts. */
export type RecordHeader = { readonly key: string; readonly value: Uint8Array | null };

/** What a record is made from. Offsets default to the base offset plus the index. */
export type RecordInput = {
  readonly offset?: number;
  readonly timestampMs?: number;
  readonly key?: Uint8Array | null;
  readonly value?: Uint8Array | null;
  readonly headers?: readonly RecordHeader[];
};

/** A record as read. Key, value and header values are views into the batch's (decompressed) bytes. */
export type LogRecord = {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[];
};

/** Bytes that are no records. Never a bug of ours: data from a client, or from a damaged disk. */
export class InvalidRecordError extends Error {
  override readonly name = 'InvalidRecordError';
}

/** The words are Kafka's sense, not its sentences. */
export const STRUCTURE = 'a record is not well formed';
/** Also what is said of a record whose bytes go on elsewhere; see split-record.ts. */
export const BEYOND_END = 'a record is longer than its batch';

/** What comes before a record's key, where each number takes few bytes: 2, 1, 2, 3 and 2. */
const USUAL_HEAD_BYTES = 10;
/** Records that a loop goes through in one call, see `RecordCursor.pass`. */
export const RUN_RECORDS = 64;
/** Less than what two bytes can say. */
const NO_DELTA_MS = -8193;

/**
 * Walks the records of one batch without allocating per record.
 *
 * `next()` moves to the following record and returns false after the last one or at the first malformed one;
 * `problem` tells which. The fields describe the current record. Lengths of -1 mean null.
 */
export class RecordCursor {
  offsetDelta = 0;
  timestampDeltaMs = 0;
  keyStart = 0;
  keyLength = -1;
  valueStart = 0;
  valueLength = -1;
  /** Where the current record begins (its length field) and ends. */
  recordStart = 0;
  recordEnd = 0;
  headerCount = 0;
  headersStart = 0;
  /** Why the walk ended early, or null. */
  problem: string | null = null;

  private buf: Buffer;
  private pos: number;
  private end: number;
  private failed = false;

  constructor(buf: Buffer, start: number, end: number) {
    this.buf = buf;
    this.pos = start;
    this.end = end;
  }

  /** Bytes not yet walked. */
  get remaining(): number {
    return this.end - this.pos;
  }

  /** Points the same cursor at other bytes. */
  reset(buf: Buffer, start: number, end: number): void {
    this.buf = buf;
    this.pos = start;
    this.end = end;
    this.failed = false;
    this.problem = null;
  }

  next(): boolean {
    if (this.problem !== null || this.pos >= this.end) return false;
    this.recordStart = this.pos;
    const length = this.varint(this.end);
    const end = this.pos + length;
    if (this.failed || length < 0 || end > this.end) return this.refuse(BEYOND_END);
    this.recordEnd = end;
    this.pos++;
    if (!this.skim(end)) {
      this.timestampDeltaMs = this.varlong(end);
      this.offsetDelta = this.varint(end);
      this.keyLength = this.varint(end);
      this.keyStart = this.pos;
    }
    if (this.keyLength < 0) this.keyLength = -1;
    else this.pos += this.keyLength;
    if (this.pos > end) return this.refuse(STRUCTURE);
    const valueLength = this.varint(end);
    this.valueStart = this.pos;
    this.valueLength = valueLength < 0 ? -1 : valueLength;
    if (valueLength > 0) this.pos += valueLength;
    if (this.pos > end) return this.refuse(STRUCTURE);
    const headerCount = this.varint(end);
    this.headersStart = this.pos;
    this.headerCount = headerCount;
    if (this.failed || headerCount < 0 || headerCount > end - this.pos) return this.refuse(STRUCTURE);
    for (let i = 0; i < headerCount; i++) this.skipHeader(end);
    if (this.failed || this.pos !== end) return this.refuse(STRUCTURE);
    return true;
  }

  /**
   * Timestamp, offset and length of the key, where each takes at most two bytes, as in most batches: a third of the
   * cost of a walk. False when they take more, and nothing has been read.
   */
  private skim(end: number): boolean {
    const buf = this.buf;
    let pos = this.pos;
    if (end - pos < 6) return false;
    let timestamp = buf[pos++] as number;
    if (timestamp >= 0x80) {
      const high = buf[pos++] as number;
      if (high >= 0x80) return false;
      timestamp = (timestamp & 0x7f) | (high << 7);
    }
    let offset = buf[pos++] as number;
    if (offset >= 0x80) {
      const high = buf[pos++] as number;
      if (high >= 0x80) return false;
      offset = (offset & 0x7f) | (high << 7);
    }
    let key = buf[pos++] as number;
    if (key >= 0x80) {
      const high = buf[pos++] as number;
      if (high >= 0x80) return false;
      key = (key & 0x7f) | (high << 7);
    }
    this.timestampDeltaMs = (timestamp >>> 1) ^ -(timestamp & 1);
    this.offsetDelta = (offset >>> 1) ^ -(offset & 1);
    this.keyLength = (key >>> 1) ^ -(key & 1);
    this.keyStart = pos;
    this.pos = pos;
    return true;
  }

  /**
   * Passes over records of the usual shape, the `index`th of `count` being next, and returns the index of the first that
   * is left. A usual record has no headers, the offset delta of its index, a timestamp delta in [minDeltaMs, maxDeltaMs], a
   * key where it `needsKey`, and numbers of few bytes; `next` would find it sound. The first that is anything else, or
   * that lies within USUAL_HEAD_BYTES of the end, is left to `next`, so that nothing is refused here. Cost: a third of
   * that of `next`.
   *
   * Leaves the latest timestamp delta of those passed over in `timestampDeltaMs`, and no other field of use.
   *
   * In short runs: V8 optimizes a long loop in its midst, and where that is the function's first call it has not seen how
   * the function ends, and gives the optimized code up at the end of each later call, too.
   */
  pass(index: number, count: number, minDeltaMs: number, maxDeltaMs: number, needsKey: boolean): number {
    this.timestampDeltaMs = NO_DELTA_MS;
    for (let next = index; ; ) {
      const stop = Math.min(next + RUN_RECORDS, count);
      next = this.passRun(next, stop, minDeltaMs, maxDeltaMs, needsKey);
      if (next < stop || next === count) return next;
    }
  }

  private passRun(
    index: number,
    stop: number,
    minDeltaMs: number,
    maxDeltaMs: number,
    needsKey: boolean,
  ): number {
    const buf = this.buf;
    const { end } = this;
    const lastStart = end - USUAL_HEAD_BYTES;
    let next = index;
    let latestMs = this.timestampDeltaMs;
    let start = this.pos;
    for (; next < stop && start <= lastStart; next++) {
      let pos = start;
      let length = buf[pos++] as number;
      if (length >= 0x80) {
        const high = buf[pos++] as number;
        if (high >= 0x80) break;
        length = (length & 0x7f) | (high << 7);
      }
      // A negative length is odd, as all negative numbers here.
      const headersAt = pos + (length >>> 1) - 1;
      if ((length & 1) !== 0 || headersAt >= end) break;
      pos++;
      let timestamp = buf[pos++] as number;
      if (timestamp >= 0x80) {
        const high = buf[pos++] as number;
        if (high >= 0x80) break;
        timestamp = (timestamp & 0x7f) | (high << 7);
      }
      const deltaMs = (timestamp >>> 1) ^ -(timestamp & 1);
      if (deltaMs < minDeltaMs || deltaMs > maxDeltaMs) break;
      let offset = buf[pos++] as number;
      if (offset >= 0x80) {
        const middle = buf[pos++] as number;
        offset = (offset & 0x7f) | ((middle & 0x7f) << 7);
        if (middle >= 0x80) {
          const high = buf[pos++] as number;
          if (high >= 0x80) break;
          offset |= high << 14;
        }
      }
      if (offset !== next << 1) break;
      let key = buf[pos++] as number;
      if (key >= 0x80) {
        const high = buf[pos++] as number;
        if (high >= 0x80) break;
        key = (key & 0x7f) | (high << 7);
      }
      if ((key & 1) === 0) pos += key >>> 1;
      else if (needsKey) break;
      // Neither is there a value, nor need its length lie in the bytes.
      if (pos >= headersAt) break;
      let value = buf[pos++] as number;
      if (value >= 0x80) {
        const high = buf[pos++] as number;
        if (high >= 0x80) break;
        value = (value & 0x7f) | (high << 7);
      }
      if ((value & 1) === 0) pos += value >>> 1;
      // The count of headers is the last byte, and none.
      if (pos !== headersAt || buf[pos] !== 0) break;
      if (deltaMs > latestMs) latestMs = deltaMs;
      start = headersAt + 1;
    }
    this.pos = start;
    this.timestampDeltaMs = latestMs;
    return next;
  }

  /** The current record as an object; key, value and header values are views. */
  read(baseOffset: number, baseTimestampMs: number): LogRecord {
    const buf = this.buf;
    return {
      offset: baseOffset + this.offsetDelta,
      timestampMs: baseTimestampMs + this.timestampDeltaMs,
      key: this.keyLength < 0 ? null : buf.subarray(this.keyStart, this.keyStart + this.keyLength),
      value: this.valueLength < 0 ? null : buf.subarray(this.valueStart, this.valueStart + this.valueLength),
      headers: this.headerCount === 0 ? NO_HEADERS : this.headers(),
    };
  }

  /** The current record's headers. The walk has already checked their bounds. */
  headers(): { key: string; value: Buffer | null }[] {
    const saved = this.pos;
    const end = this.recordEnd;
    this.pos = this.headersStart;
    const headers: { key: string; value: Buffer | null }[] = [];
    for (let i = 0; i < this.headerCount; i++) {
      const keyLength = this.varint(end);
      const key = this.buf.toString('utf8', this.pos, this.pos + keyLength);
      this.pos += keyLength;
      const valueLength = this.varint(end);
      const value = valueLength < 0 ? null : this.buf.subarray(this.pos, this.pos + valueLength);
      if (valueLength > 0) this.pos += valueLength;
      headers.push({ key, value });
    }
    this.pos = saved;
    return headers;
  }

  private skipHeader(end: number): void {
    const keyLength = this.varint(end);
    if (keyLength < 0) this.failed = true;
    else this.pos += keyLength;
    const valueLength = this.varint(end);
    if (valueLength > 0) this.pos += valueLength;
    if (this.pos > end) this.failed = true;
  }

  private refuse(problem: string): false {
    this.problem = problem;
    return false;
  }

  /** A zigzag int32; on a bad encoding sets `failed` and returns 0. */
  private varint(end: number): number {
    const buf = this.buf;
    let pos = this.pos;
    if (pos >= end) return this.fail();
    let byte = buf[pos++] as number;
    let raw = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      if (pos >= end || shift > 28) return this.fail();
      byte = buf[pos++] as number;
      raw |= (byte & 0x7f) << shift;
    }
    this.pos = pos;
    return (raw >>> 1) ^ -(raw & 1);
  }

  /** A zigzag int64 as a number; on a bad encoding sets `failed` and returns 0. */
  private varlong(end: number): number {
    const buf = this.buf;
    let pos = this.pos;
    if (pos >= end) return this.fail();
    let byte = buf[pos++] as number;
    let raw = byte & 0x7f;
    let scale = 128;
    for (let count = 1; byte >= 0x80; count++) {
      if (pos >= end || count >= 10) return this.fail();
      byte = buf[pos++] as number;
      raw += (byte & 0x7f) * scale;
      scale *= 128;
    }
    this.pos = pos;
    return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
  }

  private fail(): number {
    this.failed = true;
    return 0;
  }
}

const NO_HEADERS: readonly never[] = [];

/** Bytes of a zigzag varint for any safe integer. */
export function varlongSize(value: number): number {
  let raw = zigzag(value);
  let size = 1;
  while (raw >= 128) {
    raw = Math.floor(raw / 128);
    size++;
  }
  return size;
}

/** Writes a zigzag varint (int32 and int64 have one encoding) and returns the position behind it. */
export function writeVarlong(buf: Buffer, start: number, value: number): number {
  let raw = zigzag(value);
  let pos = start;
  while (raw >= 128) {
    buf[pos++] = (raw % 128) | 0x80;
    raw = Math.floor(raw / 128);
  }
  buf[pos++] = raw;
  return pos;
}

function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

/** The bytes after a record's length field. */
export function recordBodySize(record: RecordInput, offsetDelta: number, timestampDeltaMs: number): number {
  let size = 1 + varlongSize(timestampDeltaMs) + varlongSize(offsetDelta);
  size += nullableSize(record.key) + nullableSize(record.value);
  const headers = record.headers ?? NO_HEADERS;
  size += varlongSize(headers.length);
  for (const header of headers) {
    const keyBytes = Buffer.byteLength(header.key);
    size += varlongSize(keyBytes) + keyBytes + nullableSize(header.value);
  }
  return size;
}

/** Writes one record, `bodySize` from `recordBodySize`, and returns the position behind it. */
export function writeRecord(
  buf: Buffer,
  start: number,
  record: RecordInput,
  bodySize: number,
  offsetDelta: number,
  timestampDeltaMs: number,
): number {
  let pos = writeVarlong(buf, start, bodySize);
  buf[pos++] = 0;
  pos = writeVarlong(buf, pos, timestampDeltaMs);
  pos = writeVarlong(buf, pos, offsetDelta);
  pos = writeNullable(buf, pos, record.key);
  pos = writeNullable(buf, pos, record.value);
  const headers = record.headers ?? NO_HEADERS;
  pos = writeVarlong(buf, pos, headers.length);
  for (const header of headers) {
    const keyBytes = Buffer.byteLength(header.key);
    pos = writeVarlong(buf, pos, keyBytes);
    pos += buf.write(header.key, pos, 'utf8');
    pos = writeNullable(buf, pos, header.value);
  }
  return pos;
}

function nullableSize(bytes: Uint8Array | null | undefined): number {
  if (bytes === null || bytes === undefined) return 1;
  return varlongSize(bytes.length) + bytes.length;
}

function writeNullable(buf: Buffer, start: number, bytes: Uint8Array | null | undefined): number {
  if (bytes === null || bytes === undefined) return writeVarlong(buf, start, -1);
  const pos = writeVarlong(buf, start, bytes.length);
  buf.set(bytes, pos);
  return pos + bytes.length;
}
