/**
 * Messages ⇄ bytes. A codec function is compiled for each api × version × direction when it is first used, and kept.
 *
 * What always holds:
 * - Decoding reads only the given range, throws `MalformedMessage` and nothing else, and ignores bytes behind the
 *   message. `bytes` fields are copies; `records` fields are views of the buffer that was passed in.
 * - Encoding throws `KafkaError` UNSUPPORTED_VERSION when a value has no place in the version.
 * - The compiled codec and the interpreter agree on every message. Where code generation from strings is disallowed,
 *   the interpreter does all the work.
 */
import { assert } from './assert.ts';
import type { Decoder } from './compile-decode.ts';
import { decodeHelpers, decoderSource } from './compile-decode.ts';
import type { Encoder } from './compile-encode.ts';
import { encodeHelpers, encoderSource } from './compile-encode.ts';
import { readStruct, writeStruct } from './interpret.ts';
import type { DecodeCursor } from './reader.ts';
import { MAX_ELEMENTS, Reader } from './reader.ts';
import type {
  Api,
  DataInput,
  DataOf,
  Fields,
  Message,
  RequestInput,
  RequestOf,
  ResponseInput,
  ResponseOf,
} from './schema.ts';
import { Writer } from './writer.ts';

/** A decoded message and the position behind it. */
export interface DecodeResult<T> {
  readonly value: T;
  readonly end: number;
}

/** What the caches and compilers need to know of a request, a response or a record. */
interface Target {
  /** As it stands in errors, stack traces and profiles: `Fetch.request`. */
  readonly name: string;
  readonly versions: readonly [number, number];
  readonly flexible: number;
  readonly fields: Fields;
}

interface Codecs {
  readonly target: Target;
  readonly decoders: (Decoder | undefined)[];
  readonly encoders: (Encoder | undefined)[];
}

const codecsByFields = new WeakMap<Fields, Codecs>();
const cursor: DecodeCursor = { position: 0, elementsLeft: 0 };
const writer = new Writer();

export function decodeRequest<A extends Api>(
  api: A,
  version: number,
  buffer: Buffer,
  offset = 0,
  end = buffer.length,
): DecodeResult<RequestOf<A>> {
  const value = decode(codecsOf(api, 'request'), version, buffer, offset, end) as RequestOf<A>;
  return { value, end: cursor.position };
}

export function decodeResponse<A extends Api>(
  api: A,
  version: number,
  buffer: Buffer,
  offset = 0,
  end = buffer.length,
): DecodeResult<ResponseOf<A>> {
  const value = decode(codecsOf(api, 'response'), version, buffer, offset, end) as ResponseOf<A>;
  return { value, end: cursor.position };
}

/** The bytes of a request's body, in chunks: large record batches are handed through, not copied. */
export function encodeRequest<A extends Api>(api: A, version: number, value: RequestInput<A>): Buffer[] {
  writer.begin();
  writeRequest(writer, api, version, value);
  return writer.finish();
}

/** The bytes of a response's body, in chunks: large record batches are handed through, not copied. */
export function encodeResponse<A extends Api>(api: A, version: number, value: ResponseInput<A>): Buffer[] {
  writer.begin();
  writeResponse(writer, api, version, value);
  return writer.finish();
}

/** Writes a request's body behind what the writer holds already. */
export function writeRequest<A extends Api>(
  into: Writer,
  api: A,
  version: number,
  value: RequestInput<A>,
): void {
  encoderOf(codecsOf(api, 'request'), version)(into, value);
}

/** Writes a response's body behind what the writer holds already. */
export function writeResponse<A extends Api>(
  into: Writer,
  api: A,
  version: number,
  value: ResponseInput<A>,
): void {
  encoderOf(codecsOf(api, 'response'), version)(into, value);
}

/** Decodes a record or another message that stands alone. */
export function decodeMessage<M extends Message>(
  message: M,
  version: number,
  buffer: Buffer,
  offset = 0,
  end = buffer.length,
): DataOf<M> {
  return decode(codecsOfMessage(message), version, buffer, offset, end) as DataOf<M>;
}

/** As `decodeMessage`, and tells where the message ended. */
export function decodeMessageAt<M extends Message>(
  message: M,
  version: number,
  buffer: Buffer,
  offset = 0,
  end = buffer.length,
): DecodeResult<DataOf<M>> {
  const value = decodeMessage(message, version, buffer, offset, end);
  return { value, end: cursor.position };
}

/**
 * Encodes a record or another message that stands alone, into a buffer of its own: records may live long, and must
 * not keep the writer's slab alive.
 */
export function encodeMessage<M extends Message>(message: M, version: number, value: DataInput<M>): Buffer {
  writer.begin();
  writeMessage(writer, message, version, value);
  return Buffer.concat(writer.finish());
}

/** Writes a record or another message that stands alone behind what the writer holds already. */
export function writeMessage<M extends Message>(
  into: Writer,
  message: M,
  version: number,
  value: DataInput<M>,
): void {
  encoderOf(codecsOfMessage(message), version)(into, value);
}

/** The source of the functions that are compiled for one version, for people. */
export function codecSource(api: Api, version: number): Record<'request' | 'response', string> {
  const source = (direction: 'request' | 'response'): string => {
    const { target } = codecsOf(api, direction);
    const flexible = version >= target.flexible;
    const name = `${api.name}.v${version}.${direction}`;
    return [
      `// codec/${name}.decode(b, d, p, end, c)`,
      decoderSource(name, target.fields, { number: version, flexible }),
      `// codec/${name}.encode(w, o)`,
      encoderSource(target.fields, { number: version, flexible }).source,
    ].join('\n');
  };
  return { request: source('request'), response: source('response') };
}

function codecsOf(api: Api, direction: 'request' | 'response'): Codecs {
  const fields = api[direction];
  return (
    codecsByFields.get(fields) ??
    register({ name: `${api.name}.${direction}`, versions: api.versions, flexible: api.flexible, fields })
  );
}

function codecsOfMessage(message: Message): Codecs {
  return codecsByFields.get(message.fields) ?? register(message);
}

function register(target: Target): Codecs {
  const codecs = { target, decoders: [], encoders: [] };
  codecsByFields.set(target.fields, codecs);
  return codecs;
}

function decode(codecs: Codecs, version: number, buffer: Buffer, offset: number, end: number): object {
  const decoder = codecs.decoders[version] ?? compileDecoder(codecs, version);
  cursor.elementsLeft = MAX_ELEMENTS;
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  return decoder(buffer, view, offset, Math.min(end, buffer.length), cursor);
}

function encoderOf(codecs: Codecs, version: number): Encoder {
  return codecs.encoders[version] ?? compileEncoder(codecs, version);
}

function assertVersion({ versions }: Target, version: number): void {
  assert(version >= versions[0] && version <= versions[1], 'The schema does not have this version.');
}

function compileDecoder({ target, decoders }: Codecs, version: number): Decoder {
  assertVersion(target, version);
  const spec = { number: version, flexible: version >= target.flexible };
  const name = nameOf(target, version);
  const compiled = compile(
    `${name}.decode`,
    ['b', 'd', 'p', 'end', 'c'],
    () => decoderSource(name, target.fields, spec),
    decodeHelpers,
  ) as Decoder | null;
  const decoder = compiled ?? interpretedDecoder(target.fields, spec);
  decoders[version] = decoder;
  return decoder;
}

function interpretedDecoder(fields: Fields, spec: { number: number; flexible: boolean }): Decoder {
  return (buffer, _view, position, end, at) => {
    const reader = new Reader(buffer, position, end);
    const value = readStruct(reader, fields, spec);
    at.position = reader.position;
    return value;
  };
}

function compileEncoder({ target, encoders }: Codecs, version: number): Encoder {
  assertVersion(target, version);
  const spec = { number: version, flexible: version >= target.flexible };
  const { source, constants } = encoderSource(target.fields, spec);
  const helpers = { ...encodeHelpers, ...Object.fromEntries(constants.map((value, i) => [`K${i}`, value])) };
  const name = `${nameOf(target, version)}.encode`;
  const compiled = compile(name, ['w', 'o'], () => source, helpers) as Encoder | null;
  const encoder: Encoder =
    compiled ??
    ((into, value) => {
      writeStruct(into, target.fields, spec, value as Record<string, unknown>);
    });
  encoders[version] = encoder;
  return encoder;
}

/** `Fetch.request` and 12 give `Fetch.v12.request`. */
function nameOf({ name }: Target, version: number): string {
  const [first, ...rest] = name.split('.');
  return [first, `v${version}`, ...rest].join('.');
}

/** Makes a function of source, or null where that is disallowed (`--disallow-code-generation-from-strings`). */
function compile(
  name: string,
  parameters: readonly string[],
  body: () => string,
  helpers: Readonly<Record<string, unknown>>,
): unknown {
  const functionName = name.replaceAll('.', '_');
  const source = [
    `"use strict"; const { ${Object.keys(helpers).join(', ')} } = helpers;`,
    `return function ${functionName}(${parameters.join(', ')}) {`,
    body(),
    `}; //# sourceURL=codec/${name}`,
  ].join('\n');
  try {
    return new Function('helpers', source)(helpers);
  } catch (error) {
    if (error instanceof EvalError) {
      return null;
    }
    throw error;
  }
}
