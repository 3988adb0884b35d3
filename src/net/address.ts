/** IP addresses as Java prints them, which is how they appear in group members, ACLs and logs. */

const MAPPED_PREFIX = '::ffff:';

/**
 * `address` as java.net.InetAddress.getHostAddress gives it: IPv4-mapped addresses as plain IPv4, IPv6 with all
 * eight groups written out (`::1` is `0:0:0:0:0:0:0:1`).
 */
export function hostAddress(address: string): string {
  if (address.startsWith(MAPPED_PREFIX) && address.includes('.')) return address.slice(MAPPED_PREFIX.length);
  if (!address.includes(':')) return address;
  const [groups = '', scope] = address.split('%');
  const [head = '', tail] = groups.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  const full = [...left, ...new Array<string>(Math.max(zeros, 0)).fill('0'), ...right].join(':');
  return scope === undefined ? full : `${full}%${scope}`;
}
