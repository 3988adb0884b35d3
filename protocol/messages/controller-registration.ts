import {
  api,
  array,
  bool,
  errorCode,
  int16,
  int32,
  mapKey,
  nullable,
  string,
  uint16,
  uuid,
} from '../schema.ts';

/** API 70. A controller registers with the active controller (KIP-919). */
export const ControllerRegistration = api({
  name: 'ControllerRegistration',
  key: 70,
  versions: [0, 0],
  flexible: 0,
  request: {
    controllerId: int32,
    incarnationId: uuid,
    zkMigrationReady: bool,
    listeners: array({
      name: mapKey(string),
      host: string,
      port: uint16,
      securityProtocol: int16,
    }),
    features: array({
      name: mapKey(string),
      minSupportedVersion: int16,
      maxSupportedVersion: int16,
    }),
  },
  response: {
    throttleTimeMs: int32,
    errorCode,
    errorMessage: nullable(string),
  },
});
