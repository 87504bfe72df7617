package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"dispatcherd/workers/python"
)

// InstallRuntime puts the Python files into dir, for supervisors whose user may read and
// not write there, and returns where they are. It makes dir if need be, and refuses one
// that anybody else can write to: they could change what is put there.
func InstallRuntime(dir string) (string, error) {
	err := os.Mkdir(dir, 0o755)
	if err == nil {
		err = open755(dir)
	} else if errors.Is(err, fs.ErrExist) {
		err = checkOwn(dir)
	}
	if err != nil {
		return "", fmt.Errorf("install the Python files in %s: %w", dir, err)
	}
	entry, err := python.Install(dir)
	return filepath.Dir(entry), err
}

// checkOwn says whether a directory is ours alone to write to.
func checkOwn(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return errors.New("it is not a directory")
	case !ok || int(stat.Uid) != os.Geteuid():
		return errors.New("it belongs to another user, who could change them")
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("others may write to it (mode %04o) and could change them", info.Mode().Perm())
	}
	return nil
}
