import fc from 'fast-check';
import { test } from 'vitest';
import { freshDatabase } from '../testing/mongo.ts';
import { POISON, simulate, type Turn } from './simulation.fixture.ts';

/** So many lives of a read model; each is some dozens of requests to the database. */
const RUNS = Number(process.env.SIMULATION_RUNS ?? 60);

const twins = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 6 });
const death = fc.record({
  at: fc.nat({ max: 12 }),
  when: fc.constantFrom('before' as const, 'within' as const, 'after' as const),
});
const turn: fc.Arbitrary<Turn> = fc.record({
  process: fc.constantFrom(0 as const, 1 as const),
  size: fc.integer({ min: 1, max: 8 }),
  flushes: fc.boolean(),
  death: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 2, arbitrary: death }),
});
const happening = fc.oneof(
  { weight: 4, arbitrary: fc.record({ what: fc.constant('append' as const), twins }) },
  { weight: 8, arbitrary: fc.record({ what: fc.constant('run' as const), turns: fc.tuple(turn) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('run' as const), turns: fc.tuple(turn, turn) }) },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constant('cut' as const), lost: fc.integer({ min: 1, max: 6 }), twins }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('create anew' as const), twins }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constantFrom('deploy' as const, 'repair' as const) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('poison' as const) }) },
);
const lives = fc.array(happening, { minLength: 1, maxLength: 30 });

test('whatever dies between any two steps, no promise of the projector is broken', { timeout: 300_000 }, async () => {
  await using fresh = await freshDatabase();
  let run = 0;
  await fc.assert(
    fc.asyncProperty(lives, fc.scheduler(), async (life, scheduler) => {
      run += 1;
      const world = simulate(fresh.db, `run${run}`, () => scheduler.schedule(Promise.resolve()));
      for (const happens of life) {
        if (happens.what === 'append') world.append(happens.twins);
        else if (happens.what === 'run') await scheduler.waitFor(world.run(happens.turns));
        else if (happens.what === 'cut') await world.cut(happens.lost, happens.twins);
        else if (happens.what === 'create anew') world.createAnew(happens.twins);
        else if (happens.what === 'deploy') world.deploy();
        else if (happens.what === 'repair') world.repair();
        else world.append([POISON]);
        await world.check();
      }
      await scheduler.waitFor(world.complete());
    }),
    { numRuns: RUNS },
  );
});
