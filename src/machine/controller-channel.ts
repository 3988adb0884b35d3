/**
 * The way from a broker to the active controller: one function, whatever lies between. In a combined node it is a
 * call inside the process; between nodes it is Kafka's Envelope and the controller listener. Callers can't tell.
 */
import type { Api, RequestOf, ResponseInput } from '../../protocol/schema.ts';

/** On whose behalf a request is made. */
export interface RequestContext {
  readonly version: number;
  readonly clientId: string | null;
  readonly principal: string;
}

export interface ControllerChannel {
  /**
   * Resolves once the answer's records are committed and this broker's own metadata has caught up with them.
   * @throws {KafkaError} NOT_CONTROLLER while there is no active controller; what the controller refuses.
   */
  request<A extends Api>(api: A, request: RequestOf<A>, context: RequestContext): Promise<ResponseInput<A>>;
}
