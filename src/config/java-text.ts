// How Java reads and prints numbers, so that a value is accepted, refused and shown exactly as Kafka does it.
// Always true: a value that is read and printed again is the text `String.configValue` of the Java type would give.

const INTEGER = /^[+-]?[0-9]+$/;
const DECIMAL = /^[+-]?(NaN|Infinity|([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[fFdD]?)$/;

const INTEGER_LIMITS = {
  short: [-(2n ** 15n), 2n ** 15n - 1n],
  int: [-(2n ** 31n), 2n ** 31n - 1n],
  long: [-(2n ** 63n), 2n ** 63n - 1n],
} as const;

/** The canonical text of an integer, or null when Short/Integer/Long.parse… would throw. */
export function readInteger(text: string, type: 'short' | 'int' | 'long'): string | null {
  if (!INTEGER.test(text)) return null;
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text);
  const [min, max] = INTEGER_LIMITS[type];
  return value < min || value > max ? null : value.toString();
}

/** The number that Double.parseDouble reads, or null when it would throw. */
export function readDouble(text: string): number | null {
  if (!DECIMAL.test(text)) return null;
  return Number(text.replace(/[fFdD]$/, ''));
}

/** Double.toString: plain between 10^-3 and 10^7, otherwise `d.dddE±n`; always at least one digit after the point. */
export function printDouble(value: number): string {
  if (!Number.isFinite(value) || value === 0)
    return Object.is(value, -0) ? '-0.0' : value === 0 ? '0.0' : `${value}`;
  const magnitude = Math.abs(value);
  if (magnitude >= 1e-3 && magnitude < 1e7) {
    return Number.isInteger(value) ? `${value}.0` : `${value}`;
  }
  const [mantissa = '0', exponent = '0'] = value.toExponential().split('e');
  return `${mantissa.includes('.') ? mantissa : `${mantissa}.0`}E${Number(exponent)}`;
}
