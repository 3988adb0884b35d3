import { expect, test } from 'vitest';
import { hostAddress } from '../../../../src/net/address.ts';

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['::ffff:10.1.2.3', '10.1.2.3'],
  ['::1', '0:0:0:0:0:0:0:1'],
  ['::', '0:0:0:0:0:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0:0:0:0:1%eth0'],
  ['2001:db8::8:800:200c:417a', '2001:db8:0:0:8:800:200c:417a'],
  ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
])('Java prints %s as %s', (address, printed) => {
  expect(hostAddress(address)).toBe(printed);
});
