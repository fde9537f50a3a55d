/** The page numbers to offer around `page` of `pages`; null stands for a gap. */
export function pageWindow(page: number, pages: number): (number | null)[] {
  const shown = [...new Set([1, page - 1, page, page + 1, pages])]
    .filter((number) => number >= 1 && number <= pages)
    .sort((left, right) => left - right)
  return shown.flatMap((number, index) => {
    const before = shown[index - 1]
    if (before === undefined || number === before + 1) return [number]
    // A gap of one page is shorter as the number itself.
    return number === before + 2 ? [number - 1, number] : [null, number]
  })
}
