/** Of this library, as package.json has it (a test holds that): for the lineage of models. */
export const libraryVersion: string = '0.1.0'
