/** Checks a change of a broker's dynamic settings against the configuration that this broker runs with. */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import { ConfigError } from '../config/config-error.ts';
import { validateDynamicConfigs } from '../config/dynamic.ts';
import type { Services } from './services.ts';

/**
 * `settings` are all dynamic settings of the resource as they would be afterwards; an empty name stands for the
 * default of all brokers.
 * @throws {KafkaError} INVALID_REQUEST
 */
export function checkBrokerChange(
  services: Services,
  resourceName: string,
  settings: ReadonlyMap<string, string>,
): void {
  try {
    validateDynamicConfigs(services.config(), settings, resourceName !== '');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new KafkaError(ErrorCode.INVALID_REQUEST, error.message);
  }
}
