//go:build !js && !wasip1 && (!unix || android || aix || illumos || solaris)

package boltstore

import "os"

// unlock does nothing: here closing a file frees its lock.
func unlock(*os.File) {}
