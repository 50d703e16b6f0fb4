"""Runs a program at a terminal of 120 x 50 characters: terminal.py <replies> <command> [<argument>...]

The replies are a JSON list of [text, keys]: when the text is on the terminal, the keys are typed. Prints what the
program wrote, without the terminal's control sequences, and ends as it did.
"""

import fcntl, json, os, pty, re, struct, sys, termios, time

CONTROL = re.compile(rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-9;?<>=]*[A-Za-z]")

replies = json.loads(sys.argv[1])
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))
written = b""
read_up_to = 0
while True:
    try:
        data = os.read(terminal, 65536)
    except OSError:
        break
    if not data:
        break
    written += data
    # Some programs wait to hear where the cursor is.
    if b"\x1b[6n" in data:
        os.write(terminal, b"\x1b[1;1R")
    plain = CONTROL.sub(b"", written)
    if replies and replies[0][0].encode() in plain[read_up_to:]:
        read_up_to = len(plain)
        # Programs draw what they ask before they listen.
        time.sleep(0.5)
        os.write(terminal, replies.pop(0)[1].encode())
sys.stdout.buffer.write(CONTROL.sub(b"", written))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
