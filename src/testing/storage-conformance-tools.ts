export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = []
  for await (const item of items) collected.push(item)
  return collected
}
