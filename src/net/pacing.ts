/**
 * Connections over loopback are not paced: those from 127.0.0.0/8 and ::1, and those that a machine has with an address
 * of its own, which Linux sends over loopback, too.
 *
 * Where BBR is the system's congestion control, the kernel spaces the packets of a large answer by a timer each, on
 * loopback as well, where nothing can be congested. That took two thirds of the CPU of a fetch of 1 MiB
 * (docs/decisions/0017-loopback-pacing.md). Such connections get Reno, which does not pace and which every Linux kernel
 * has and lets every user choose. All knowledge of it is in this file.
 */
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { loadLibC } from './libc.ts';

const IPPROTO_TCP = 6;
const TCP_CONGESTION = 13;
const UNPACED = Buffer.from('reno');

/** Gives a socket congestion control that does not pace; 0 when that was done. */
type Unpace = (descriptor: number) => number;

let found: Unpace | null | undefined;

/** Takes the pacing from an accepted connection whose client is on this machine; leaves it alone where it can't. */
export function stopPacing(socket: Socket, remoteHost: string, localHost: string): void {
  if (!isLoopback(remoteHost, localHost)) return;
  // Null is an answer, too: what the system uses is read once.
  if (found === undefined) found = isPaced(systemCongestionControl()) ? loadUnpace() : null;
  const { _handle: handle } = socket as unknown as { _handle: { fd?: number } | null };
  if (found !== null && handle?.fd !== undefined && handle.fd >= 0) found(handle.fd);
}

/** Whether a connection between two addresses, as `hostAddress` gives them, stays on this machine. */
export const isLoopback = (remoteHost: string, localHost: string): boolean =>
  remoteHost === localHost || remoteHost.startsWith('127.');

/** BBR paces in all its versions; no other control of the kernel does by itself. */
export const isPaced = (congestionControl: string): boolean => congestionControl.startsWith('bbr');

/** What new sockets of this machine begin with; empty where nobody tells. */
export function systemCongestionControl(): string {
  try {
    return readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim();
  } catch {
    return '';
  }
}

/** The call, or null where this machine has none. */
export function loadUnpace(): Unpace | null {
  try {
    const call = loadLibC()?.func(
      'int setsockopt(int socket, int level, int name, void *value, uint32_t bytes)',
    );
    if (call === undefined) return null;
    return (descriptor) => Number(call(descriptor, IPPROTO_TCP, TCP_CONGESTION, UNPACED, UNPACED.length));
  } catch {
    return null;
  }
}
