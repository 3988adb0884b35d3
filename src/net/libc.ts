/**
 * Calls into the C library that Node does not offer, made through koffi's prebuilt library where that is installed.
 *
 * Always true: Linux alone, since other systems have calls of the same name and other arguments; what is not there is
 * null, and whoever wants it goes another way.
 */
import { createRequire } from 'node:module';

/** A C function: integers and buffers go in, its result comes out. */
export type CFunction = (...given: unknown[]) => number | bigint;

export interface LibC {
  /** @param prototype as C writes it */
  func(prototype: string): CFunction;
  /** The number of the error that the last call of this thread has met. */
  errno(): number;
}

/** The part of koffi that is used here. */
interface Koffi {
  load(library: null): { func(prototype: string): CFunction };
  errno(): number;
}

export function loadLibC(): LibC | null {
  if (process.platform !== 'linux') return null;
  try {
    const koffi = createRequire(import.meta.url)(`@koromix/koffi-linux-${process.arch}`) as Koffi;
    const library = koffi.load(null);
    return { func: (prototype) => library.func(prototype), errno: () => koffi.errno() };
  } catch {
    return null;
  }
}
