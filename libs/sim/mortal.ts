import type { SimNode } from "./node.js";

/**
 * A port of the host as one process has it: what the host still does after the death of the process is done, but its answer reaches
 * nobody. Without it a process that crashed while its sandbox was made would go on and launch.
 */
export function mortal<Port extends object>({ isAlive }: Mortality, port: Port): Port {
  const heard = async (answer: Promise<unknown>): Promise<unknown> => {
    try {
      const value = await answer;
      return isAlive() ? value : await forEver;
    } catch (cause) {
      if (isAlive()) throw cause;
      return forEver;
    }
  };
  return new Proxy(port, {
    get(target, name) {
      const found: unknown = Reflect.get(target, name, target);
      if (typeof found !== "function") return found;
      return (...given: unknown[]): unknown => {
        const answer: unknown = Reflect.apply(found, target, given);
        return answer instanceof Promise ? heard(answer) : answer;
      };
    },
  });
}

/** Of a process. */
export interface Mortality {
  readonly isAlive: () => boolean;
}

export const mortalityOf = (node: SimNode): Mortality => ({ isAlive: () => node.isAlive });

const forEver = new Promise<never>(() => {});
