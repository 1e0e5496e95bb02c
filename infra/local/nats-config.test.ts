import { expect, test } from 'vitest';
import { natsConfig } from './nats-config.ts';

test('the server listens on this machine only, syncs once a second, and keeps devices to their own topics', () => {
  expect(natsConfig({ serverName: 'stratum', port: 4222, storeFolder: '/data/my "js"', mqttPort: 1883 })).toBe(
    `server_name: "stratum"
listen: "127.0.0.1:4222"
jetstream { store_dir: "/data/my \\"js\\"", sync_interval: "1s" }
mqtt { listen: "127.0.0.1:1883", no_auth_user: "device" }
authorization { users: [
  { user: "program", allowed_connection_types: ["STANDARD"] }
  { user: "device", allowed_connection_types: ["MQTT"], permissions: { publish: ["twins.*.telemetry","shopfloor.*.reports","shopfloor.*.heartbeat","shopfloor.*.instructions","probe.*"], subscribe: ["twins.*.telemetry","shopfloor.*.reports","shopfloor.*.heartbeat","shopfloor.*.instructions","probe.*","$MQTT.sub.>","$MQTT.deliver.>"] } }
] }
no_auth_user: "program"
`,
  );
  expect(natsConfig({ serverName: 'stratum', port: 4222, storeFolder: '/data' })).not.toContain('mqtt');
});
