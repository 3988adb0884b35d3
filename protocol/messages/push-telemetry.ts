import { api, bool, bytes, errorCode, int8, int32, uuid } from '../schema.ts';

/** API 72. A client pushes metrics (KIP-714). */
export const PushTelemetry = api({
  name: 'PushTelemetry',
  key: 72,
  versions: [0, 0],
  flexible: 0,
  request: {
    clientInstanceId: uuid,
    subscriptionId: int32,
    terminating: bool,
    compressionType: int8,
    metrics: bytes,
  },
  response: {
    throttleTimeMs: int32,
    errorCode,
  },
});
