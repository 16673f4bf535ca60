package wire

import "unsafe"

// Overlap reports whether appending to dst could write over in. The AEADs of the standard library panic on that, so
// every append form asks first.
func Overlap(dst, in []byte) bool {
	spare := dst[:cap(dst)]
	if len(spare) == 0 || len(in) == 0 {
		return false
	}
	a, b := uintptr(unsafe.Pointer(&spare[0])), uintptr(unsafe.Pointer(&in[0]))
	return a < b+uintptr(len(in)) && b < a+uintptr(len(spare))
}
