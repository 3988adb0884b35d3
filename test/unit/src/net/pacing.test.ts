import { readdirSync } from 'node:fs';
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
import { echo, RawClient, serve } from './echo.ts';

const libc = loadLibC();
const IPPROTO_TCP = 6;
const TCP_CONGESTION = 13;

const descriptorOf = (socket: Socket) => (socket as unknown as { _handle: { fd: number } })._handle.fd;

/** The congestion control of what has this descriptor, as the kernel tells it; null where it is no connection. */
function controlOf(descriptor: number): string | null {
  const call = libc?.func('int getsockopt(int socket, int level, int name, void *value, void *bytes)');
  const value = Buffer.alloc(16);
  const bytes = new Uint32Array([value.length]);
  if (call?.(descriptor, IPPROTO_TCP, TCP_CONGESTION, value, bytes) !== 0) return null;
  return value.toString('latin1').replace(/\0.*$/s, '');
}

const congestionControl = (socket: Socket): string | null => controlOf(descriptorOf(socket));

/** Of every descriptor of this process that is a TCP socket. */
function allControls(): Map<number, string> {
  const found = new Map<number, string>();
  for (const name of readdirSync('/proc/self/fd')) {
    const control = controlOf(Number(name));
    if (control !== null) found.set(Number(name), control);
  }
  return found;
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
    stopPacing(accepted, '127.0.0.1', '127.0.0.1');
    const system = systemCongestionControl();
    expect(congestionControl(accepted)).toBe(isPaced(system) ? 'reno' : system);
  });

  test('from elsewhere keeps what the system uses', () => {
    stopPacing(accepted, '192.0.2.1', '192.0.2.2');
    expect(congestionControl(accepted)).toBe(systemCongestionControl());
  });

  test('takes Reno, which every kernel has', () => {
    expect(loadUnpace()?.(descriptorOf(accepted))).toBe(0);
    expect(congestionControl(accepted)).toBe('reno');
  });

  test('of a listener has it taken away', async () => {
    const server = await serve(echo);
    const before = allControls();
    const client = await RawClient.connect(server.port);
    client.send('served');
    await client.text();
    const added = [...allControls()].filter(([descriptor]) => !before.has(descriptor));
    const ours = descriptorOf(client.socket);
    const served = added.filter(([descriptor]) => descriptor !== ours).map(([, control]) => control);
    const system = systemCongestionControl();
    expect(served).toEqual([isPaced(system) ? 'reno' : system]);
    client.close();
    await server.stop();
  });

  test('that is gone is left alone', () => {
    accepted.destroy();
    expect(() => stopPacing(accepted, '127.0.0.1', '127.0.0.1')).not.toThrow();
  });
});

test('what stays on the machine is loopback, whatever the address', () => {
  expect(isLoopback('127.0.0.1', '127.0.0.1')).toBe(true);
  expect(isLoopback('127.0.0.1', '127.8.9.10')).toBe(true);
  expect(isLoopback('0:0:0:0:0:0:0:1', '0:0:0:0:0:0:0:1')).toBe(true);
  expect(isLoopback('192.0.2.1', '192.0.2.1')).toBe(true);
  expect(isLoopback('192.0.2.1', '192.0.2.2')).toBe(false);
  expect(isLoopback('10.127.0.1', '10.127.0.2')).toBe(false);
});

test('BBR is what paces', () => {
  expect(['bbr', 'bbr2', 'bbr3'].map(isPaced)).toEqual([true, true, true]);
  expect(['', 'cubic', 'reno', 'dctcp'].map(isPaced)).not.toContain(true);
});
