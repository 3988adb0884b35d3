/** Request headers by hand, for bodies that no encoder of ours would make. */
import { requestHeaderVersion } from '../../protocol/frame.ts';
import type { Api } from '../../protocol/schema.ts';

export function encodeRequestHeader(
  api: Api,
  version: number,
  correlationId: number,
  clientId: string,
): Buffer {
  return requestHeader(api.key, version, correlationId, clientId, requestHeaderVersion(api, version) === 2);
}

/** Any numbers, known or not; the client id always has its length before it. */
export function requestHeader(
  key: number,
  version: number,
  correlationId: number,
  clientId: string,
  isFlexible: boolean,
): Buffer {
  const name = Buffer.from(clientId);
  const header = Buffer.alloc(10 + name.length + (isFlexible ? 1 : 0));
  header.writeInt16BE(key, 0);
  header.writeInt16BE(version, 2);
  header.writeInt32BE(correlationId, 4);
  header.writeInt16BE(name.length, 8);
  name.copy(header, 10);
  return header;
}
