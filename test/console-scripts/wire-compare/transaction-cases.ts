/** Transactions, their partitions, offsets and markers. */
import type { Case } from './case.ts';
import { apiOf } from './case.ts';
import { adding, transaction } from './prepare.ts';

export const transactionCases: readonly Case[] = [
  {
    api: apiOf('InitProducerId'),
    name: 'of a transaction',
    needs: apiOf('AddPartitionsToTxn'),
    base: async (side, n) => {
      const { transactionalId } = await transaction(side, `init-${n}`);
      return { transactionalId, transactionTimeoutMs: 60_000 };
    },
    limits: { transactionalId: ['', 'init-other'], transactionTimeoutMs: [-1, 0, 1, 900_000, 900_001] },
  },
  {
    api: apiOf('AddPartitionsToTxn'),
    unanswered: /^transactions = \[\]/,
    // One of two equal ones in flight is chance.
    except: /^transactions twice/,
    base: async (side, n) => {
      const { transactionalId, producerId, producerEpoch } = await transaction(side, `add-${n}`);
      const topics = [{ name: 'alpha', partitions: [1] }];
      return {
        transactions: [{ transactionalId, producerId, producerEpoch, verifyOnly: false, topics }],
        v3AndBelowTransactionalId: transactionalId,
        v3AndBelowProducerId: producerId,
        v3AndBelowProducerEpoch: producerEpoch,
        v3AndBelowTopics: topics,
      };
    },
  },
  {
    api: apiOf('AddOffsetsToTxn'),
    base: async (side, n) => ({ ...(await transaction(side, `offsets-${n}`)), groupId: 'readers' }),
  },
  {
    api: apiOf('TxnOffsetCommit'),
    base: async (side, n) => {
      const begun = await transaction(side, `txn-commit-${n}`);
      await side.do(apiOf('AddOffsetsToTxn'), 3, { ...begun, groupId: 'in-txn' });
      return {
        ...begun,
        groupId: 'in-txn',
        topics: [
          { name: 'alpha', partitions: [{ partitionIndex: 0, committedOffset: 2, committedMetadata: '' }] },
        ],
      };
    },
  },
  {
    api: apiOf('EndTxn'),
    base: async (side, n) => ({ ...(await adding(side, `end-${n}`)), committed: true }),
  },
  {
    api: apiOf('EndTxn'),
    name: 'of an empty transaction',
    base: async (side, n) => ({ ...(await transaction(side, `end-empty-${n}`)), committed: true }),
    plain: true,
  },
  {
    api: apiOf('WriteTxnMarkers'),
    unanswered: /^markers.topics twice|^markers.topics.partitionIndexes twice/,
    // Markers of no producer are refused here.
    except: /producerId = -/,
    base: () => ({
      markers: [
        {
          producerId: 4_000_000,
          producerEpoch: 0,
          transactionResult: true,
          topics: [{ name: 'compacted', partitionIndexes: [0] }],
          coordinatorEpoch: 0,
        },
      ],
    }),
    limits: { 'markers.producerEpoch': [0, 1], 'markers.coordinatorEpoch': [0, 1] },
  },
  { api: apiOf('DescribeTransactions'), base: () => ({ transactionalIds: ['nobody'] }) },
  {
    api: apiOf('DescribeTransactions'),
    name: 'of one under way',
    base: async (side, n) => {
      await adding(side, `described-${n}`);
      return { transactionalIds: [`described-${n}`] };
    },
    plain: true,
  },
  {
    api: apiOf('ListTransactions'),
    base: () => ({ stateFilters: ['NoSuchState'], producerIdFilters: [77] }),
    limits: { stateFilters: ['', 'no-such', 'ongoing'], producerIdFilters: [-1, 99] },
  },
];
