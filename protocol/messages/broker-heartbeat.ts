import { api, array, bool, brokerId, errorCode, int32, int64, or, tagged, uuid } from '../schema.ts';

/**
 * API 63. A broker says that it is alive and what it wants: to be unfenced, or to shut down (KIP-631).
 *
 * - v1: log directories that went offline (KIP-858).
 */
export const BrokerHeartbeat = api({
  name: 'BrokerHeartbeat',
  key: 63,
  versions: [0, 1],
  flexible: 0,
  request: {
    brokerId,
    brokerEpoch: or(-1, int64),
    /** Last offset of the metadata log that the broker has read. */
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
