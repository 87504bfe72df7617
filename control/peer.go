package control

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// Peer is who is at the other end of a connection, as the kernel recorded it at connect: see SO_PEERCRED in unix(7).
type Peer struct {
	UID, GID, PID int
}

// String returns the peer as it stands in the log.
func (p Peer) String() string { return fmt.Sprintf("uid %d, pid %d", p.UID, p.PID) }

// peerOf reads the credentials inside Control, where the descriptor cannot be closed under our hands.
func peerOf(nc *net.UnixConn) (Peer, error) {
	raw, err := nc.SyscallConn()
	if err != nil {
		return Peer{}, err
	}
	var cred *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return Peer{}, err
	}
	if credErr != nil {
		return Peer{}, fmt.Errorf("read SO_PEERCRED: %w", credErr)
	}
	return Peer{UID: int(cred.Uid), GID: int(cred.Gid), PID: int(cred.Pid)}, nil
}
