/**
 * Many frames through few connections: what a frame gets (an answer, the end of its connection, or silence) decides
 * when the next ones are sent, so that every frame meets a broker that listens.
 */
import { connect } from 'node:net';

/** Frames in flight on one connection. */
const BATCH = 8;
/** A request may rightly wait (a join, a fetch); after this long the connection is given up and the next one opened. */
const PATIENCE_MS = 250;
const CORRELATION_ID_AT = 4;

export interface StormResult {
  readonly sent: number;
  readonly answered: number;
  /** Frames that ended their connection. */
  readonly refused: number;
}

export interface StormOptions {
  readonly port: number;
  readonly count: number;
  readonly lanes: number;
  readonly next: () => Buffer;
}

/** Sends `count` frames; their correlation ids are overwritten. */
export async function storm(options: StormOptions): Promise<StormResult> {
  const state = { sent: 0, answered: 0, refused: 0 };
  const lane = async (): Promise<void> => {
    let rest: Buffer[] = [];
    while (rest.length > 0 || state.sent < options.count) {
      while (rest.length < BATCH && state.sent < options.count) {
        rest.push(options.next());
        state.sent++;
      }
      const done = await sendSome(options.port, rest);
      state.answered += done.answered;
      state.refused += done.isRefused ? 1 : 0;
      rest = rest.slice(done.answered + 1);
    }
  };
  await Promise.all(Array.from({ length: options.lanes }, lane));
  return state;
}

/** Sends frames on one connection; how many were answered before it ended. The one after them ended it, or is silent. */
function sendSome(
  port: number,
  frames: readonly Buffer[],
): Promise<{ answered: number; isRefused: boolean }> {
  return new Promise((resolve) => {
    let answered = 0;
    let received: Buffer = Buffer.alloc(0);
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const finish = (isRefused: boolean): void => {
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.on('error', () => {});
      socket.resetAndDestroy();
      resolve({ answered, isRefused });
    };
    const timer = setTimeout(() => finish(false), PATIENCE_MS);
    socket.on('error', () => finish(true));
    socket.on('end', () => finish(true));
    socket.on('data', (chunk) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      while (received.length >= 8 && received.length >= 4 + received.readInt32BE(0)) {
        answered = Math.max(answered, received.readInt32BE(4) + 1);
        received = received.subarray(4 + received.readInt32BE(0));
      }
      if (answered >= frames.length) finish(false);
    });
    socket.on('connect', () => socket.write(Buffer.concat(frames.flatMap(framed))));
  });
}

function framed(frame: Buffer, index: number): Buffer[] {
  const size = Buffer.alloc(4);
  size.writeInt32BE(frame.length);
  if (frame.length >= CORRELATION_ID_AT + 4) frame.writeInt32BE(index, CORRELATION_ID_AT);
  return [size, frame];
}
