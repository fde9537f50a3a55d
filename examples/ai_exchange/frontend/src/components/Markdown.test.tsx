import { renderToStaticMarkup } from 'react-dom/server'
import { describe, expect, it } from 'vitest'
import { Markdown } from './Markdown'

const html = (text: string) => renderToStaticMarkup(<Markdown text={text} />)

describe("members' text", () => {
  it('is Markdown', () => {
    expect(html('# Use\n\nKeep **names**.')).toMatch(/<h1[^>]*>Use<\/h1>.*<strong>names<\/strong>/s)
  })

  it.each(['<script>alert(1)</script>', 'a <img src=x onerror=alert(1)> b', '<b onclick="x()">b</b>'])(
    'never becomes HTML: %s',
    (text) => {
      expect(html(text)).not.toMatch(/<(script|img|b)\b/)
    },
  )

  it.each(['[a](javascript:alert(1))', '[a](JaVaScRiPt:alert(1))', '[a](data:text/html,x)', '![a](javascript:alert(1))'])(
    'never becomes a link that runs script: %s',
    (text) => {
      expect(html(text)).not.toMatch(/(href|src)="(javascript|data):/i)
    },
  )

  it('gives links to other sites no referrer and no opener', () => {
    expect(html('[a](https://example.org)')).toContain('rel="noopener noreferrer nofollow"')
  })
})
