import type { Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadLibC } from '../../../../src/net/libc.ts';
import {
  isLoopback,
  isPaced,
  loadUnpace,
  stopPacing,
  systemCongestionControl,
} from '../../../../src/net/pacing.ts';

const libc = loadLibC();
const IPPROTO_TCP = 6;
const TCP_CONGESTION = 13;

const descriptorOf = (socket: Socket) => (socket as unknown as { _handle: { fd: number } })._handle.fd;

/** The congestion control of a socket, as the kernel tells it. */
function congestionControl(socket: Socket): string {
  const call = libc?.func('int getsockopt(int socket, int level, int name, void *value, void *bytes)');
  const value = Buffer.alloc(16);
  const bytes = new Uint32Array([value.length]);
  expect(call?.(descriptorOf(socket), IPPROTO_TCP, TCP_CONGESTION, value, bytes)).toBe(0);
  return value.toString('latin1').replace(/\0.*$/s, '');
}

describe.skipIf(libc === null)('an accepted connection', () => {
  let accepted: Socket;
  let close: () => void;

  beforeEach(async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const client = connect(typeof address === 'object' ? (address?.port ?? 0) : 0, '127.0.0.1');
    accepted = await new Promise<Socket>((resolve) => server.once('connection', resolve));
    close = () => {
      client.destroy();
      accepted.destroy();
      server.close();
    };
  });

  afterEach(() => close());

  test('begins with what the system uses', () => {
    expect(congestionControl(accepted)).toBe(systemCongestionControl());
  });

  test('over loopback is not paced, and keeps a control that does not pace', () => {
    stopPacing(accepted, '127.0.0.1');
    const system = systemCongestionControl();
    expect(congestionControl(accepted)).toBe(isPaced(system) ? 'reno' : system);
  });

  test('from elsewhere keeps what the system uses', () => {
    stopPacing(accepted, '192.0.2.1');
    expect(congestionControl(accepted)).toBe(systemCongestionControl());
  });

  test('takes Reno, which every kernel has', () => {
    expect(loadUnpace()?.(descriptorOf(accepted))).toBe(0);
    expect(congestionControl(accepted)).toBe('reno');
  });

  test('that is gone is left alone', () => {
    accepted.destroy();
    expect(() => stopPacing(accepted, '127.0.0.1')).not.toThrow();
  });
});

test('loopback is all of 127.0.0.0/8 and ::1, written out', () => {
  expect(['127.0.0.1', '127.8.9.10', '0:0:0:0:0:0:0:1'].map(isLoopback)).toEqual([true, true, true]);
  expect(['', '10.127.0.1', '128.0.0.1', '0:0:0:0:0:0:0:2'].map(isLoopback)).not.toContain(true);
});

test('BBR is what paces', () => {
  expect(['bbr', 'bbr2', 'bbr3'].map(isPaced)).toEqual([true, true, true]);
  expect(['', 'cubic', 'reno', 'dctcp'].map(isPaced)).not.toContain(true);
});
