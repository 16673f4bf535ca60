package device_test

import (
	"bytes"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// That Resume gives what Verify gives is proved in life_test.go, that it checks no signature in log_test.go.
func TestResumeTakesWhatWasPinnedAndNothingElse(t *testing.T) {
	s := newScene(t)
	n := len(s.entries)
	pin := s.pin()
	another := s.branch(n - 1)
	add(s, another)
	longer := s.branch(n)
	add(s, longer)
	middle := s.branch(n)
	middle.entries[3] = s.branch(3).nextEntry(s.founder)
	root := newStranger(t, alice)
	otherRoot := append([][]byte{root.entry(t, entry(nil, opRoot, root.record, nil))}, s.entries[1:]...)
	otherLog := &writer{TB: t}
	otherLog.put(root.signer, opRoot, root.record, nil)
	for len(otherLog.entries) < n {
		otherLog.put(root.signer, opAdd, newStranger(t, alice).record, nil)
	}
	headed, rooted, before := pin, pin, pin
	headed.Head, rooted.Root = device.Hash(random(32)), device.Hash(random(32))
	before.Seq--
	for _, c := range []struct {
		name    string
		entries [][]byte
		pin     device.Pin
		want    fault.Code
	}{
		{"shorter than the pin", s.entries[:n-1], pin, fault.Rollback},
		{"the root alone", s.entries[:1], pin, fault.Rollback},
		{"nothing", nil, pin, fault.Malformed},
		{"longer than the pin", longer.entries, pin, fault.Damaged},
		{"another newest entry", another.entries, pin, fault.Damaged},
		{"another head in the pin", s.entries, headed, fault.Damaged},
		{"another root in the pin", s.entries, rooted, fault.IdentityChanged},
		{"another root", otherLog.entries, pin, fault.IdentityChanged},
		{"another root before the same entries", otherRoot, pin, fault.IdentityChanged},
		{"another entry in the middle", middle.entries, pin, fault.Damaged},
		{"an entry left out", append(s.entries[:3:3], s.entries[4:]...), before, fault.Damaged},
		{"a zero pin", s.entries, device.Pin{}, fault.IdentityChanged},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := device.Resume(alice, c.entries, c.pin)
			wantFault(t, err, c.want)
			if l != nil {
				t.Error("a log beside the error")
			}
		})
	}
	_, err := device.Resume(bob, s.entries, pin)
	wantFault(t, err, fault.Damaged)
}

// nextEntry adds a device without putting the entry into the log.
func (w *writer) nextEntry(by stranger) []byte {
	return by.entry(w, entry(w.entries, opAdd, newStranger(w, alice).record, nil))
}

// Each byte of an entry is under its hash, so under the pin.
func TestResumeFindsEveryFlippedByte(t *testing.T) {
	s := newScene(t)
	for n, e := range s.entries {
		for i := range e {
			w := s.branch(len(s.entries))
			w.entries[n] = flipped(e, i, 1)
			if l, err := device.Resume(alice, w.entries, s.pin()); err == nil || l != nil {
				t.Fatalf("entry %d, byte %d: accepted", n, i)
			}
		}
	}
}

// A log of 65,536 entries is full. Entries whose signatures nobody checks again make it quickly.
func TestLogIsLimited(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 65,536 entries")
	}
	w := bare(t)
	w.put(w.founder.signer, opSetRecovery, nil, w.recovery.public())
	b, kid := sign1(w.recovery, wire.LabelDeviceLog, entryAAD(alice), nil), w.recovery.kid
	for n := 2; n < device.MaxEntries; n++ {
		public := bytes.Repeat([]byte{0x55}, 32)
		public[0], public[1] = byte(n), byte(n>>8)
		b.protected, b.payload = protected(kid, wire.LabelDeviceLog), entry(w.entries, opSetRecovery, nil, public).encode(t)
		w.entries = append(w.entries, b.with(make([]byte, 64)))
		next := sum(wire.AppendBound(nil, wire.LabelRecovery, public))
		kid = next[:]
	}
	l, err := device.Resume(alice, w.entries, w.pin())
	if err != nil {
		t.Fatal(err)
	}
	one := w.nextEntry(w.founder)
	for _, more := range [][][]byte{{one}, {w.entries[device.MaxEntries-1], one}} {
		_, err = l.Extend(more)
		wantFault(t, err, fault.OverLimit)
	}
	w.entries = append(w.entries, one)
	_, err = device.Verify(alice, w.entries)
	wantFault(t, err, fault.OverLimit)
	_, err = device.Resume(alice, w.entries, w.pin())
	wantFault(t, err, fault.OverLimit)
	_, err = l.Extend(w.entries)
	wantFault(t, err, fault.OverLimit)
}
