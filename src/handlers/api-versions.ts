/**
 * ApiVersions (key 18), versions 0 to 3: what this listener serves.
 *
 * v1 throttle time; v3 flexible, the client's software (KIP-511) and features (KIP-584). The answer's header has
 * version 0 always. A version that is not served is answered before it gets here, by server/session.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import { ApiVersions } from '../../protocol/messages/api-versions.ts';
import type { ResponseInput } from '../../protocol/schema.ts';
import type { HandlerTable, Scope } from '../server/handler.ts';
import { handler } from '../server/handler.ts';

/** The levels of metadata.version that 3.7.0 knows: 3.0-IV1 to 3.7-IV4. */
const METADATA_VERSIONS = { name: 'metadata.version', minVersion: 1, maxVersion: 19 };

/** Letters, digits, dot and dash, alphanumeric at both ends; see ApiVersionsRequest.isValid. */
const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;

export interface FinalizedFeatures {
  /** Offset of the metadata image, -1 before there is one. */
  readonly epoch: number;
  /** Level of metadata.version; 0 or less is not listed. */
  readonly metadataVersion: number;
}

/** `table` is called when a request comes: the table holds this handler, too. */
export const apiVersions = (table: () => HandlerTable, finalized: () => FinalizedFeatures) =>
  handler(ApiVersions, {
    scope: 'both',
    run(request, call) {
      if (call.version >= 3) {
        const { clientSoftwareName, clientSoftwareVersion } = request;
        if (!SOFTWARE.test(clientSoftwareName) || !SOFTWARE.test(clientSoftwareVersion)) {
          throw new KafkaError(ErrorCode.INVALID_REQUEST);
        }
        call.connection.clientSoftwareName = clientSoftwareName;
        call.connection.clientSoftwareVersion = clientSoftwareVersion;
      }
      return answer(table(), call.connection.scope, finalized());
    },
    refuse: (_request, errorCode) => ({ errorCode, apiKeys: [], throttleTimeMs: 0 }),
  });

function answer(
  table: HandlerTable,
  scope: Scope,
  finalized: FinalizedFeatures,
): ResponseInput<typeof ApiVersions> {
  const { epoch, metadataVersion } = finalized;
  return {
    errorCode: ErrorCode.NONE,
    apiKeys: table.listed(scope).map(({ api, versions }) => ({
      apiKey: api.key,
      minVersion: versions[0],
      maxVersion: versions[1],
    })),
    throttleTimeMs: 0,
    supportedFeatures: [METADATA_VERSIONS],
    finalizedFeaturesEpoch: epoch,
    finalizedFeatures:
      metadataVersion > 0
        ? [
            {
              name: METADATA_VERSIONS.name,
              maxVersionLevel: metadataVersion,
              minVersionLevel: metadataVersion,
            },
          ]
        : [],
  };
}
