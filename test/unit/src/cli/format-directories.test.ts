import { describe, expect, test } from 'vitest';
import {
  bootstrapCheckpoint,
  formatDirectories,
  formattedAs,
  javaDate,
} from '../../../../src/cli/format-directories.ts';
import { ExitCode, StartupError } from '../../../../src/startup-error.ts';
import { MemoryDisk } from '../../../../storage/memory-disk.ts';
import { readSmallFile } from '../../../../storage/small-file.ts';

const CLUSTER = '5L6g3nShT-eMCtK--X86sw';

function setUp() {
  const disk = new MemoryDisk();
  let seed = 0;
  const random = (count: number) => Buffer.alloc(count, ++seed);
  const format = (change: object = {}) =>
    formatDirectories(
      {
        directories: ['/b', '/a', '/b'],
        clusterId: CLUSTER,
        nodeId: 1,
        metadataLevel: 19,
        ignoreFormatted: false,
        ...change,
      },
      { disk, nowMs: 1795375568141, random },
    );
  return { disk, format };
}

function caught(action: () => unknown): StartupError {
  try {
    action();
  } catch (error) {
    if (error instanceof StartupError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('formatting', () => {
  test('gives each directory an identity of its own and the first metadata records', () => {
    const { disk, format } = setUp();
    expect(format()).toEqual(['/a', '/b']);
    const a = formattedAs(disk, '/a', { clusterId: CLUSTER, nodeId: 1 });
    const b = formattedAs(disk, '/b', { clusterId: null, nodeId: null });
    expect(a).toMatchObject({
      clusterId: CLUSTER,
      nodeId: 1,
      directoryId: expect.stringMatching(/^[\w-]{22}$/),
    });
    expect(b?.directoryId).not.toBe(a?.directoryId);
    expect(readSmallFile(disk, '/a/meta.properties')?.toString()).toContain(
      '#Sun Nov 22 19:26:08 UTC 2026\n',
    );
    expect(readSmallFile(disk, '/a/bootstrap.checkpoint')).toEqual(bootstrapCheckpoint(19, 1795375568141));
  });

  test('refuses a formatted directory, or leaves it as it is when it is to be ignored', () => {
    const { disk, format } = setUp();
    format({ directories: ['/a'] });
    const before = readSmallFile(disk, '/a/meta.properties');
    const refusal = caught(() => format());
    expect(refusal.exitCode).toBe(ExitCode.BAD_CONFIGURATION);
    expect(refusal.message).toBe(
      'Log directory /a is already formatted. Use --ignore-formatted to ignore this directory and format the others.',
    );
    expect(readSmallFile(disk, '/b/meta.properties')).toBeNull();
    expect(format({ ignoreFormatted: true })).toEqual(['/b']);
    expect(readSmallFile(disk, '/a/meta.properties')).toEqual(before);
  });

  test('refuses a directory of another cluster or node, whatever is to be ignored', () => {
    const { format } = setUp();
    format();
    const other = caught(() => format({ clusterId: '6L6g3nShT-eMCtK--X86sw', ignoreFormatted: true }));
    expect(other.exitCode).toBe(ExitCode.DIRECTORY_FOREIGN);
    expect(other.message).toMatch(
      /^Invalid cluster\.id in: \/a\/meta\.properties\. Expected 6L6g3nShT-eMCtK--X86sw, but read 5L6g3nShT-eMCtK--X86sw/,
    );
    expect(caught(() => format({ nodeId: 2, ignoreFormatted: true })).message).toMatch(
      /^Invalid node\.id in: /,
    );
  });

  test('writes the bytes that kafka-storage.sh writes', () => {
    // Written by StorageTool of 3.7.0. Its three batches bear the moment of their making, and a CRC over that.
    const written = Buffer.from(
      '0000000000000000000000470000000002a2c0779c002000000000000001a204b9180d000001a204b9180dffffffffff' +
        'ffffffffffffffffff000000012a00000008000000031600000000000000000000000000000000000000010000004f00' +
        '000000029445aa2d000000000000000001a204b91819000001a204b91819ffffffffffffffffffffffffffff00000001' +
        '3a000000012e010c00116d657461646174612e76657273696f6e0013000000000000000000020000003f00000000025b' +
        '6414d5002000000000000001a204b91819000001a204b91819ffffffffffffffffffffffffffff000000011a00000008' +
        '000000040600000000',
      'hex',
    );
    const bytes = bootstrapCheckpoint(19, 1795375568141);
    for (const batch of [0, 83, 174]) {
      for (const file of [written, bytes]) {
        file.fill(0, batch + 17, batch + 21);
        file.fill(0, batch + 27, batch + 43);
      }
    }
    expect(bytes.toString('hex')).toBe(written.toString('hex'));
  });

  test('prints a date as java.util.Properties does', () => {
    expect(javaDate(0)).toBe('Thu Jan 01 00:00:00 UTC 1970');
  });
});
