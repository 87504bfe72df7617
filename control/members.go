package control

import (
	"os/user"
	"slices"
	"strconv"
	"strings"
)

// members is a list of who may, looked up in the user database.
type members struct {
	all        bool
	uids, gids []int
	unknown    []string // names that nobody has
	text       string   // the list as it is written
}

func lookUp(names []string) members {
	m := members{text: strings.Join(names, ", ")}
	for _, name := range names {
		group, isGroup := strings.CutPrefix(name, "@")
		id, ok := 0, true
		switch {
		case name == everybody:
			m.all = true
		case isGroup:
			if id, ok = idOf(group, groupID); ok {
				m.gids = append(m.gids, id)
			}
		default:
			if id, ok = idOf(name, userID); ok {
				m.uids = append(m.uids, id)
			}
		}
		if !ok {
			m.unknown = append(m.unknown, name)
		}
	}
	return m
}

// has asks for the groups that the peer's process has, as the kernel knows them: they are
// there whatever keeps the user database.
func (m members) has(p Peer) bool {
	return m.all || slices.Contains(m.uids, p.UID) || slices.Contains(m.gids, p.GID) ||
		slices.ContainsFunc(p.Groups, func(gid int) bool { return slices.Contains(m.gids, gid) })
}

// idOf returns the id that a name stands for: the number itself, where it is one.
func idOf(name string, find func(string) (string, error)) (id int, ok bool) {
	id, err := strconv.Atoi(name)
	if err == nil {
		return id, true
	}
	text, err := find(name)
	if err != nil {
		return 0, false
	}
	id, err = strconv.Atoi(text)
	return id, err == nil
}

func userID(name string) (string, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return "", err
	}
	return u.Uid, nil
}

func groupID(name string) (string, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return "", err
	}
	return g.Gid, nil
}

// userName returns the name of a user; "" where there is none.
func userName(uid int) string {
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return ""
	}
	return u.Username
}
