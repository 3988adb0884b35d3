/**
 * What the commands of one controller share: how it is set up, what it may ask, and its soft state.
 */
import type { ControllerOptions, ControllerPorts } from './ports.ts';
import type { BrokerSessions } from './sessions.ts';

export interface ControllerEnvironment {
  readonly options: ControllerOptions;
  readonly ports: ControllerPorts;
  readonly sessions: BrokerSessions;
}
