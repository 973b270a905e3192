// What the scripts here share: the person, who sits at the other end of standard input and output, and what is found.
import { createInterface } from 'node:readline'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

/** Sends the person's browser to `url`; resolves to the address that it came back to. */
export async function person(url) {
  console.log(JSON.stringify({ open: url.href }))
  return new URL((await lines.next()).value)
}

/** Shows the person something, and waits until they have seen it. */
export async function show(what) {
  console.log(JSON.stringify({ show: what }))
  await lines.next()
}

export function check(holds, what) {
  if (!holds) throw new Error(`not so: ${what}`)
}

/** Resolves to the error that `act` must end with. */
export async function refused(act) {
  try {
    await act()
  } catch (error) {
    return error
  }
  throw new Error('it was not refused')
}

export async function run(scenarios) {
  const [name, given] = process.argv.slice(2)
  const found = await scenarios[name](JSON.parse(given))
  console.log(JSON.stringify({ done: found ?? {} }))
  process.exit(0)
}
