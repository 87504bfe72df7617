"""crowd.py PATH COUNT: connect so many times to the stream socket at a path, say "here", and
nothing else until standard input ends."""
import resource
import socket
import sys

count = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, count + 100))
clients = []
for _ in range(count):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(60)
    client.connect(sys.argv[1])
    clients.append(client)
print("here", flush=True)
sys.stdin.read()
