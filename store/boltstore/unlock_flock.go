//go:build unix && !android && !aix && !illumos && !solaris

package boltstore

import (
	"os"
	"syscall"
)

// unlock frees the lock of a file that stays mapped: it belongs to the open file, which lives as long as the mapping.
func unlock(file *os.File) { _ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN) }
