import { describe, expect, test } from 'vitest';
import { makeLogger, printEntry } from '../../../src/logging.ts';

function captured(format: 'json' | 'text') {
  const lines: string[] = [];
  const log = makeLogger({ level: 'info', format, stream: { write: (line: string) => lines.push(line) } });
  return { log, lines };
}

describe('log', () => {
  test('as JSON has one object per line, with the level as a word', () => {
    const { log, lines } = captured('json');
    log.child({ part: 'log', partition: 3 }).info({ segmentBytes: 5 }, 'segment rolled');
    log.debug('unheard');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'info',
      part: 'log',
      partition: 3,
      segmentBytes: 5,
      msg: 'segment rolled',
    });
  });

  test('blacks out secrets, at the top and one level down', () => {
    const { log, lines } = captured('json');
    log.warn({ password: 'hunter2', sasl: { authBytes: 'hunter2', mechanism: 'PLAIN' } }, 'refused');
    expect(lines[0]).not.toContain('hunter2');
    expect(lines[0]).toContain('PLAIN');
  });

  test('as text is one line for people', () => {
    const { log, lines } = captured('text');
    log.info({ topic: 'a', keys: ['x'], reason: 'two words' }, 'broker is ready');
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} INFO {2}broker is ready topic=a keys=\["x"\] reason="two words"\n$/,
    );
  });

  test('as text shows the stack of an error below', () => {
    const line = JSON.stringify({
      level: 'error',
      time: 0,
      msg: 'bad',
      err: { stack: 'Error: x\n    at y' },
    });
    expect(printEntry(line)).toBe('00:00:00.000 ERROR bad\nError: x\n    at y\n');
  });
});
