/**
 * DescribeAcls, CreateAcls and DeleteAcls (keys 29 to 31), versions 0 to 3, of a broker without an authorizer: each
 * answers SECURITY_DISABLED, as Kafka does then.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import { CreateAcls } from '../../protocol/messages/create-acls.ts';
import { DeleteAcls } from '../../protocol/messages/delete-acls.ts';
import { DescribeAcls } from '../../protocol/messages/describe-acls.ts';
import { handler } from '../server/handler.ts';

const NO_AUTHORIZER = 'No Authorizer is configured.';

export const describeAcls = () =>
  handler(DescribeAcls, {
    run: () => ({
      throttleTimeMs: 0,
      errorCode: ErrorCode.SECURITY_DISABLED,
      errorMessage: 'No Authorizer is configured on the broker',
      resources: [],
    }),
    refuse: (_request, errorCode, errorMessage) => ({
      throttleTimeMs: 0,
      errorCode,
      errorMessage,
      resources: [],
    }),
  });

export const createAcls = () =>
  handler(CreateAcls, {
    run: (request) => ({
      throttleTimeMs: 0,
      results: request.creations.map(() => ({
        errorCode: ErrorCode.SECURITY_DISABLED,
        errorMessage: NO_AUTHORIZER,
      })),
    }),
    refuse: (request, errorCode, errorMessage) => ({
      throttleTimeMs: 0,
      results: request.creations.map(() => ({ errorCode, errorMessage })),
    }),
  });

export const deleteAcls = () =>
  handler(DeleteAcls, {
    run: (request) => ({
      throttleTimeMs: 0,
      filterResults: request.filters.map(() => ({
        errorCode: ErrorCode.SECURITY_DISABLED,
        errorMessage: NO_AUTHORIZER,
        matchingAcls: [],
      })),
    }),
    refuse: (request, errorCode, errorMessage) => ({
      throttleTimeMs: 0,
      filterResults: request.filters.map(() => ({ errorCode, errorMessage, matchingAcls: [] })),
    }),
  });
