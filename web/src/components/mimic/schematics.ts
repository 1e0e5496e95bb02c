import type { Component } from 'svelte';
import Compressor from './Compressor.svelte';
import DrillRig from './DrillRig.svelte';
import Pipeline from './Pipeline.svelte';
import Refinery from './Refinery.svelte';
import RetailStation from './RetailStation.svelte';
import Transformer from './Transformer.svelte';
import Turbine from './Turbine.svelte';
import Wellhead from './Wellhead.svelte';

/** The size of every drawing, in its own units. */
export const DRAWING_WIDTH = 760;
export const DRAWING_HEIGHT = 220;

/** Where a parameter is measured in a drawing, and where its value is written. */
export type Spot = { at: readonly [number, number]; label: readonly [number, number] };

export type Schematic = {
  drawing: Component<Record<string, never>>;
  spots: Readonly<Record<string, Spot>>;
  /** What flows while it is above zero; undefined: always. */
  flow?: string;
  /** What fills the tank; full at its high limit. */
  tank?: string;
};

const schematics: Readonly<Record<string, Schematic>> = {
  'drill-rig': {
    drawing: DrillRig,
    flow: 'torque',
    spots: {
      torque: { at: [354, 70], label: [452, 64] },
      pressure: { at: [248, 82], label: [170, 56] },
      vibration: { at: [348, 197], label: [470, 192] },
    },
  },
  wellhead: {
    drawing: Wellhead,
    flow: 'flowRate',
    spots: {
      pressure: { at: [290, 34], label: [180, 34] },
      temperature: { at: [404, 90], label: [420, 34] },
      flowRate: { at: [580, 140], label: [630, 84] },
    },
  },
  pipeline: {
    drawing: Pipeline,
    flow: 'flowRate',
    spots: {
      pressure: { at: [248, 124], label: [264, 52] },
      flowRate: { at: [480, 66], label: [480, 34] },
      temperature: { at: [172, 124], label: [228, 170] },
    },
  },
  compressor: {
    drawing: Compressor,
    flow: 'status',
    spots: {
      energyConsumption: { at: [222, 112], label: [240, 74] },
      status: { at: [430, 137], label: [516, 178] },
    },
  },
  refinery: {
    drawing: Refinery,
    flow: 'throughput',
    spots: {
      throughput: { at: [470, 176], label: [498, 200] },
      temperature: { at: [255, 132], label: [255, 92] },
      pressure: { at: [350, 46], label: [250, 34] },
    },
  },
  'retail-station': {
    drawing: RetailStation,
    flow: 'sales',
    tank: 'fuelInventory',
    spots: {
      fuelInventory: { at: [460, 190], label: [590, 188] },
      sales: { at: [411, 84], label: [540, 88] },
    },
  },
  turbine: {
    drawing: Turbine,
    spots: {
      vibration: { at: [210, 120], label: [126, 48] },
      pressure: { at: [356, 112], label: [372, 28] },
      temperature: { at: [608, 112], label: [682, 128] },
    },
  },
  transformer: {
    drawing: Transformer,
    flow: 'current',
    spots: {
      voltage: { at: [208, 74], label: [214, 36] },
      current: { at: [570, 100], label: [574, 60] },
    },
  },
};

/** The drawing of a twin's type; undefined for a type that nobody has drawn. */
export function schematicOf(twinType: string): Schematic | undefined {
  return schematics[twinType];
}
