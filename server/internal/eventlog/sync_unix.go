//go:build unix

package eventlog

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// notSynced are the errors of file systems that cannot flush a file. ErrUnsupported is ENOSYS and ENOTSUP.
var notSynced = []error{unix.EINVAL, unix.ENOTTY, errors.ErrUnsupported}

// syncFolder flushes the names in a folder.
func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	return flush(folder)
}
