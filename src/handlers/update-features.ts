/** UpdateFeatures (key 57), versions 0 and 1 (KIP-584): v1 upgrade types and validate only. */
import { UpdateFeatures } from '../../protocol/messages/update-features.ts';
import { forwarded } from './forwarded.ts';

export const updateFeatures = forwarded(UpdateFeatures, (request, errorCode, errorMessage) => ({
  throttleTimeMs: 0,
  errorCode,
  errorMessage,
  results: request.featureUpdates.map(({ feature }) => ({ feature, errorCode, errorMessage })),
}));
