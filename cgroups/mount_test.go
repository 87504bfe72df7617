package cgroups

import (
	"strings"
	"testing"
)

func TestGroupIsFoundBelowItsMount(t *testing.T) {
	t.Parallel()
	const hybrid = "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n" +
		"35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n" +
		"41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
	const pure = "41 31 0:38 / /sys/fs/cgroup rw,nosuid shared:4 master:2 - cgroup2 cgroup2 rw,nsdelegate\n"
	for _, tt := range []struct{ name, mounts, group, want string }{
		{"hybrid", hybrid, "/", "/sys/fs/cgroup/unified"},
		{"pure", pure, "/system.slice/d.service", "/sys/fs/cgroup/system.slice/d.service"},
		{"bind mount of a part", strings.Replace(pure, " / /sys/fs/cgroup ", " /docker/abc /cg ", 1), "/docker/abc/x", "/cg/x"},
		{"the part itself", strings.Replace(pure, " / /sys/fs/cgroup ", " /docker/abc /cg ", 1), "/docker/abc", "/cg"},
		{"second mount shows it", strings.Replace(pure, " / /sys/fs/cgroup ", " /other /cg ", 1) + pure, "/d", "/sys/fs/cgroup/d"},
		{"space in the path", strings.Replace(pure, " /sys/fs/cgroup ", ` /my\040cg `, 1), "/d", "/my cg/d"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := below(tt.mounts, tt.group)
			if err != nil || got != tt.want {
				t.Errorf("below(%q) = %q, %v, want %q", tt.group, got, err, tt.want)
			}
		})
	}
}

func TestMountThatDoesNotShowTheGroupIsRefused(t *testing.T) {
	t.Parallel()
	for _, mounts := range []string{
		"",
		"41 31 0:38 / /sys/fs/cgroup rw - cgroup cgroup rw,memory\n",
		"41 31 0:38 /docker/ab /cg rw - cgroup2 cgroup2 rw\n",
	} {
		if dir, err := below(mounts, "/docker/abc"); err == nil {
			t.Errorf("below(%q) = %q, want an error", mounts, dir)
		}
	}
}

func TestGroupOutOfReachIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "4:memory:/x\n", "0::/../other\n", "0::/x (deleted)\n"} {
		if group, err := ownGroup(text); err == nil {
			t.Errorf("ownGroup(%q) = %q, want an error", text, group)
		}
	}
}
