"""reach.py PATH [LINE]: connect to the socket at a path, of whichever kind it is, send a line
and print the answer."""
import socket
import sys

kind = socket.SOCK_SEQPACKET if "supervisor" in sys.argv[1] else socket.SOCK_STREAM
way = socket.socket(socket.AF_UNIX, kind)
way.settimeout(60)
way.connect(sys.argv[1])
for line in sys.argv[2:]:
    way.sendall(line.encode() + b"\n")
    print(way.recv(4000).decode().strip())
