/** Tag of the image that buildBusyboxImage makes. */
export const BUSYBOX_IMAGE: "emporion/busybox:local";

/**
 * Makes the image from a static busybox, with its applets in /bin, through the engine at `socket`. An image made from the same
 * bytes is left as it is. Rejects with the engine's words.
 * @param options busybox: path of the program (`tools.busybox.path`)
 */
export function buildBusyboxImage(options: {
  readonly socket: string;
  readonly busybox: string;
}): Promise<{ readonly image: string; readonly id: string }>;

export function busyboxTar(program: Buffer, applets: readonly string[]): Buffer;
