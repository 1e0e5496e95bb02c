/** A shopfloor that may get work; `capacityPerHour` is pieces per hour. */
export type Floor = { shopfloorId: string; capacityPerHour: number };
/** What one shopfloor gets; `quantity` is whole pieces, at least 1. */
export type Part = { shopfloorId: string; quantity: number };

/** Capacities count to a millionth of a piece per hour, so that all arithmetic is exact in whole numbers. */
const UNITS_PER_PIECE = 1_000_000;

/**
 * Splits `quantity` whole pieces over floors in proportion to their capacity by the largest-remainder method: everyone
 * gets the whole part of the exact share, and the pieces left over go, one each, to the largest remainders (equal ones
 * by id). The parts always add up to `quantity`, each is less than one piece away from its exact share, and a floor never
 * gets less than one with less capacity. Floors whose part is 0 are left out; without any capacity nobody gets anything.
 * Answers in the order of ids.
 */
export function split(quantity: number, floors: readonly Floor[]): Part[] {
  const weighed = floors
    .map(({ shopfloorId, capacityPerHour }) => ({ shopfloorId, weight: weightOf(capacityPerHour) }))
    .toSorted((a, b) => byId(a, b));
  const total = weighed.reduce((sum, { weight }) => sum + weight, 0n);
  if (total === 0n) return [];
  const shares = weighed.map(({ shopfloorId, weight }) => {
    const share = BigInt(quantity) * weight;
    return { shopfloorId, whole: share / total, remainder: share % total };
  });
  const missing = BigInt(quantity) - shares.reduce((sum, { whole }) => sum + whole, 0n);
  const luckyIds = shares
    .toSorted((a, b) => Number(b.remainder > a.remainder) - Number(b.remainder < a.remainder) || byId(a, b))
    .slice(0, Number(missing))
    .map(({ shopfloorId }) => shopfloorId);
  const lucky = new Set(luckyIds);
  return shares
    .map(({ shopfloorId, whole }) => ({ shopfloorId, quantity: Number(whole) + (lucky.has(shopfloorId) ? 1 : 0) }))
    .filter((part) => part.quantity > 0);
}

/** Whether a capacity is large enough to count at all. */
export function hasCapacity({ capacityPerHour }: Floor): boolean {
  return weightOf(capacityPerHour) > 0n;
}

function weightOf(capacityPerHour: number): bigint {
  return BigInt(Math.round(capacityPerHour * UNITS_PER_PIECE));
}

/** By code unit, so that every machine sorts alike whatever its language. */
function byId(a: { shopfloorId: string }, b: { shopfloorId: string }): number {
  return Number(a.shopfloorId > b.shopfloorId) - Number(a.shopfloorId < b.shopfloorId);
}
