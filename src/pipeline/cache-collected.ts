/** Where the object lies that each collection of the cache writes anew: that it is there says that something may have been collected. */
export const collectionsFolder = 'cache-collections'
export const collectionKey: string = `${collectionsFolder}/last`
