import { smooth } from './chance.ts';

/** Values of one twin by parameter key, each in the parameter's unit. */
export type Values = Record<string, number>;

/** How far a fault is: minutes since it began, and how bad it is, 0..1. */
export type Course = { minutes: number; severity: number };

/** What a fault makes of the healthy values of its twin. `valuesAtStart` tells those of the tick it began. */
export type Effect = (values: Values, course: Course, valuesAtStart: () => Values) => Values;

/** A bearing runs hot and rough for two hours, then breaks through and gets slowly worse until it is replaced. */
export const wearing =
  (temperature: string | undefined): Effect =>
  (values, { minutes, severity }) => {
    const early = 32 * Math.min(1, minutes / WEAR_MINUTES) ** 2;
    const broken = 30 * smooth((minutes - WEAR_MINUTES) / BREAK_MINUTES);
    const late = (6 + 12 * severity) * smooth((minutes - WEAR_MINUTES) / 240);
    const changed = { ...values, vibration: of(values, 'vibration') + early + broken + late };
    return temperature === undefined ? changed : { ...changed, [temperature]: of(values, temperature) + early / 4 };
  };
export const WEAR_MINUTES = 120;
const BREAK_MINUTES = 4;
/** How long an alert of the two bearings, and of leak and clogging, stands: a little more than half of the time each. */
export const BEARING_ALERT_MINUTES = 384;
export const FLOW_ALERT_MINUTES = 252;

/** Pressure and flow are lost within minutes; half-way the hole tears open and next to nothing arrives. */
export const leaking: Effect = (values, { minutes, severity }) => {
  const opened = smooth(minutes / 4);
  const torn = smooth((minutes - FLOW_ALERT_MINUTES / 2) / 4);
  return {
    ...values,
    pressure: floor(of(values, 'pressure') - (30 + 1.5 * severity) * opened),
    flowRate: floor(of(values, 'flowRate') - 110 * opened - (150 + 15 * severity) * torn),
  };
};

/** Wax builds up for two and a half hours, then blocks; the pressure before it rises. */
export const clogging: Effect = (values, { minutes, severity }) => {
  const waxed = Math.min(1, minutes / CLOG_MINUTES) ** 1.5;
  const blocked = smooth((minutes - CLOG_MINUTES) / 4);
  return {
    ...values,
    flowRate: floor(of(values, 'flowRate') - 130 * waxed - (100 + 15 * severity) * blocked),
    pressure: of(values, 'pressure') + 3 * waxed + 4 * blocked,
  };
};
export const CLOG_MINUTES = 150;

/** Somebody draws fuel that is never sold, until the valve is closed. */
export const drawnOff: Effect = (values, { minutes }) => {
  const level = of(values, 'fuelInventory');
  return { ...values, fuelInventory: level - (level - 4700) * smooth(minutes / 25) };
};

/** The compressor stands still; only its control takes a little power. */
export const stopped: Effect = (values) => ({
  ...values,
  status: 0,
  energyConsumption: 18 + of(values, 'energyConsumption') / 100,
});

/** Far more current than the transformer is made for; the voltage sags under it. */
export const overloaded: Effect = (values, { minutes, severity }) => ({
  ...values,
  current: of(values, 'current') + (17 + 4 * severity) * smooth(minutes / 2),
  voltage: of(values, 'voltage') - 2.5 * smooth(minutes / 2),
});

/** One wild value of the pressure. */
export const spiking: Effect = (values, { severity }) => ({
  ...values,
  pressure: of(values, 'pressure') + 32 + 10 * severity,
});

/** The sensor shows what it showed when it got stuck, noise and all. */
export const stuckAt =
  (parameter: string): Effect =>
  (values, _course, valuesAtStart) => ({ ...values, [parameter]: of(valuesAtStart(), parameter) });

/** What can be measured does not fall below this. */
const floor = (value: number): number => Math.max(2, value);

function of(values: Values, key: string): number {
  const value = values[key];
  if (value === undefined) throw new TypeError(`the plant has no ${key} here`);
  return value;
}
