/**
 * Frames: how requests and responses stand in the byte stream.
 *
 * ```
 *   request                                response
 *   int32   size of what follows           int32   size of what follows
 *   int16   api key          ┐             int32   correlation id    ┐ header v0
 *   int16   api version      │ header v0   tags                      ┘ header v1
 *   int32   correlation id   ┘             body
 *   string  client id          header v1
 *   tags                       header v2
 *   body
 * ```
 *
 * What always holds:
 * - A request has header v2 when its version is flexible, else v1. ControlledShutdown 0 alone has v0.
 * - The client id keeps its int16 length in header v2, so that any node can read the header of any version.
 * - A response has header v1 when its version is flexible, else v0. ApiVersions always has v0, because the client
 *   does not know yet what the node speaks (KIP-511).
 */

import { decodeMessageAt, writeMessage, writeRequest, writeResponse } from './codec.ts';
import { MalformedMessage } from './errors.ts';
import { ApiVersions } from './messages/api-versions.ts';
import { ControlledShutdown } from './messages/controlled-shutdown.ts';
import { apiByKey } from './messages/index.ts';
import type { Api, RequestInput, ResponseInput } from './schema.ts';
import { classic, ignorable, int16, int32, message, nullable, since, string } from './schema.ts';
import { Writer } from './writer.ts';

const SIZE_BYTES = 4;

export const RequestHeaderSchema = message({
  name: 'RequestHeader',
  versions: [0, 2],
  flexible: 2,
  fields: {
    requestApiKey: int16,
    requestApiVersion: int16,
    correlationId: int32,
    clientId: since(1, ignorable(nullable(classic(string)))),
  },
});

export const ResponseHeaderSchema = message({
  name: 'ResponseHeader',
  versions: [0, 1],
  flexible: 1,
  fields: {
    correlationId: int32,
  },
});

export interface RequestHeader {
  readonly api: Api;
  /** As asked for; whether it is served is for the dispatcher to find out. */
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
  /** Where the body begins. */
  readonly bodyOffset: number;
}

export function requestHeaderVersion(api: Api, apiVersion: number): 0 | 1 | 2 {
  if (apiVersion >= api.flexible) {
    return 2;
  }
  return api.key === ControlledShutdown.key && apiVersion === 0 ? 0 : 1;
}

export function responseHeaderVersion(api: Api, apiVersion: number): 0 | 1 {
  return apiVersion >= api.flexible && api.key !== ApiVersions.key ? 1 : 0;
}

/**
 * Reads the header of a request that begins at `offset`, behind the size.
 * @throws {MalformedMessage} also for an API key that does not exist: the shape of its header can't be known.
 */
export function decodeRequestHeader(buffer: Buffer, offset = 0, end = buffer.length): RequestHeader {
  if (end - offset < 8) {
    throw new MalformedMessage('A request is shorter than its header.');
  }
  const api = apiByKey.get(buffer.readInt16BE(offset));
  if (api === undefined) {
    throw new MalformedMessage('A request has an unknown API key.');
  }
  const apiVersion = buffer.readInt16BE(offset + 2);
  const headerVersion = requestHeaderVersion(api, apiVersion);
  const { value, end: bodyOffset } = decodeMessageAt(RequestHeaderSchema, headerVersion, buffer, offset, end);
  const clientId = headerVersion === 0 ? null : value.clientId;
  return { api, apiVersion, correlationId: value.correlationId, clientId, bodyOffset };
}

/** Reads the header of a response to a request of that api and version. */
export function decodeResponseHeader(
  api: Api,
  apiVersion: number,
  buffer: Buffer,
  offset = 0,
  end = buffer.length,
): { readonly correlationId: number; readonly bodyOffset: number } {
  const version = responseHeaderVersion(api, apiVersion);
  const { value, end: bodyOffset } = decodeMessageAt(ResponseHeaderSchema, version, buffer, offset, end);
  return { correlationId: value.correlationId, bodyOffset };
}

const writer = new Writer();

/** A whole request frame, size included. */
export function encodeRequestFrame<A extends Api>(
  api: A,
  apiVersion: number,
  header: { readonly correlationId: number; readonly clientId: string | null },
  request: RequestInput<A>,
): Buffer[] {
  writer.begin();
  writer.int32(0);
  writeMessage(writer, RequestHeaderSchema, requestHeaderVersion(api, apiVersion), {
    requestApiKey: api.key,
    requestApiVersion: apiVersion,
    ...header,
  });
  writeRequest(writer, api, apiVersion, request);
  return withSize(writer.finish());
}

/** A whole response frame, size included, in chunks to write one after another. */
export function encodeResponseFrame<A extends Api>(
  api: A,
  apiVersion: number,
  correlationId: number,
  response: ResponseInput<A>,
): Buffer[] {
  writer.begin();
  writer.int32(0);
  writeMessage(writer, ResponseHeaderSchema, responseHeaderVersion(api, apiVersion), { correlationId });
  writeResponse(writer, api, apiVersion, response);
  return withSize(writer.finish());
}

/** Header and body of a response without the size, as an Envelope response carries them (KIP-590). */
export function encodeResponseWithHeader<A extends Api>(
  api: A,
  apiVersion: number,
  correlationId: number,
  response: ResponseInput<A>,
): Buffer {
  return Buffer.concat(encodeResponseFrame(api, apiVersion, correlationId, response)).subarray(SIZE_BYTES);
}

/** Fills in the size, for which the first chunk has its first four bytes free. */
function withSize(chunks: Buffer[]): Buffer[] {
  const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  chunks[0]?.writeInt32BE(total - SIZE_BYTES, 0);
  return chunks;
}
