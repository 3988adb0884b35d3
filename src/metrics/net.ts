/** Counters of the network layer. Plain numbers, counted where things happen, read by whoever exports them. */

export interface NetMetrics {
  connectionsOpen: number;
  connectionsAccepted: number;
  /** Turned away or closed by a limit: per address, idle time, memory for unfinished frames. */
  connectionsRefused: number;
  connectionsIdledOut: number;
  framesEvicted: number;
  bytesIn: number;
  bytesOut: number;
  requests: number;
}

export const makeNetMetrics = (): NetMetrics => ({
  connectionsOpen: 0,
  connectionsAccepted: 0,
  connectionsRefused: 0,
  connectionsIdledOut: 0,
  framesEvicted: 0,
  bytesIn: 0,
  bytesOut: 0,
  requests: 0,
});
