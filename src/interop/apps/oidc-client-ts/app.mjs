// oidc-client-ts: serves one page at every path, with page.mjs and the snippet of the preset `spa` in one script.
import http from 'node:http'
import { copyFileSync } from 'node:fs'
import { build } from 'esbuild'

copyFileSync(process.env.SNIPPET, 'snippet.mjs')
const { outputFiles } = await build({ entryPoints: ['page.mjs'], bundle: true, format: 'esm', write: false })
const page = '<!doctype html><meta charset="utf-8"><body><script type="module" src="/page.js"></script>'

http
  .createServer((request, response) => {
    const isScript = request.url === '/page.js'
    response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' })
    response.end(isScript ? outputFiles[0].text : page)
  })
  .listen(process.env.PORT)
