/** kcat, the command line of librdkafka 2.0: what people type at a broker. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findKcat } from '../../scripts/clients/kcat.ts';
import { run, start } from '../../scripts/clients/runtime.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker, temporaryDirectory } from '../helpers/broker-process.ts';
import { until } from '../helpers/until.ts';

const kcat = await findKcat();
const isMissing = 'missing' in kcat;
if (isMissing) console.log(`skipped: ${kcat.missing}`);

describe.skipIf(isMissing)('kcat', () => {
  const dir = temporaryDirectory('kcat');
  const { command, env } = 'found' in kcat ? kcat.found : { command: '', env: {} };
  let broker: BrokerProcess;

  beforeAll(async () => {
    const overrides = { 'group.initial.rebalance.delay.ms': '0', 'num.partitions': '2' };
    broker = await startBroker({ dir, overrides });
  });

  afterAll(async () => {
    await broker.stop();
  });

  const type = async (args: string, input?: string): Promise<string[]> => {
    const words = ['-b', broker.bootstrap, ...args.split(' ')];
    const { exitCode, stdout, stderr } = await run(command, words, {
      env,
      ...(input === undefined ? {} : { input }),
    });
    expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
    return stdout.split('\n').filter((line) => line !== '');
  };

  test('lists the broker and creates a topic by producing to it', async () => {
    await type('-P -t used -p 0 -K :', 'a:first\nb:second\n');
    const listed = await type('-L -t used');
    expect(listed.join('\n')).toContain('topic "used" with 2 partitions');
    expect(listed.join('\n')).toMatch(/broker \d+ at 127\.0\.0\.1:\d+ \(controller\)/);
  });

  test('produces with every acknowledgement and codec and reads keys, headers and order back', async () => {
    for (const acks of ['-1', '1', '0'])
      await type(`-P -t acks -p 0 -X acks=${acks} -H acks=${acks}`, `value ${acks}\n`);
    for (const codec of ['gzip', 'snappy', 'lz4', 'zstd']) {
      await type(`-P -t acks -p 0 -z ${codec} -k ${codec}`, `${codec} 0\n${codec} 1\n${codec} 2\n`);
    }
    const read = await type('-C -t acks -p 0 -o beginning -e -q -f %o;%k;%s;%h\\n');
    expect(read).toEqual([
      '0;;value -1;acks=-1',
      '1;;value 1;acks=1',
      '2;;value 0;acks=0',
      ...['gzip', 'snappy', 'lz4', 'zstd'].flatMap((codec, at) =>
        [0, 1, 2].map((line) => `${3 + at * 3 + line};${codec};${codec} ${line};`),
      ),
    ]);
    expect(await type('-Q -t acks:0:-1')).toEqual(['acks [0] offset 15']);
    expect(await type('-Q -t acks:0:-2')).toEqual(['acks [0] offset 0']);
  });

  test('two balanced consumers share, and one that comes later goes on from the offsets after a restart', async () => {
    await type('-P -t shared -p 0', 'before\n');
    const read: string[] = [];
    const consumers = ['one', 'two'].map((name) => {
      const args = [
        '-b',
        broker.bootstrap,
        '-G',
        'kcat-group',
        '-X',
        'auto.offset.reset=earliest',
        '-u',
        'shared',
      ];
      const child = start(command, [...args, '-f', `${name} %p %s\\n`], { env });
      let text = '';
      child.stderr?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      child.stdout?.on('data', (chunk: Buffer) => read.push(...chunk.toString().trim().split('\n')));
      return { child, said: () => text };
    });
    // Each member says what it was given: one partition each, once both are there.
    await until(() =>
      consumers.every(({ said }) =>
        /assigned: shared \[[01]\]\s*$/.test(said().trim().split('\n').at(-1) ?? ''),
      ),
    );
    for (const partition of [0, 1]) await type(`-P -t shared -p ${partition}`, `to ${partition}\n`);
    await until(() => read.filter((line) => / to \d$/.test(line)).length === 2);
    const readers = new Set(read.filter((line) => / to \d$/.test(line)).map((line) => line.split(' ')[0]));
    expect(readers.size).toBe(2);
    await Promise.all(
      consumers.map(({ child }) => {
        const ended = new Promise((resolve) => child.once('close', resolve));
        child.kill('SIGINT');
        return ended;
      }),
    );
    expect(await broker.stop()).toBe(0);
    broker = await startBroker({ dir, port: broker.port });
    await type('-P -t shared -p 1', 'after\n');
    const after = await type('-G kcat-group -c 1 -q -X auto.offset.reset=earliest shared');
    expect(after).toEqual(['after']);
  });
});
