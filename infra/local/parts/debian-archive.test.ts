import { expect, test } from 'vitest';
import { parseMirror } from './debian-archive.ts';

const DEB822 = `Types: deb
# http://snapshot.debian.org/archive/debian/20250520T000000Z
URIs: http://deb.debian.org/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://deb.debian.org/debian-security
Suites: bookworm-security
`;

test('the archive is found in deb822 sources, and security updates are not taken for it', () => {
  expect(parseMirror(DEB822)).toBe('http://deb.debian.org/debian');
  expect(parseMirror('URIs: http://deb.debian.org/debian-security/\n')).toBeNull();
});

test('the archive is found in one-line sources, with and without options', () => {
  expect(parseMirror('deb http://mirror.example/debian/ bookworm main\n')).toBe('http://mirror.example/debian');
  expect(parseMirror('deb [arch=amd64 signed-by=/k.gpg] https://m.example/debian bookworm main')).toBe(
    'https://m.example/debian',
  );
});

test('comments, source packages and other people’s archives are no archive', () => {
  expect(parseMirror('# deb http://deb.debian.org/debian bookworm main')).toBeNull();
  expect(parseMirror('deb-src http://deb.debian.org/debian bookworm main')).toBeNull();
  expect(parseMirror('deb https://packages.example.com/apt cloud main')).toBeNull();
});
