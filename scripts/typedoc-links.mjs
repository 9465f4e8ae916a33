// For typedoc: a comment may link to whatever the library exports, also where its file does not import it (a comment is no reason to import).
import { ReflectionKind } from 'typedoc'

export function load(app) {
  app.converter.addUnknownSymbolResolver((reference, from) => {
    const [name, ...more] = reference.symbolReference?.path?.map(({ path }) => path) ?? []
    if (reference.moduleSource !== undefined || name === undefined || more.length > 0) return undefined
    const found = from.project.getReflectionsByKind(ReflectionKind.SomeExport).filter((one) => one.name === name && !one.isReference())
    return found.length === 0 ? undefined : { target: found[0], caption: name }
  })
}
