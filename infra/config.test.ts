import { expect, test } from 'vitest';
import { z } from 'zod';
import { BadConfiguration, portSetting, readSettings, settingsInWords } from './config.ts';

const settings = {
  PORT: portSetting.default(8080).describe('where HTTP is served'),
  SECRET: z.string().min(5, 'must have at least 5 characters').describe('a secret'),
  NAME: z.string().optional().describe('a name'),
};

test('settings are read, defaulted, and an empty variable counts as missing', () => {
  expect(readSettings(settings, { SECRET: 'abcde', PORT: '' })).toEqual({ PORT: 8080, SECRET: 'abcde' });
  expect(readSettings(settings, { SECRET: 'abcde', PORT: '0', NAME: 'x' })).toEqual({
    PORT: 0,
    SECRET: 'abcde',
    NAME: 'x',
  });
});

test('every variable that is wrong is named with its meaning, never with its value', () => {
  expect(() => readSettings(settings, { PORT: '99999' })).toThrow(BadConfiguration);
  expect(() => readSettings(settings, { PORT: '99999' })).toThrow(
    /PORT: .*65535.*\n {2}SECRET: is missing \(a secret\)/,
  );
  try {
    readSettings(settings, { SECRET: 'hush' });
  } catch (error) {
    expect(String(error)).toContain('SECRET: must have at least 5 characters (a secret)');
    expect(String(error)).not.toContain('hush');
  }
});

test('settings are told in words', () => {
  expect(settingsInWords(settings)).toEqual([
    { name: 'PORT', isRequired: false, defaultValue: '8080', meaning: 'where HTTP is served' },
    { name: 'SECRET', isRequired: true, defaultValue: undefined, meaning: 'a secret' },
    { name: 'NAME', isRequired: false, defaultValue: undefined, meaning: 'a name' },
  ]);
});
