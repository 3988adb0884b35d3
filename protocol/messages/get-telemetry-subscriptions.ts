import { api, array, bool, errorCode, int8, int32, string, uuid } from '../schema.ts';

/** API 71. A client asks which metrics it is to push (KIP-714). */
export const GetTelemetrySubscriptions = api({
  name: 'GetTelemetrySubscriptions',
  key: 71,
  versions: [0, 0],
  flexible: 0,
  request: {
    clientInstanceId: uuid,
  },
  response: {
    throttleTimeMs: int32,
    errorCode,
    clientInstanceId: uuid,
    subscriptionId: int32,
    acceptedCompressionTypes: array(int8),
    pushIntervalMs: int32,
    telemetryMaxBytes: int32,
    deltaTemporality: bool,
    requestedMetrics: array(string),
  },
});
