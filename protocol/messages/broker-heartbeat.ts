import { api, array, bool, brokerId, errorCode, int32, int64, or, tagged, uuid } from '../schema.ts';

/**
 * API 63. Key 63.
 */
export const BrokerHeartbeat = api({
  name: 'BrokerHeartbeat',
  key: 63,
  versions: [0, 1],
  flexible: 0,
  request: {
    brokerId,
    brokerEpoch: or(-1, int64),
    currentMetadataOffset: int64,
    wantFence: bool,
    wantShutDown: bool,
    offlineLogDirs: tagged(0, 1, array(uuid)),
  },
  response: {
    throttleTimeMs: int32,
    errorCode,
    isCaughtUp: or(false, bool),
    isFenced: or(true, bool),
    shouldShutDown: bool,
  },
});
