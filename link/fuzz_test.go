package link_test

import (
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/link"
)

// Each target brings an attempt to a state, and gives one side whatever the fuzzer makes. What comes first says which state
// and way it is.

// stops are the states in which a side waits for a message, or for none.
func stops(toOld bool) []func(r *run) {
	if toOld {
		return []func(r *run){
			func(*run) {}, // M1, C2
			(*run).shown,  // none
			(*run).confirmed,
			func(r *run) { r.compared() },
			func(r *run) { r.candidate() },
			func(r *run) { r.admitted() },
			(*run).done,
		}
	}
	return []func(r *run){
		func(*run) {}, // C1, or none
		func(r *run) { r.joined() },
		(*run).shown,
		(*run).confirmed,
		func(r *run) { r.compared() },
		func(r *run) { r.told() },
		(*run).belongs,
		func(r *run) { r.linked() },
		(*run).done,
	}
}

func fuzz(f *testing.F, toOld bool) {
	for _, begin := range []func(testing.TB) *run{byQR, byCode} {
		r := begin(f)
		r.done()
		for i := range stops(toOld) {
			f.Add(uint8(i), r.qr != nil, r.sent[i%len(r.sent)])
		}
	}
	f.Fuzz(func(t *testing.T, stop uint8, byQRCode bool, message []byte) {
		begin := byQR
		if !byQRCode {
			begin = byCode
		}
		r := begin(t)
		stops(toOld)[int(stop)%len(stops(toOld))](r)
		receive, state := r.new.Receive, r.new.State
		if toOld {
			receive, state = r.old.Receive, r.old.State
		}
		before := state(start)
		send, err := receive(message, start)
		faulttest.FromInput(t, err)
		if err != nil && send != nil {
			t.Error("a message beside the error")
		}
		after := state(start)
		if err != nil && after != before && after != link.Aborted {
			t.Errorf("%v after a refusal in state %v", after, before)
		}
		// Who knows no secret gets no further than a first message: that stands in the clear.
		if err == nil && (toOld || byQRCode || before != link.Waiting || after != link.Asking) {
			t.Errorf("%x accepted in state %v", message, before)
		}
	})
}

func FuzzOldReceive(f *testing.F) { fuzz(f, true) }
func FuzzNewReceive(f *testing.F) { fuzz(f, false) }

func FuzzScan(f *testing.F) {
	f.Add(byQR(f).qr)
	f.Fuzz(func(t *testing.T, qr []byte) {
		n, err := link.Scan(qr, start)
		faulttest.FromInput(t, err)
		if (n == nil) != (err != nil) {
			t.Fatalf("%v beside %v", n, err)
		}
		if err != nil {
			return
		}
		m1, err := n.Join(device.Classical, start)
		if err != nil || len(m1) > link.MaxMessage {
			t.Errorf("%v: a code that is taken, and its user is none", err)
		}
	})
}

func FuzzEnter(f *testing.F) {
	f.Add("4711-123456789")
	f.Add(" 4711 - 123-456-789\n")
	f.Fuzz(func(t *testing.T, code string) {
		n, err := link.Enter(code, start)
		faulttest.FromInput(t, err)
		if (n == nil) != (err != nil) || err != nil && fault.Of(err) != fault.Malformed {
			t.Errorf("%v beside %v", n, err)
		}
	})
}
