import { randomFillSync } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { sendFile } from '../../../../src/net/send-file.ts';
import type { LateChunk } from '../../../../src/net/session.ts';
import { RawClient, serve } from './echo.ts';

const MIB = 1024 * 1024;
const directory = mkdtempSync(join(tmpdir(), 'sordini-late-'));
const contents = Buffer.alloc(24 * MIB);
randomFillSync(contents);
const path = join(directory, 'contents');
writeFileSync(path, contents);
const file = openSync(path, 'r');
afterAll(() => {
  closeSync(file);
  rmSync(directory, { recursive: true, force: true });
});

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A chunk of the file; `filled` counts the bytes that were read because the socket did not take them. */
class FileChunk implements LateChunk {
  readonly target: Buffer;
  readonly position: number;
  filled = 0;
  releases = 0;

  constructor(position: number, bytes: number) {
    this.position = position;
    this.target = Buffer.alloc(bytes, 0xdb);
  }

  descriptor(): number {
    return file;
  }

  release(): void {
    this.releases++;
  }

  fill(from: number): void {
    const rest = this.target.subarray(from);
    this.filled += rest.length;
    if (readSync(file, rest, 0, rest.length, this.position + from) < rest.length)
      throw new Error('too short');
  }
}

/** A server whose answer to a request is what `chunksOf` says, chunks of bytes and of the file in a row. */
async function start(chunksOf: () => (string | FileChunk)[]) {
  const ended: string[] = [];
  const server = await serve((frame, _channel, exchange) => {
    const chunks = chunksOf();
    const buffers = chunks.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : chunk.target));
    const size = Buffer.alloc(4);
    size.writeInt32BE(buffers.reduce((sum, { length }) => sum + length, 0));
    exchange.fillLate(chunks.filter((chunk) => typeof chunk !== 'string'));
    const text = frame.toString();
    exchange.afterWrite(() => ended.push(text));
    return [size, ...buffers];
  });
  cleanups.push(() => server.stop());
  const client = await RawClient.connect(server.port);
  cleanups.push(() => client.close());
  return { server, client, ended };
}

const expected = (chunks: readonly (string | FileChunk)[]): Buffer =>
  Buffer.concat(
    chunks.map((chunk) =>
      typeof chunk === 'string'
        ? Buffer.from(chunk)
        : contents.subarray(chunk.position, chunk.position + chunk.target.length),
    ),
  );

describe('chunks that lie in a file', () => {
  test('leave among others, in order, and what the socket does not take at once is read', async () => {
    const layouts = [
      () => [new FileChunk(0, 200_000)],
      () => ['before', new FileChunk(17, 300_001), 'after'],
      () => [new FileChunk(5, 200_000), new FileChunk(MIB, 6 * MIB), 'x'.repeat(10_000), new FileChunk(0, 1)],
      () => ['a', new FileChunk(3 * MIB, 20 * MIB), 'b'],
    ];
    let next: (string | FileChunk)[] = [];
    const { client, ended } = await start(() => next);
    for (const [index, layout] of layouts.entries()) {
      next = layout();
      client.send(`${index}`);
      const answer = await client.next();
      expect(answer?.equals(expected(next))).toBe(true);
    }
    expect(ended).toEqual(['0', '1', '2', '3']);
    const last = next.filter((chunk) => typeof chunk !== 'string');
    expect(last.map(({ releases }) => releases)).toEqual([1]);
  });

  test('of pipelined requests leave in order to a client that reads late', async () => {
    const given: FileChunk[] = [];
    const { client, ended } = await start(() => {
      const chunk = new FileChunk(given.length * 1000, MIB);
      given.push(chunk);
      return ['head', chunk, 'tail'];
    });
    client.socket.pause();
    client.send(...Array.from({ length: 20 }, (_, index) => `${index}`));
    await new Promise<void>((resolve) => setImmediate(resolve));
    client.socket.resume();
    for (let index = 0; index < 20; index++) {
      const answer = await client.next();
      const chunk = given[index];
      expect(chunk !== undefined && answer?.equals(expected(['head', chunk, 'tail']))).toBe(true);
    }
    expect(ended.length).toBe(20);
  });

  test('never pass through memory where the system can send them and the socket is empty', async ({
    skip,
  }) => {
    skip(sendFile() === null, 'sendfile can not be called here');
    const chunk = new FileChunk(100, 150_000);
    const { client } = await start(() => ['head', chunk]);
    client.send('one');
    expect((await client.next())?.length).toBe(150_004);
    expect(chunk.filled).toBe(0);
    expect(chunk.target.every((byte) => byte === 0xdb)).toBe(true);
  });

  test('that can not be read end the connection, and their actions run', async () => {
    const chunk = new FileChunk(contents.length - 10, 200_000);
    const { client, server, ended } = await start(() => ['head', chunk]);
    client.send('one');
    expect(await client.next()).toBeNull();
    expect(chunk.releases).toBe(1);
    expect(ended).toEqual(['one']);
    expect(server.closed).toEqual(['an answer could not be read from its file']);
  });
});
