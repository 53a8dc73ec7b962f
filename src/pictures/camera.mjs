// Takes each page as it is seen on a phone and a desktop, light and dark, and puts the pictures on contact sheets.
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const SCREENS = { phone: [390, 844], desktop: [1280, 800] }
const SCHEMES = ['light', 'dark']
// Nothing may stand out of the smallest phone, in CSS pixels (WCAG 2.2 section 1.4.10).
const SMALLEST = 320

export class Camera {
  constructor(folder, language) {
    this.folder = join(folder, language)
  }

  // What moves by itself stands still on a picture.
  async take(page, name) {
    await mkdir(this.folder, { recursive: true })
    for (const scheme of SCHEMES) {
      await page.emulateMediaFeatures([
        { name: 'prefers-color-scheme', value: scheme },
        { name: 'prefers-reduced-motion', value: 'reduce' },
      ])
      for (const [screen, [width, height]] of Object.entries(SCREENS)) {
        await page.setViewport({ width, height })
        const path = join(this.folder, `${name}-${screen}-${scheme}.png`)
        await page.screenshot({ path, fullPage: true, captureBeyondViewport: true })
      }
    }
    await page.setViewport({ width: SMALLEST, height: 640 })
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)
    if (wide) throw new Error(`${name} is wider than ${SMALLEST} px`)
  }
}

// One sheet for each screen and scheme: every page beside its name.
export async function contactSheets(browser, folder, name) {
  const page = await browser.newPage()
  for (const language of await readdir(join(folder, name))) {
    const files = (await readdir(join(folder, name, language))).filter(file => file.endsWith('.png'))
    for (const screen of Object.keys(SCREENS)) {
      for (const scheme of SCHEMES) {
        const ending = `-${screen}-${scheme}.png`
        const pictures = files.filter(file => file.endsWith(ending)).map(file => {
          const title = file.slice(0, -ending.length)
          return `<figure><img src="${name}/${language}/${file}"><figcaption>${title}</figcaption></figure>`
        })
        const html = join(folder, 'sheet.html')
        await writeFile(html, sheet(screen, pictures))
        await page.setViewport({ width: 1600, height: 800 })
        await page.goto(`file://${html}`, { waitUntil: 'load' })
        await page.screenshot({ path: join(folder, `${name}-${language}${ending}`), fullPage: true })
      }
    }
  }
  await page.close()
}

// The pictures of the README, `docs/pictures`: three pages side by side.
export async function showcase(browser, folder, name) {
  const page = await browser.newPage()
  await page.setViewport({ width: 1200, height: 560 })
  for (const scheme of SCHEMES) {
    const pictures = ['sign-in-app-phone', 'consent-phone', 'account-safe-desktop'].map(
      picture => `<img src="${name}/en/${picture}-${scheme}.png">`,
    )
    const html = join(folder, 'showcase.html')
    await writeFile(html, `<!doctype html><style>
body { margin: 0; padding: 20px; display: grid; gap: 20px; grid-template-columns: 240px 240px 1fr; background: #8a8f8d }
img { width: 100%; height: 520px; object-fit: cover; object-position: top; border-radius: 10px; display: block }
</style>${pictures.join('')}`)
    await page.goto(`file://${html}`, { waitUntil: 'load' })
    await page.screenshot({ path: join(folder, `pages-${scheme}.png`) })
  }
  await page.close()
}

function sheet(screen, pictures) {
  const [columns, height] = screen === 'phone' ? [8, 400] : [4, 260]
  return `<!doctype html><meta charset="utf-8"><style>
body { margin: 16px; font: 12px sans-serif; background: #777; color: #fff; display: grid; gap: 12px; grid-template-columns: repeat(${columns}, 1fr) }
figure { margin: 0 } img { width: 100%; height: ${height}px; object-fit: cover; object-position: top; display: block }
</style>${pictures.join('\n')}`
}
