package relay

import (
	"bytes"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
)

func TestFramesComeBack(t *testing.T) {
	b := appendFrame(appendFrame(appendFrame(nil, []byte("one")), nil), []byte("thr"), []byte("ee"))
	items, err := frames(b)
	if err != nil || len(items) != 3 || string(items[0]) != "one" || len(items[1]) != 0 || string(items[2]) != "three" {
		t.Errorf("%q, %v", items, err)
	}
	for n := range len(b) {
		if _, err := frames(b[:n]); n != 0 && n != 7 && n != 11 {
			faulttest.Want(t, err, fault.Malformed)
		}
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte{})
	f.Add(appendFrame(appendFrame(nil, []byte("one")), []byte("two")))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		items, err := frames(b)
		faulttest.FromInput(t, err)
		if err != nil {
			return
		}
		var again []byte
		for _, item := range items {
			again = appendFrame(again, item)
		}
		if !bytes.Equal(again, b) {
			t.Errorf("%x comes back as %x", b, again)
		}
	})
}
