"""Connect to the socket at a path, of whichever kind it is."""
import socket
import sys

kind = socket.SOCK_SEQPACKET if "supervisor" in sys.argv[1] else socket.SOCK_STREAM
socket.socket(socket.AF_UNIX, kind).connect(sys.argv[1])
