import Box from '@lucide/svelte/icons/box';
import Drill from '@lucide/svelte/icons/drill';
import Droplets from '@lucide/svelte/icons/droplets';
import Factory from '@lucide/svelte/icons/factory';
import Fan from '@lucide/svelte/icons/fan';
import Fuel from '@lucide/svelte/icons/fuel';
import Gauge from '@lucide/svelte/icons/gauge';
import Plane from '@lucide/svelte/icons/plane';
import Waypoints from '@lucide/svelte/icons/waypoints';
import Zap from '@lucide/svelte/icons/zap';

const icons: Readonly<Record<string, typeof Box>> = {
  'drill-rig': Drill,
  wellhead: Droplets,
  pipeline: Waypoints,
  compressor: Gauge,
  refinery: Factory,
  'retail-station': Fuel,
  turbine: Fan,
  turbofan: Plane,
  transformer: Zap,
};

/** The icon of a twin's type; a plain box for a type nobody has drawn. */
export function twinIcon(twinType: string): typeof Box {
  return icons[twinType] ?? Box;
}
