import type { Packet } from './packet.ts'

/** The way to one client, whatever it speaks. */
export type Outlet = {
  /** Sends a packet after all those before it. Does nothing when the client is gone. */
  send: (packet: Packet) => void
  /** How full the buffer is of what the client has not taken: 0 for empty, 1 and more for what is too much. */
  fill: () => number
  isOpen: () => boolean
  /** Says why, and closes the connection so that the client does not come back by itself. */
  end: (why: Refusal) => void
}

/** What a client is told when something it asked for was not done. The same fields as an error over HTTP. */
export type Refusal = { code: string; message: string; status: number; details: Record<string, unknown> }

const lookAgainMs = 10

/** Resolves when the client has taken most of what was sent to it, or is gone. */
export async function drained(outlet: Outlet, share: number): Promise<void> {
  while (outlet.isOpen() && outlet.fill() > share) {
    await new Promise((resolve) => {
      setTimeout(resolve, lookAgainMs)
    })
  }
}
