import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { encodeResponseFrame } from '../../../../protocol/frame.ts';
import { Heartbeat } from '../../../../protocol/messages/heartbeat.ts';
import { Peer, PeerError } from '../../../../src/net/peer.ts';

let server: Server;
afterEach(() => new Promise<void>((resolve) => server.close(() => resolve())));

/** A listener that hands each request's correlation id to `answer`. */
async function start(answer: (socket: Socket, correlationId: number) => void): Promise<Peer> {
  server = createServer((socket) => {
    let received = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
        answer(socket, received.readInt32BE(8));
        received = received.subarray(4 + received.readInt32BE(0));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Peer.connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, clientId: 'test' });
}

const request = { groupId: 'g', generationId: 1, memberId: 'm', groupInstanceId: null };
const answerTo = (correlationId: number) =>
  Buffer.concat(
    encodeResponseFrame(Heartbeat, 4, correlationId, { throttleTimeMs: 0, errorCode: correlationId }),
  );

describe('a peer', () => {
  test('matches answers with requests', async () => {
    const peer = await start((socket, id) => socket.write(answerTo(id)));
    const answers = await Promise.all([0, 1, 2].map(() => peer.send(Heartbeat, 4, request)));
    expect(answers.map(({ errorCode }) => errorCode)).toEqual([0, 1, 2]);
    peer.close();
  });

  test('puts answers together from pieces', async () => {
    const peer = await start(async (socket, id) => {
      for (const byte of answerTo(id)) {
        socket.write(Buffer.from([byte]));
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    expect((await peer.send(Heartbeat, 4, request)).errorCode).toBe(0);
    peer.close();
  });

  test('fails all requests under way when the connection ends', async () => {
    const peer = await start((socket) => socket.destroy());
    const sent = [peer.send(Heartbeat, 4, request), peer.send(Heartbeat, 4, request)];
    for (const promise of sent) await expect(promise).rejects.toBeInstanceOf(PeerError);
    expect(peer.isClosed).toBe(true);
    await expect(peer.send(Heartbeat, 4, request)).rejects.toBeInstanceOf(PeerError);
  });

  test.each([
    ['an answer to another request', answerTo(77)],
    ['an impossible size', Buffer.from('80000000', 'hex')],
    ['a cut off answer', Buffer.from('000000050000000000', 'hex')],
  ])('gives up on %s', async (_name, bytes) => {
    const peer = await start((socket) => socket.write(bytes));
    await expect(peer.send(Heartbeat, 4, request)).rejects.toBeInstanceOf(PeerError);
    expect(peer.isClosed).toBe(true);
  });

  test('says that nobody listens', async () => {
    const peer = await start(() => {});
    peer.close();
    const { port } = server.address() as AddressInfo;
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await expect(Peer.connect({ host: '127.0.0.1', port, clientId: 't' })).rejects.toBeInstanceOf(PeerError);
    server = createServer().listen(0, '127.0.0.1');
  });
});
