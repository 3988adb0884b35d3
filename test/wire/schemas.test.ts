import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { apiByKey, apis } from '../../protocol/messages/index.ts';
import { digest } from '../../scripts/schema-text.ts';
import { asOf37, changedMessages, laterMessages, messages, schemaText } from './message-vectors.ts';

/** Made by `node scripts/schema-diff.ts --update` from the schema files of Apache Kafka 3.7.0. */
const digests = JSON.parse(readFileSync(join(import.meta.dirname, 'schema-digests.json'), 'utf8')) as Record<
  string,
  string
>;

/** A field that came with a later version has an empty window. */
const withoutLaterFields = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !/^ .* 1-0 /.test(line))
    .join('\n');

describe('schemas', () => {
  test.each([...messages].filter(([name]) => ![...laterMessages, ...changedMessages].includes(name)))(
    '%s has the fields, windows, tags and defaults of Apache Kafka 3.7.0.',
    (name, message) => {
      const text = withoutLaterFields(schemaText(asOf37(message)));
      expect(digest(text), text).toBe(digests[name]);
    },
  );

  test('There is a schema for every digest.', () => {
    expect(Object.keys(digests).filter((name) => !messages.has(name))).toEqual([]);
  });

  test('The 75 APIs of 3.7.0 stand in the order of their keys, with 291 versions in all, and the later ones of KIP-848.', () => {
    expect(apis.map(({ key }) => key)).toEqual([...apiByKey.keys()].sort((a, b) => a - b));
    expect(apis).toHaveLength(75);
    expect(apis.reduce((sum, { versions: [first, last] }) => sum + last - first + 1, 0)).toBe(291 + 2);
  });
});
