import { Rejected } from '@stratum/contracts/decider.ts';
import { MongoNetworkError, MongoServerError } from 'mongodb';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { EventTooLarge, TooMuchContention, Unavailable } from '../event-store/errors.ts';
import { NotYet, PastNotServed } from '../projector/read-models.ts';
import { notFound, Problem, problemBody, problemOf } from './problems.ts';

const named = (name: string) => Object.assign(new Error('x'), { name });

test.each([
  [new Problem(410, 'Gone'), 410],
  [notFound('thing', 'a'), 404],
  [new Rejected('No', 'No.'), 409],
  [new z.ZodError([]), 400],
  [new NotYet('PLANT:2', 'things', 'PLANT:1'), 503],
  [new PastNotServed('things', 'is served in version 2'), 503],
  [new Unavailable('NATS is away'), 503],
  [new TooMuchContention('plant.main.x.y', 20), 503],
  [new EventTooLarge('Thing', 2, 1), 413],
  [new MongoNetworkError('x'), 503],
  [new MongoServerError({ message: 'InterruptedAtShutdown', code: 11_600 }), 503],
  [named('MongoNotConnectedError'), 503],
  [named('MongoWaitQueueTimeoutError'), 503],
  [Object.assign(new Error('x'), { code: 'EPIPE' }), 503],
  [new MongoServerError({ message: 'a bad query', code: 2 }), 500],
  [new Error('a defect'), 500],
  ['not even an error', 500],
])('%s is answered with %i', (error, status) => {
  expect(problemOf(error).statusCode).toBe(status);
});

test('a defect says nothing about itself, an outage when to come again', () => {
  expect(JSON.stringify(problemBody(problemOf(new Error('inside')), '/x', 'c'))).not.toContain('inside');
  expect(problemOf(new Unavailable('x')).more.retryAfterSeconds).toBe(1);
});

test('many wrong fields are all listed, the first three in the sentence', () => {
  const issues = ['a', 'b', 'c', 'd', 'e'].map((field) => ({
    code: 'custom' as const,
    path: [field],
    message: 'is wrong',
    input: 1,
  }));
  const problem = problemOf(new z.ZodError(issues));
  expect(problem.more.detail).toBe('a: is wrong; b: is wrong; c: is wrong; and 2 more');
  expect(problem.more.errors).toHaveLength(5);
});

test('of a union the branch that came closest is told', () => {
  const one = z.strictObject({ id: z.string(), values: z.record(z.string(), z.number()) });
  const schema = z.union([one, z.strictObject({ readings: z.array(one) })]);
  const fieldsOf = (input: unknown) => problemOf(schema.safeParse(input).error).more.errors?.map(({ field }) => field);
  expect(fieldsOf({ readings: [{ id: 'a', values: { x: 'y' } }] })).toEqual(['readings.0.values.x']);
  expect(fieldsOf({ id: 'a', values: { x: 'y' } })).toEqual(['values.x']);
});
