package control

import (
	"fmt"
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Peer is who is at the other end of a connection, as the kernel recorded it at connect: see SO_PEERCRED in unix(7).
type Peer struct {
	UID, GID, PID int
	// Groups are the supplementary groups of the process: see SO_PEERGROUPS in unix(7).
	Groups []int
}

// Who returns the peer for a person to read: the name of the user, where he has one.
func (p Peer) Who() string {
	if name := userName(p.UID); name != "" {
		return fmt.Sprintf("%s (uid %d)", name, p.UID)
	}
	return fmt.Sprintf("uid %d", p.UID)
}

// String returns the peer as it stands in the log.
func (p Peer) String() string { return fmt.Sprintf("uid %d, pid %d", p.UID, p.PID) }

// peerOf reads the credentials inside Control, where the descriptor cannot be closed under our hands.
func peerOf(nc *net.UnixConn) (Peer, error) {
	raw, err := nc.SyscallConn()
	if err != nil {
		return Peer{}, err
	}
	var p Peer
	var credErr error
	if err := raw.Control(func(fd uintptr) { p, credErr = credentials(fd) }); err != nil {
		return Peer{}, err
	}
	return p, credErr
}

func credentials(fd uintptr) (Peer, error) {
	cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return Peer{}, fmt.Errorf("read SO_PEERCRED: %w", err)
	}
	groups, err := groupsOf(fd)
	if err != nil {
		return Peer{}, fmt.Errorf("read SO_PEERGROUPS: %w", err)
	}
	return Peer{UID: int(cred.Uid), GID: int(cred.Gid), PID: int(cred.Pid), Groups: groups}, nil
}

// groupsOf asks a second time if the kernel says that there are more groups than there is
// room for. They do not change after connect.
func groupsOf(fd uintptr) ([]int, error) {
	ids := make([]uint32, 32)
	for {
		size := uint32(4 * len(ids))
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&ids[0])), uintptr(unsafe.Pointer(&size)), 0)
		n := int(size / 4)
		switch {
		case errno == 0:
			groups := make([]int, n)
			for i := range groups {
				groups[i] = int(ids[i])
			}
			return groups, nil
		case errno != unix.ERANGE || n <= len(ids):
			return nil, errno
		}
		ids = make([]uint32, n)
	}
}
