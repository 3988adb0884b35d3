/**
 * Names for the scalars of the protocol, so that a signature says which number it means.
 *
 * They are plain aliases: the compiler does not tell a partition index from a leader epoch, names in the code do.
 */

/** Position of a record in a partition. -1 means unknown. Exact up to 2^53. */
export type Offset = number;
/** Number of a leader's reign over one partition. -1 means unknown (KIP-101). */
export type LeaderEpoch = number;
/** Number of a controller's reign over the metadata log. */
export type ControllerEpoch = number;
/** Node id of a broker. -1 means none. */
export type BrokerId = number;
/** Number that the controller gives to one life of a broker (KIP-500): the offset of its registration record. */
export type BrokerEpoch = number;
export type PartitionIndex = number;
export type TopicName = string;
export type GroupId = string;
export type MemberId = string;
export type TransactionalId = string;
/** Identity of a producer (KIP-98). -1 means none. */
export type ProducerId = number;
/** int16 that fences older instances of one producer id. */
export type ProducerEpoch = number;
/** Milliseconds since 1970-01-01T00:00Z. -1 means none. */
export type TimestampMs = number;
