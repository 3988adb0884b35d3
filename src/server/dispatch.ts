/**
 * The server as the network sees it: makes a session for each connection, all with the same handlers.
 *
 * One dispatcher serves all listeners of one scope; ApiVersions lists what it serves and nothing else.
 */
import type { SessionChannel, SessionOptions } from './session.ts';
import { Session } from './session.ts';

export class Dispatcher {
  readonly #options: SessionOptions;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** The protocol's side of a new connection. */
  open(channel: SessionChannel): Session {
    return new Session(this.#options, channel);
  }
}
