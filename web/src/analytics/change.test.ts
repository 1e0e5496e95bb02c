import { describe, expect, it } from 'vitest';
import { changeText } from './change.ts';

describe('change against the week before', () => {
  it('says up or down by sign and share', () => {
    expect(changeText(103.1, 100)).toBe('▲ 3.1 %');
    expect(changeText(99.6, 100)).toBe('▼ 0.4 %');
    expect(changeText(-90, -100)).toBe('▲ 10.0 %');
  });

  it('says nothing where nothing can be said', () => {
    expect(changeText(1, null)).toBe('–');
    expect(changeText(1, 0)).toBe('–');
    expect(changeText(100, 100)).toBe('unchanged');
  });
});
