// Control records: one record per control batch, never given to consumers as data (KIP-98, KIP-595, KIP-630).
//
// Key, 4 bytes:                          Value of an end-of-transaction marker, 6 bytes:
//   0  version  int16   0                  0  version           int16  0
//   2  type     int16   see below          2  coordinatorEpoch  int32
//
// Always true: an unknown type reads as its number, so that newer writers' records are passed over, not refused.

export const ControlType = {
  ABORT: 0,
  COMMIT: 1,
  LEADER_CHANGE: 2,
  SNAPSHOT_HEADER: 3,
  SNAPSHOT_FOOTER: 4,
} as const;

export type ControlType = (typeof ControlType)[keyof typeof ControlType];

const KEY_SIZE = 4;
const END_TXN_VALUE_SIZE = 6;

/** The key of a control record. */
export function controlKey(type: ControlType): Buffer {
  const key = Buffer.alloc(KEY_SIZE);
  key.writeInt16BE(type, 2);
  return key;
}

/** The type in a control record's key, or null when the key is too short or of a negative version. */
export function controlTypeOf(key: Buffer | null): number | null {
  if (key === null || key.length < KEY_SIZE || key.readInt16BE(0) < 0) return null;
  return key.readInt16BE(2);
}

/** The value of an end-of-transaction marker. */
export function endTxnMarkerValue(coordinatorEpoch: number): Buffer {
  const value = Buffer.alloc(END_TXN_VALUE_SIZE);
  value.writeInt32BE(coordinatorEpoch, 2);
  return value;
}

/** The coordinator epoch in a marker's value, or null when the value is no marker's. */
export function endTxnCoordinatorEpoch(value: Buffer | null): number | null {
  if (value === null || value.length < END_TXN_VALUE_SIZE || value.readInt16BE(0) < 0) return null;
  return value.readInt32BE(2);
}
