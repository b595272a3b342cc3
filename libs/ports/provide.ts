import type { ContainerModuleLoadOptions } from "inversify";
import type { Token } from "./tokens.js";

type Tokens<A extends readonly unknown[]> = { readonly [K in keyof A]: Token<A[K]> };

/** Binds `what` to the factory, called once with what the tokens stand for. Swapped or missing dependencies do not compile. */
export function provide<A extends readonly unknown[], T>(
  { bind }: Pick<ContainerModuleLoadOptions, "bind">,
  what: Token<T>,
  dependencies: readonly [...Tokens<A>],
  factory: (...dependencies: A) => T,
): void {
  bind<T>(what)
    .toResolvedValue(factory as unknown as (...dependencies: unknown[]) => T, dependencies as never)
    .inSingletonScope();
}
