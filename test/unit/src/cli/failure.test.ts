import { describe, expect, test } from 'vitest';
import { explainFailure } from '../../../../src/cli/failure.ts';
import { ConfigError } from '../../../../src/config/config-error.ts';
import { ListenError } from '../../../../src/net/listener.ts';
import { ExitCode, StartupError } from '../../../../src/startup-error.ts';
import { DiskError } from '../../../../storage/disk.ts';

describe('failed start', () => {
  test('a taken port is exit code 2 and says where', () => {
    const failure = explainFailure(new ListenError('EADDRINUSE', '127.0.0.1', 9092, null));
    expect(failure.exitCode).toBe(ExitCode.CANNOT_LISTEN);
    expect(failure.sentence).toMatch(/^Can't listen on 127\.0\.0\.1:9092: another process .*\.$/);
  });

  test('a directory that may not be written is exit code 3 and says what to do', () => {
    const failure = explainFailure(new DiskError('EACCES', 'open', '/data/x'));
    expect(failure.exitCode).toBe(ExitCode.DIRECTORY_UNUSABLE);
    expect(failure.sentence).toMatch(/^The path \/data\/x can't be used: .*log\.dirs\.$/);
    expect(explainFailure(new DiskError('EWEIRD', 'open', '/x')).sentence).toContain('EWEIRD');
  });

  test('a refused configuration is exit code 1, in words without Scala’s prefix', () => {
    expect(explainFailure(new ConfigError('requirement failed: no.'))).toEqual({
      exitCode: 1,
      sentence: 'no.',
    });
  });

  test('who knows better is passed on, and a bug keeps its stack', () => {
    expect(explainFailure(new StartupError(ExitCode.STATE_UNREADABLE, 'why'))).toEqual({
      exitCode: 5,
      sentence: 'why',
    });
    const bug = explainFailure(new TypeError('x is undefined'));
    expect(bug.exitCode).toBe(ExitCode.FATAL);
    expect(bug.sentence).toContain('failure.test.ts');
  });
});
