// The table at the end: a row for each client, and below it what the clients have no code for.
import { COLUMNS } from './scenario.mjs'

export function matrix(rows) {
  const header = ['client', ...COLUMNS]
  const table = rows.map(row => [row.name, ...COLUMNS.map(column => shown(column, row[column]))])
  const width = header.map((_, column) => Math.max(...[header, ...table].map(line => line[column].length)))
  const lines = [header, ...table].map(line => line.map((cell, column) => cell.padEnd(width[column])).join('  ').trimEnd())
  return [...lines, '', ...notes(rows)].join('\n') + '\n'
}

function shown(column, cell) {
  if (!cell) return '-'
  if (cell.state === 'ok' && (column === 'version' || column === 'claims')) return cell.text
  return cell.state === 'none' ? 'no code' : cell.state
}

function notes(rows) {
  return rows.flatMap(row =>
    Object.entries(row)
      .filter(([, cell]) => cell.state === 'none' || cell.state === 'FAIL')
      .map(([column, cell]) => `${row.name}, ${column}: ${cell.state === 'none' ? 'no code for it: ' : ''}${cell.text}`),
  )
}
