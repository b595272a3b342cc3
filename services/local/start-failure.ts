/** Why the cluster cannot start, in words for whoever typed the command. */
export class StartFailure extends Error {}
