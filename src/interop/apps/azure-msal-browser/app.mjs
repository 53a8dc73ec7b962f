// @azure/msal-browser: serves one page at every path, with page.mjs and its settings in one script.
import http from 'node:http'
import { build } from 'esbuild'

const { BASE_URL, CLIENT_ID, ISSUER, PORT } = process.env
const define = Object.fromEntries(Object.entries({ BASE_URL, CLIENT_ID, ISSUER }).map(([name, value]) => [name, JSON.stringify(value)]))
const { outputFiles } = await build({ entryPoints: ['page.mjs'], bundle: true, format: 'esm', define, write: false })
const page = '<!doctype html><meta charset="utf-8"><body><script type="module" src="/page.js"></script>'

http
  .createServer((request, response) => {
    const isScript = request.url === '/page.js'
    response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' })
    response.end(isScript ? outputFiles[0].text : page)
  })
  .listen(PORT)
