/** Takes down that a rule was broken: `R3: task …`. */
export type Breach = (what: string) => void;
