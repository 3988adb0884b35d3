/**
 * Quotas of users, clients and addresses (KIP-546; ClientQuotaControlManager).
 */
import { ErrorCode } from '../../protocol/errors.ts';
import type { AlterClientQuotas } from '../../protocol/messages/alter-client-quotas.ts';
import type { MetadataRecord } from '../../protocol/records/metadata.ts';
import type { RequestOf } from '../../protocol/schema.ts';
import type { MetadataImage, QuotaEntity } from '../metadata/image.ts';
import { quotaKey } from '../metadata/image.ts';
import type { CommandContext, CommandResult, Outcome } from './command.ts';
import { atomically, failure, SUCCESS } from './command.ts';

type Request = RequestOf<typeof AlterClientQuotas>;
type Entry = Request['entries'][number];

const USER = 'user';
const CLIENT_ID = 'client-id';
const IP = 'ip';

type QuotaType = 'long' | 'int' | 'double';

const userAndClientQuotas: ReadonlyMap<string, QuotaType> = new Map([
  ['producer_byte_rate', 'long'],
  ['consumer_byte_rate', 'long'],
  ['request_percentage', 'double'],
  ['controller_mutation_rate', 'double'],
]);
const ipQuotas: ReadonlyMap<string, QuotaType> = new Map([['connection_creation_rate', 'int']]);

const INT_MAX = 2 ** 31 - 1;
const LONG_MAX = 2 ** 63;

export interface QuotaOutcome extends Outcome {
  readonly entity: readonly QuotaEntity[];
}

/** Code per entity: INVALID_REQUEST. Entities in the order of their first mention. */
export function alterClientQuotas(context: CommandContext, request: Request): CommandResult<QuotaOutcome[]> {
  const records: MetadataRecord[] = [];
  const outcomes = new Map<string, QuotaOutcome>();
  for (const entry of request.entries) {
    const key = quotaKey(entry.entity);
    const changes: MetadataRecord[] = [];
    const outcome = outcomes.has(key)
      ? duplicate(entry.entity)
      : alterEntity(context.image, entry, key, changes);
    if (outcome === SUCCESS) records.push(...changes);
    outcomes.set(key, { ...outcome, entity: entry.entity });
  }
  return atomically(request.validateOnly ? [] : records, [...outcomes.values()]);
}

function invalid(message: string): Outcome {
  return failure(ErrorCode.INVALID_REQUEST, message);
}

/** Said of an entity that is named twice and of one with a key that is given twice. */
function duplicate(entity: readonly QuotaEntity[]): Outcome {
  const parts = entity.map((part) => `${part.entityType}=${part.entityName}`);
  return invalid(`Ignoring duplicate entity ClientQuotaEntity(entries={${parts.join(', ')}})`);
}

function alterEntity(
  image: MetadataImage,
  { entity, ops }: Entry,
  key: string,
  changes: MetadataRecord[],
): Outcome {
  const { error, quotas } = quotasFor(entity);
  if (error !== null) return error;
  const current = image.clientQuotas.get(key)?.quotas;
  const seen = new Set<string>();
  for (const op of ops) {
    if (seen.has(op.key)) return duplicate(entity);
    seen.add(op.key);
    const currentValue = current?.get(op.key);
    if (!op.remove) {
      const problem = valueProblem(quotas, op.key, op.value);
      if (problem !== null) return invalid(problem);
    }
    if (op.remove ? currentValue === undefined : currentValue === op.value) continue;
    changes.push({
      type: 'ClientQuotaRecord',
      entity,
      key: op.key,
      value: op.remove ? 0 : op.value,
      remove: op.remove,
    });
  }
  return SUCCESS;
}

/** The quotas that this kind of entity can have. */
function quotasFor(entity: readonly QuotaEntity[]): {
  readonly error: Outcome | null;
  readonly quotas: ReadonlyMap<string, QuotaType>;
} {
  const quotas = userAndClientQuotas;
  if (entity.length === 0) return { error: invalid('Invalid empty client quota entity'), quotas };
  const names = new Map<string, string | null>();
  for (const { entityType, entityName } of entity) {
    if (names.has(entityType)) {
      return { error: invalid(`Invalid client quota entity, duplicate entity entry ${entityType}`), quotas };
    }
    if (entityType !== USER && entityType !== CLIENT_ID && entityType !== IP) {
      return { error: invalid(`Unhandled client quota entity type: ${entityType}`), quotas };
    }
    if (entityName === '') return { error: invalid(`Empty ${entityType} not supported`), quotas };
    names.set(entityType, entityName);
  }
  if (!names.has(IP)) return { error: null, quotas };
  if (names.size > 1) {
    // Without the space, as Kafka has it.
    const reason = 'Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId';
    return { error: invalid(reason), quotas };
  }
  const ip = names.get(IP) ?? null;
  if (ip !== null && !isAddress(ip)) {
    return { error: invalid(`${ip} is not a valid IP or resolvable host.`), quotas };
  }
  return { error: null, quotas: ipQuotas };
}

/** Names of hosts are taken unresolved: a pure controller cannot ask the DNS. */
function isAddress(text: string): boolean {
  return /^[0-9A-Za-z:.%_-]+$/.test(text);
}

function valueProblem(quotas: ReadonlyMap<string, QuotaType>, key: string, value: number): string | null {
  const type = quotas.get(key);
  if (type === undefined) return `Invalid configuration key ${key}`;
  if (!(value > 0)) return `Quota ${key} must be greater than 0`;
  if (type === 'double') return null;
  if (type === 'int' && value > INT_MAX) return `Proposed value for ${key} is too large for an INT.`;
  if (type === 'long' && value > LONG_MAX) return `Proposed value for ${key} is too large for a LONG.`;
  return Math.abs(value % 1) > 1e-6 ? `${key} cannot be a fractional value.` : null;
}
