import {
  api,
  array,
  bool,
  brokerId,
  errorCode,
  ignorable,
  int16,
  int32,
  int64,
  mapKey,
  nullable,
  or,
  since,
  string,
  uint16,
  uuid,
} from '../schema.ts';

/**
 * API 62. A broker registers with the controller and gets its epoch (KIP-631).
 *
 * - v1: flag for a migrating broker (KIP-866).
 * - v2: ids of the log directories (KIP-858).
 * - v3: epoch of the previous clean life (KIP-966).
 */
export const BrokerRegistration = api({
  name: 'BrokerRegistration',
  key: 62,
  versions: [0, 3],
  flexible: 0,
  request: {
    brokerId,
    clusterId: string,
    incarnationId: uuid,
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
    rack: nullable(string),
    isMigratingZkBroker: since(1, or(false, bool)),
    logDirs: since(2, ignorable(array(uuid))),
    previousBrokerEpoch: since(3, ignorable(or(-1, int64))),
  },
  response: {
    throttleTimeMs: int32,
    errorCode,
    brokerEpoch: or(-1, int64),
  },
});
