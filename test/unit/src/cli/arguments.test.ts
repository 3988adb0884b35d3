import { describe, expect, test } from 'vitest';
import { parseArguments } from '../../../../src/cli/arguments.ts';

const start = (file: string | null, ...overrides: string[]) => ({ name: 'start', file, overrides });

describe('command line', () => {
  test.each([
    [[], start(null)],
    [['start'], start(null)],
    [['server.properties'], start('server.properties')],
    [
      ['start', 'server.properties', '--override', 'a=b', '--override=c=d=e'],
      start('server.properties', 'a=b', 'c=d=e'),
    ],
    [['--override', 'a=', 'x.properties'], start('x.properties', 'a=')],
    [['random-uuid'], { name: 'random-uuid' }],
    [['--version'], { name: 'version' }],
    [['start', '--help'], { name: 'help' }],
  ])('%j is understood', (args, command) => {
    expect(parseArguments(args)).toEqual(command);
  });

  test('format takes the options of kafka-storage.sh, short and long', () => {
    const command = { name: 'format', clusterId: 'abc', file: 'x', ignoreFormatted: true, release: '3.6' };
    expect(parseArguments(['format', '-t', 'abc', '-c', 'x', '-g', '-r', '3.6'])).toEqual(command);
    const long = [
      'format',
      '--cluster-id=abc',
      '--config',
      'x',
      '--ignore-formatted',
      '--release-version=3.6',
    ];
    expect(parseArguments(long)).toEqual(command);
  });

  test.each([
    [['start', 'a', 'b'], /One configuration file is read, but a and b/],
    [['--override', 'nonsense'], /--override wants key=value, but got nonsense/],
    [['--override'], /--override wants key=value, but got nothing/],
    [['-daemon', 'x'], /option -daemon is unknown/],
    [['format', '-c', 'x'], /format wants --cluster-id/],
    [['format', '-t', 'abc'], /format wants --config/],
    [['format', '-t'], /-t wants a value/],
    [
      ['format', '-t', 'abc', '-c', 'x', '--add-scram', 'SCRAM-SHA-256=[name=a]'],
      /--add-scram is not served/,
    ],
    [['format', '--nope'], /format does not know --nope/],
    [['random-uuid', 'x'], /takes no arguments/],
  ])('%j is refused with a sentence', (args, sentence) => {
    expect(parseArguments(args)).toEqual({ name: 'refuse', sentence: expect.stringMatching(sentence) });
  });
});
