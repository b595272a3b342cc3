/** A fault of the machine or of the sources, told to the user without a stack. */
export class SetupError extends Error {}
