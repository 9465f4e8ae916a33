// npm run build: makes dist, where the source has changed since the last time.
import { ensureBuilt, ensureInstalled } from './setup.mjs'

ensureInstalled()
ensureBuilt()
