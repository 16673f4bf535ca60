package link_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/link"
)

// world is an attempt to which everything happens that may, in any order: what should come next, what came before, what was
// changed, what belongs to another attempt, and calls that make no sense.
type world struct {
	*rapid.T
	*run
	pool       [][]byte // messages of this attempt and of another one
	toOld      []byte   // the newest message for each side
	toNew      []byte
	logs       []*device.Log
	now        time.Time
	everBelong bool
}

// foreignMessages are those of an attempt that came to its end.
func foreignMessages(t testing.TB, byQRCode bool) [][]byte {
	a := byQR
	if !byQRCode {
		a = byCode
	}
	r := a(t)
	r.done()
	return append(r.sent, nil)
}

func TestAnyOrderOfCallsAndMessages(t *testing.T) {
	foreign := append(foreignMessages(t, true), foreignMessages(t, false)...)
	bob := found(t, "bob").log
	ends := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		begin := byQR
		if rapid.Bool().Draw(rt, "code") {
			begin = byCode
		}
		w := &world{T: rt, run: begin(t), pool: foreign, now: start}
		w.toNew = w.old.First()
		w.logs = []*device.Log{nil, {}, bob, found(t, alice).log, w.log}
		w.check()
		for range rapid.IntRange(1, 40).Draw(rt, "acts") {
			old, young := w.old.State(w.now), w.new.State(w.now)
			w.act()
			w.check()
			if old == link.Aborted && w.old.State(w.now) != old || young == link.Aborted && w.new.State(w.now) != young ||
				old == link.Done && w.old.State(w.now) != old || young == link.Done && w.new.State(w.now) != young {
				rt.Fatal("a way out of the end")
			}
			if young == link.Linked && w.new.State(w.now) == link.Aborted {
				rt.Fatal("unlinked")
			}
		}
		ends[fmt.Sprint(w.old.State(w.now), ", ", w.new.State(w.now))]++
	})
	if ends["done, done"] == 0 || len(ends) < 5 {
		t.Errorf("the test does not get around: %v", ends)
	}
}

// check holds what is true at any time.
func (w *world) check() {
	old, young := w.old.State(w.now), w.new.State(w.now)
	if shown := w.new.Digits() != ""; shown != (young == link.Showing) {
		w.Fatalf("digits in state %v: %t", young, shown)
	}
	if (old == link.Aborted || old >= link.Asking) && (w.old.QR() != nil || w.old.Code() != "") {
		w.Fatalf("something to be shown in state %v", old)
	}
	admitted := young == link.Registering || young == link.Linked || young == link.Done
	w.everBelong = w.everBelong || admitted
	if (w.new.Keys() != nil) != w.everBelong || (w.new.Log() != nil) != w.everBelong {
		w.Fatalf("keys in state %v", young)
	}
	if admitted {
		cert := w.new.Keys().Record().Cert()
		if _, err := w.new.Log().Find(cert); err != nil {
			w.Fatalf("state %v, and the device is not in its log: %v", young, err)
		}
		if _, err := w.account.log.Find(cert); err != nil {
			w.Fatalf("state %v, and the device is not in the server's log: %v", young, err)
		}
	}
	if old == link.Done && young != link.Linked && young != link.Done {
		w.Fatalf("the old device is done, the new one %v", young)
	}
	if _, told := w.new.Choice(); told && young != link.Done {
		w.Fatalf("a choice in state %v", young)
	}
}

// did takes what a call said: an error has a code, and no message beside it.
func (w *world) did(send []byte, err error) []byte {
	if err != nil && (fault.Of(err) == 0 || send != nil) {
		w.Fatalf("%v, %x", err, send)
	}
	if send != nil {
		w.pool = append(w.pool[:len(w.pool):len(w.pool)], send)
	}
	return send
}

// act does one thing, more often than not what is due.
func (w *world) act() {
	switch rapid.SampledFrom([]string{"due", "due", "due", "due", "due", "due", "due", "due", "due", "any message", "changed", "any call",
		"any call", "cancel", "time"}).Draw(w.T, "act") {
	case "due":
		w.due()
	case "any message":
		w.deliver(rapid.SampledFrom(w.pool).Draw(w.T, "message"))
	case "changed":
		m := bytes.Clone(rapid.SampledFrom([][]byte{w.toOld, w.toNew, rapid.SampledFrom(w.pool).Draw(w.T, "message")}).Draw(w.T, "which"))
		if len(m) > 0 {
			m[rapid.IntRange(0, len(m)-1).Draw(w.T, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(w.T, "bit")
		}
		w.deliver(m)
	case "any call":
		w.call()
	case "cancel":
		if rapid.IntRange(0, 7).Draw(w.T, "really") == 0 {
			rapid.SampledFrom([]func(){w.old.Cancel, w.new.Cancel}).Draw(w.T, "who")()
		}
	case "time":
		if rapid.IntRange(0, 7).Draw(w.T, "far") == 0 {
			w.now = start.Add(rapid.SampledFrom([]time.Duration{-1, link.Life - 1, link.Life}).Draw(w.T, "to"))
		}
	}
}

// deliver gives a message to either side.
func (w *world) deliver(m []byte) {
	receive, to := w.old.Receive, &w.toNew
	if rapid.Bool().Draw(w.T, "to the new device") {
		receive, to = w.new.Receive, &w.toOld
	}
	send, err := receive(m, w.now)
	faulttest.FromInput(w, err)
	if w.did(send, err); send != nil {
		*to = send
	}
}

// due does what is due at one of the sides.
func (w *world) due() {
	old, young := w.old.State(w.now), w.new.State(w.now)
	switch {
	case young == link.Asking:
		w.toOld = w.did(w.new.Join(device.Classical, w.now))
	case young == link.Fetching:
		w.toOld = w.did(w.new.Served(w.account.log, w.now))
	case young == link.Registering:
		w.toOld = w.did(w.new.Registered([]byte("registration"), w.now))
	case old == link.Asking && young == link.Showing:
		w.toNew = w.did(w.old.Confirm(w.new.Digits(), w.account.log, w.now))
	case old == link.Admitting:
		w.admit()
	case w.toOld != nil:
		m := w.toOld
		w.toOld = nil
		if send := w.did(w.old.Receive(m, w.now)); send != nil {
			w.toNew = send
		}
	case w.toNew != nil:
		m := w.toNew
		w.toNew = nil
		if send := w.did(w.new.Receive(m, w.now)); send != nil {
			w.toOld = send
		}
	}
}

// admit signs for the candidate, once.
func (w *world) admit() {
	if w.entry == nil {
		record, _ := w.old.Candidate()
		w.entry = w.add(w.phone, record)
		w.logs = append(w.logs, w.account.log)
	}
	w.toNew = w.did(w.old.Admitted(w.account.log, w.entry, w.nonce, nil, w.now))
}

// call makes a call with something that may or may not fit.
func (w *world) call() {
	l := rapid.SampledFrom(w.logs).Draw(w.T, "log")
	var send []byte
	var err error
	switch rapid.IntRange(0, 6).Draw(w.T, "call") {
	case 0:
		digits := rapid.SampledFrom([]string{w.new.Digits(), "", "12345", "000000"}).Draw(w.T, "digits")
		if send, err = w.old.Confirm(digits, l, w.now); send != nil {
			w.toNew = send
		}
	case 1:
		if send, err = w.old.Admitted(l, w.entry, w.nonce, nil, w.now); send != nil {
			w.toNew = send
		}
	case 2:
		if send, err = w.new.Served(l, w.now); send != nil {
			w.toOld = send
		}
	case 3:
		send, err = w.new.Registered(rapid.SampledFrom([][]byte{nil, {1}}).Draw(w.T, "registration"), w.now)
		if send != nil {
			w.toOld = send
		}
	case 4:
		if send, err = w.new.Join(rapid.SampledFrom([]device.Suite{0, 1, 2}).Draw(w.T, "suite"), w.now); send != nil {
			w.toOld = send
		}
	case 5:
		if send, err = w.new.JoinAs(nil, w.now); send != nil {
			w.toOld = send
		}
	case 6:
		_, err1 := w.old.PNG(500)
		_, err2 := w.old.Terminal()
		if (err1 == nil) != (w.old.QR() != nil) || (err2 == nil) != (err1 == nil) {
			w.Fatalf("%v, %v", err1, err2)
		}
	}
	w.did(send, err)
}
