/** DescribeQuorum (key 55), versions 0 and 1: state of the metadata quorum (KIP-595); v1 times of fetches (KIP-836). */
import { DescribeQuorum } from '../../protocol/messages/describe-quorum.ts';
import { describeQuorum as describe } from '../machine/raft-api.ts';
import { handler } from '../server/handler.ts';
import type { Services } from './services.ts';

export const describeQuorum = (services: Services) =>
  handler(DescribeQuorum, {
    scope: 'both',
    run: (request) => describe(services.quorum(), request),
    refuse: (_request, errorCode) => ({ errorCode, topics: [] }),
  });
