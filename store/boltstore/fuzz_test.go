//go:build !js && !wasip1

package boltstore_test

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzFile makes every call on a file whose bytes were changed here and there. Each change has 5 bytes: page 1, offset in
// it 2, how many bytes 1, their new value 1. When inline is set all values stand in the page of the bucket; when valid is set
// the meta pages get right checksums after the changes.
func FuzzFile(f *testing.F) {
	large, small := newFile(f, 120), newInlineFile(f)
	f.Add([]byte{}, false, false)
	f.Add([]byte{0, 0, 48, 8, 255, 1, 0, 48, 8, 255}, false, true)                    // no freelist
	f.Add([]byte{0, 0, 24, 2, 0, 1, 0, 24, 2, 0}, true, true)                         // pages of no size
	f.Add([]byte{4, 0, 10, 2, 255, 5, 0, 10, 2, 255, 6, 0, 10, 2, 255}, false, false) // many elements
	f.Add([]byte{3, 0, 40, 80, 1, 5, 0, 40, 80, 1}, true, false)
	f.Fuzz(func(t *testing.T, changes []byte, inline, valid bool) {
		whole := large
		if inline {
			whole = small
		}
		whole = whole.clone()
		for ; len(changes) >= 5; changes = changes[5:] {
			at := int(changes[0])*os.Getpagesize() + (int(changes[1])<<8+int(changes[2]))%os.Getpagesize()
			for i := range int(changes[3]) {
				if at+i < len(whole) {
					whole[at+i] = changes[4]
				}
			}
		}
		if valid {
			whole.setMeta(8, order.Uint64(whole.meta()[8:]))
		}
		whole.use(t, filepath.Join(t.TempDir(), "store"))
	})
}
