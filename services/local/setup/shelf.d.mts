interface Kept {
  readonly home: string;
  readonly program?: string;
  readonly version?: string;
  readonly from?: string;
}
export interface Shelf {
  readonly dir: string;
  readonly draftsDir: string;
  get(name: string): Promise<Kept | undefined>;
  put(name: string, fill: (draft: string) => Promise<object>): Promise<Kept>;
  sweep(): Promise<void>;
}
export function openShelf(dir: string): Shelf;
