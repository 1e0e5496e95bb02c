/** Crockford's base 32: no I, L, O or U, so that an id survives being read out or written down. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const BITS_PER_CHARACTER = 5n;
const CHARACTERS = 12;

/** `ORD-` and 12 characters for the first 60 bits of a digest. The digest must have at least 8 bytes. */
export function orderIdFrom(digest: Uint8Array): string {
  const bits = new DataView(digest.buffer, digest.byteOffset).getBigUint64(0) >> 4n;
  const characters = Array.from({ length: CHARACTERS }, (_, index) => {
    const shift = BITS_PER_CHARACTER * BigInt(CHARACTERS - 1 - index);
    return ALPHABET.charAt(Number((bits >> shift) & 31n));
  });
  return `ORD-${characters.join('')}`;
}
