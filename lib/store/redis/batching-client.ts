import { Redis } from 'ioredis'

/** Sends the commands that are issued together, such as those of one request, with one write to the socket. */
export class BatchingClient extends Redis {
  override sendCommand(...args: Parameters<Redis['sendCommand']>): ReturnType<Redis['sendCommand']> {
    const { stream } = this
    if (this.status === 'ready' && stream.writableCorked === 0) {
      stream.cork()
      process.nextTick(() => stream.uncork())
    }
    return super.sendCommand(...args)
  }
}
