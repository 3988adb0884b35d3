/**
 * What the transaction machine has to tell an operator, as fields for a log line.
 *
 * Notes are for people: nothing in the program reads them back.
 */

export type Note =
  | {
      readonly event: 'producer initialized';
      readonly transactionalId: string;
      readonly producerId: number;
      readonly producerEpoch: number;
    }
  | {
      readonly event: 'transaction fenced';
      readonly transactionalId: string;
      readonly producerId: number;
      /** That of the abort, above the producer's. */
      readonly producerEpoch: number;
      readonly why: 'its timeout has passed' | 'a new producer has taken over';
    }
  | {
      readonly event: 'markers to be written again';
      readonly transactionalId: string;
      readonly partitionCount: number;
      /** One of the errors. */
      readonly error: string;
    }
  | {
      readonly event: 'markers given up';
      readonly transactionalId: string;
      readonly topic: string;
      readonly partition: number;
      readonly error: string;
    }
  | {
      readonly event: 'write failed';
      readonly transactionalId: string;
      readonly to: string;
      readonly error: string;
    }
  | { readonly event: 'transactional ids expired'; readonly count: number };
