import { describe, expect, test } from 'vitest';
import { decodeRequest, decodeResponse } from '../../../protocol/codec.ts';
import { MalformedMessage } from '../../../protocol/errors.ts';
import {
  decodeRequestHeader,
  decodeResponseHeader,
  encodeRequestFrame,
  encodeResponseFrame,
  encodeResponseWithHeader,
} from '../../../protocol/frame.ts';
import { ApiVersions } from '../../../protocol/messages/api-versions.ts';
import { ControlledShutdown } from '../../../protocol/messages/controlled-shutdown.ts';
import { Fetch } from '../../../protocol/messages/fetch.ts';
import { Heartbeat } from '../../../protocol/messages/heartbeat.ts';

const heartbeat = { groupId: 'g', generationId: 3, memberId: 'm' };

describe('request frame', () => {
  test('A classic version has header v1 and a leading size.', () => {
    const frame = Buffer.concat(
      encodeRequestFrame(Heartbeat, 0, { correlationId: 7, clientId: 'c' }, heartbeat),
    );
    expect(frame.toString('hex')).toBe(
      '00000015' + '000c' + '0000' + '00000007' + '000163' + '000167' + '00000003' + '00016d',
    );
  });

  test('A flexible version has header v2, whose client id keeps its int16 length.', () => {
    const frame = Buffer.concat(
      encodeRequestFrame(Heartbeat, 4, { correlationId: 7, clientId: 'c' }, heartbeat),
    );
    expect(frame.toString('hex')).toBe(
      `00000016${'000c' + '0004' + '00000007' + '000163' + '00'}${'0267' + '00000003' + '026d' + '00' + '00'}`,
    );
  });

  test.each([0, 3, 4])('Version %i comes back.', (version) => {
    const frame = Buffer.concat(
      encodeRequestFrame(Heartbeat, version, { correlationId: -1, clientId: null }, heartbeat),
    );
    const header = decodeRequestHeader(frame, 4);
    expect(header).toMatchObject({ api: Heartbeat, apiVersion: version, correlationId: -1, clientId: null });
    expect(decodeRequest(Heartbeat, version, frame, header.bodyOffset)).toMatchObject({
      value: heartbeat,
      end: frame.length,
    });
  });

  test('ControlledShutdown 0 has no client id.', () => {
    const shutdown = { brokerId: 5, brokerEpoch: -1 };
    const header = { correlationId: 1, clientId: 'dropped' };
    const frame = Buffer.concat(encodeRequestFrame(ControlledShutdown, 0, header, shutdown));
    expect(frame.toString('hex')).toBe('0000000c' + '0007' + '0000' + '00000001' + '00000005');
    expect(decodeRequestHeader(frame, 4)).toMatchObject({ clientId: null, bodyOffset: 12 });
  });

  test('The header of an ApiVersions request from the future can be read.', () => {
    const frame = Buffer.from('0012' + '7fff' + '00000009' + '0001' + '63' + '00' + 'ffff', 'hex');
    expect(decodeRequestHeader(frame)).toMatchObject({ apiVersion: 0x7fff, correlationId: 9, clientId: 'c' });
    const negative = Buffer.from('0012' + 'ffff' + '00000009' + 'ffff', 'hex');
    expect(decodeRequestHeader(negative)).toMatchObject({ apiVersion: -1, clientId: null });
  });

  test('An unknown key, a cut header and a cut client id are malformed.', () => {
    for (const hex of [
      '03e7000000000001ffff',
      '000c0000000000',
      '000c0000000000010005',
      '000c0004000000010000',
    ]) {
      expect(() => decodeRequestHeader(Buffer.from(hex, 'hex'))).toThrow(MalformedMessage);
    }
  });
});

describe('response frame', () => {
  const answer = { throttleTimeMs: 0, errorCode: 27 };

  test('A classic version has header v0, a flexible one v1.', () => {
    const classic = Buffer.concat(encodeResponseFrame(Heartbeat, 1, 8, answer));
    expect(classic.toString('hex')).toBe('0000000a' + '00000008' + '00000000' + '001b');
    const flexible = Buffer.concat(encodeResponseFrame(Heartbeat, 4, 8, answer));
    expect(flexible.toString('hex')).toBe(`0000000c${'00000008'}00${'00000000' + '001b' + '00'}`);
  });

  test.each([0, 1, 2, 3])('ApiVersions %i has header v0.', (version) => {
    const response = {
      errorCode: 35,
      apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 3 }],
      throttleTimeMs: 0,
    };
    const frame = Buffer.concat(encodeResponseFrame(ApiVersions, version, 8, response));
    expect(decodeResponseHeader(ApiVersions, version, frame, 4)).toEqual({ correlationId: 8, bodyOffset: 8 });
    expect(decodeResponse(ApiVersions, version, frame, 8)).toMatchObject({
      value: response,
      end: frame.length,
    });
  });

  test('The size counts the record batches that stand in chunks of their own.', () => {
    const partition = { partitionIndex: 0, errorCode: 0, highWatermark: 5, abortedTransactions: null };
    const records = Buffer.alloc(10_000);
    const chunks = encodeResponseFrame(Fetch, 12, 1, {
      throttleTimeMs: 0,
      errorCode: 0,
      responses: [{ topic: 't', topicId: '', partitions: [{ ...partition, records }] }],
    });
    const frame = Buffer.concat(chunks);
    expect(chunks).toContain(records);
    expect(frame.readInt32BE(0)).toBe(frame.length - 4);
  });

  test('An Envelope carries header and body without the size.', () => {
    const frame = Buffer.concat(encodeResponseFrame(Heartbeat, 4, 8, answer));
    expect(encodeResponseWithHeader(Heartbeat, 4, 8, answer)).toEqual(frame.subarray(4));
  });
});
