// The error of a configuration that can't be used. Its message is the text of Kafka's ConfigException (or of the
// requirement that KafkaConfig checks), because admin clients and people search for exactly these words.

/** A configuration key, value or combination that is refused. Handlers choose the code: INVALID_CONFIG for topics,
 * INVALID_REQUEST for brokers (KAFKA-13609); at the start of the process it becomes exit code 1. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** The refusal of one value: `Invalid value x for configuration y: why`, as ConfigException words it. */
export function invalidValue(name: string, value: string | null, why?: string): ConfigError {
  const reason = why === undefined ? '' : `: ${why}`;
  return new ConfigError(`Invalid value ${value} for configuration ${name}${reason}`);
}

/** Refuses with the words of Scala's `require`, which is how KafkaConfig checks combinations. */
export function requirement(holds: boolean, text: string): void {
  if (!holds) throw new ConfigError(`requirement failed: ${text}`);
}
