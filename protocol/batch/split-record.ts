// A record whose bytes come in parts, for content that is unfolded piece by piece; record.ts draws a record.
//
// Always true: it refuses what RecordCursor refuses, in the same words, and knows of an accepted record what a walk
// needs. Nothing of keys, values and headers is kept, however large they are.

import { BEYOND_END, STRUCTURE } from './record.ts';

/** What comes next in the record. `keyBytes`, `valueBytes` and so on are passed over. */
type Field =
  | 'length'
  | 'attributes'
  | 'timestampDelta'
  | 'offsetDelta'
  | 'keyLength'
  | 'valueLength'
  | 'headerCount'
  | 'headerKeyLength'
  | 'headerValueLength'
  | 'end';

const MAX_VARINT_BYTES = 5;
const MAX_VARLONG_BYTES = 10;

export class SplitRecord {
  offsetDelta = 0;
  timestampDeltaMs = 0;
  keyLength = -1;
  /** Why the record is refused, or null. */
  problem: string | null = null;

  #field: Field = 'end';
  /** Bytes of the record that are still to come, once its length is known. */
  #left = 0;
  /** Bytes to be passed over before the next field. */
  #skipped = 0;
  #headersLeft = 0;
  /** The varint under way: its value so far, and its bytes. */
  #raw = 0;
  #rawBytes = 0;

  /** Bytes of a record are under way. */
  get isOpen(): boolean {
    return this.#field !== 'end' || this.#skipped > 0;
  }

  begin(): void {
    this.problem = null;
    this.#field = 'length';
    this.#left = MAX_VARINT_BYTES;
    this.#skipped = 0;
    this.#raw = 0;
    this.#rawBytes = 0;
  }

  /**
   * Takes what `piece` holds of the record from `start` on. Returns where the record ends in it, or the piece's length
   * when it goes on; `isOpen` and `problem` tell which. Not to be called after a problem.
   */
  take(piece: Buffer, start: number): number {
    let pos = start;
    while (this.isOpen) {
      if (this.#skipped > 0) {
        const step = Math.min(this.#skipped, piece.length - pos);
        this.#skipped -= step;
        this.#left -= step;
        pos += step;
        if (this.#skipped > 0) return pos;
        continue;
      }
      if (this.#left === 0) return this.#refuse(STRUCTURE, pos);
      if (pos === piece.length) return pos;
      this.#left--;
      this.#byte(piece[pos++] as number);
      if (this.problem !== null) return pos;
    }
    return pos;
  }

  /** The content ended in the midst of the record. */
  cut(): void {
    this.#refuse(BEYOND_END, 0);
  }

  #byte(byte: number): void {
    if (this.#field === 'attributes') {
      this.#field = 'timestampDelta';
      return;
    }
    // Only the timestamp is an int64: its number may be beyond what bits can do.
    const isLong = this.#field === 'timestampDelta';
    if (isLong) this.#raw += (byte & 0x7f) * 128 ** this.#rawBytes;
    else this.#raw |= (byte & 0x7f) << (7 * this.#rawBytes);
    this.#rawBytes++;
    if (byte < 0x80) {
      const raw = this.#raw;
      this.#raw = 0;
      this.#rawBytes = 0;
      if (isLong) this.#timestamp(raw);
      else this.#number((raw >>> 1) ^ -(raw & 1));
    } else if (this.#rawBytes === (isLong ? MAX_VARLONG_BYTES : MAX_VARINT_BYTES)) {
      this.#refuse(this.#field === 'length' ? BEYOND_END : STRUCTURE, 0);
    }
  }

  #timestamp(raw: number): void {
    this.timestampDeltaMs = raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
    this.#field = 'offsetDelta';
  }

  #number(value: number): void {
    switch (this.#field) {
      case 'length':
        if (value < 0) this.#refuse(BEYOND_END, 0);
        this.#left = value;
        this.#field = 'attributes';
        return;
      case 'offsetDelta':
        this.offsetDelta = value;
        this.#field = 'keyLength';
        return;
      case 'keyLength':
        this.keyLength = Math.max(value, -1);
        this.#skip(value);
        this.#field = 'valueLength';
        return;
      case 'valueLength':
        this.#skip(value);
        this.#field = 'headerCount';
        return;
      case 'headerCount':
        if (value < 0 || value > this.#left) this.#refuse(STRUCTURE, 0);
        this.#headersLeft = value;
        this.#nextHeader();
        return;
      case 'headerKeyLength':
        if (value < 0) this.#refuse(STRUCTURE, 0);
        this.#skip(value);
        this.#field = 'headerValueLength';
        return;
      case 'headerValueLength':
        this.#skip(value);
        this.#headersLeft--;
        this.#nextHeader();
        return;
      case 'attributes':
      case 'timestampDelta':
      case 'end':
        return;
    }
  }

  #nextHeader(): void {
    if (this.#headersLeft > 0) {
      this.#field = 'headerKeyLength';
      return;
    }
    this.#field = 'end';
    if (this.#left !== this.#skipped) this.#refuse(STRUCTURE, 0);
  }

  /** A length that is negative stands for null. */
  #skip(length: number): void {
    if (length > this.#left) this.#refuse(STRUCTURE, 0);
    else this.#skipped = Math.max(0, length);
  }

  #refuse(problem: string, pos: number): number {
    this.problem ??= problem;
    return pos;
  }
}
