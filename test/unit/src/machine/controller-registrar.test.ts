import { describe, expect, it } from 'vitest';
import { ErrorCode, KafkaError } from '../../../../protocol/errors.ts';
import type { ControllerChannel } from '../../../../src/machine/controller-channel.ts';
import { ControllerRegistrar } from '../../../../src/machine/controller-registrar.ts';
import type { ImageFields } from '../../../../src/metadata/image.ts';
import { MetadataImage } from '../../../../src/metadata/image.ts';
import { MetadataVersion } from '../../../../src/metadata/metadata-version.ts';

const registration = {
  controllerId: 1,
  incarnationId: 'GB2sRNOPQnqCU2ws-j2joQ',
  zkMigrationReady: false,
  listeners: [{ name: 'CONTROLLER', host: 'localhost', port: 9093, securityProtocol: 0 }],
  features: [{ name: 'metadata.version', minSupportedVersion: 1, maxSupportedVersion: 19 }],
};

const namedBy = (incarnationId: string) =>
  new Map([[1, { id: 1, incarnationId, zkMigrationReady: false, endpoints: [], features: [] }]]);

/** A registrar whose metadata log and active controller are this test. */
function scene() {
  const sent: object[] = [];
  const timers = new Set<() => void>();
  let image = MetadataImage.EMPTY;
  const channel: ControllerChannel = {
    request: (_api, request) => {
      sent.push(request);
      return Promise.reject(new KafkaError(ErrorCode.NOT_CONTROLLER));
    },
  };
  const timer = {
    after(_delayMs: number, action: () => void) {
      timers.add(action);
      return () => timers.delete(action);
    },
  };
  const registrar = new ControllerRegistrar({ channel, timer, image: () => image });
  return {
    registrar,
    sent,
    async become(change: Partial<ImageFields>) {
      image = new MetadataImage({ ...image, ...change });
      registrar.imageChanged();
      await new Promise(setImmediate);
    },
    async fireTimers() {
      for (const action of timers) action();
      await new Promise(setImmediate);
    },
  };
}

const metadataVersion = MetadataVersion.CONTROLLER_REGISTRATION;

describe('The registration of a controller', () => {
  it('waits for a metadata.version that knows it, and is repeated until it is in the log', async () => {
    const { registrar, sent, become, fireTimers } = scene();
    await become({ metadataVersion: metadataVersion - 1 });
    registrar.start(registration);
    expect(sent).toEqual([]);
    await become({ metadataVersion });
    expect(sent).toEqual([registration]);
    await fireTimers();
    expect(sent).toEqual([registration, registration]);
    await become({ controllers: namedBy(registration.incarnationId) });
    await fireTimers();
    expect(sent).toHaveLength(2);
  });

  it('follows where the log names another incarnation, and never after the stop', async () => {
    const { registrar, sent, become, fireTimers } = scene();
    registrar.start(registration);
    await become({ metadataVersion, controllers: namedBy('AAAAAAAAAAAAAAAAAAAAAw') });
    expect(sent).toEqual([registration]);
    registrar.stop();
    await fireTimers();
    expect(sent).toHaveLength(1);
  });
});
