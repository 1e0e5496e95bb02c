import { expect, test } from 'vitest';
import { runTool } from './tool.ts';

test('a command that hangs is ended, one that is missing is named', async () => {
  await expect(runTool('sleep', ['30'], { secondsMax: 0.1 })).rejects.toThrow('sleep took longer than 0.1 s');
  await expect(runTool('no-such-command', [], { secondsMax: 1 })).rejects.toMatchObject({ isMissing: true });
});

test('a command’s output is answered, and what it complains about is in its error', async () => {
  expect(await runTool('sh', ['-c', 'echo out; echo err >&2'], { secondsMax: 5 })).toBe('out\n');
  await expect(runTool('sh', ['-c', 'echo why >&2; exit 3'], { secondsMax: 5 })).rejects.toThrow('sh failed: why');
});
