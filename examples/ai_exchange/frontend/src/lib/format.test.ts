import { expect, it } from 'vitest'
import { hostOf, humanise, initials, parseTags, parseTime, plural, when } from './format'

it('reads a time without an offset as UTC', () => {
  expect(parseTime('2026-03-01T10:00:00').toISOString()).toBe('2026-03-01T10:00:00.000Z')
  expect(parseTime('2026-03-01T10:00:00+02:00').toISOString()).toBe('2026-03-01T08:00:00.000Z')
})

it.each([
  ['2026-03-20T09:00:00Z', 'today'],
  ['2026-03-19T08:00:00Z', 'yesterday'],
  ['2026-03-10T08:00:00Z', '10 days ago'],
  ['2026-02-10T12:00:00Z', '10 Feb 2026'],
])('says %s as %j', (time, words) => {
  expect(when(time, new Date('2026-03-20T12:00:00Z'))).toBe(words)
})

it('makes tags unique, lower case and without the hash', () => {
  expect(parseTags(' RAG, #legal,rag,, Two words ')).toEqual(['rag', 'legal', 'two words'])
})

it('names enums, people, numbers and hosts for people', () => {
  expect(humanise('USE_CASE')).toBe('Use case')
  expect(initials('Ada King Lovelace')).toBe('AL')
  expect(initials('Ada')).toBe('A')
  expect(plural(1, 'comment')).toBe('1 comment')
  expect(plural(1200, 'comment')).toBe('1,200 comments')
  expect(hostOf('https://www.example.org/a')).toBe('example.org')
  expect(hostOf('not a url')).toBe('not a url')
})
