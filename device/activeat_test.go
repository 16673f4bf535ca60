package device_test

import (
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
)

// A record is what it was at an entry, whatever became of it since.
func TestActiveAtIsWhatWasPresentThen(t *testing.T) {
	s := newScene(t)
	s.put(s.recovery, opRecover, newStranger(t, alice).record, nil)
	whole := s.log()
	certs := map[device.CertID]bool{}
	for seq := range uint64(len(s.entries)) {
		for _, r := range at(t, whole, seq).Active() {
			certs[r.Cert()] = true
		}
	}
	for seq := range uint64(len(s.entries)) {
		then := at(t, whole, seq)
		for c := range certs {
			want, wantErr := then.Find(c)
			have, err := whole.ActiveAt(c, then.Pin())
			if have != want || fault.Of(err) != fault.Of(wantErr) {
				t.Errorf("record %v after entry %d: %v, want %v", c, seq, err, wantErr)
			}
		}
	}
}

func TestActiveAtRefuses(t *testing.T) {
	s := newScene(t)
	l := s.log()
	pin, c := l.Pin(), l.Active()[0].Cert()
	change := func(how func(p *device.Pin)) device.Pin {
		p := pin
		how(&p)
		return p
	}
	for name, x := range map[string]struct {
		log  *device.Log
		cert device.CertID
		pin  device.Pin
		want fault.Code
	}{
		"no log":         {nil, c, pin, fault.TooFarAhead},
		"ends before":    {at(t, l, 1), c, pin, fault.TooFarAhead},
		"another root":   {l, c, change(func(p *device.Pin) { p.Root[0] ^= 1 }), fault.IdentityChanged},
		"another head":   {l, c, change(func(p *device.Pin) { p.Head[0] ^= 1 }), fault.UntrustedSigner},
		"unknown record": {l, device.CertID{1}, pin, fault.UntrustedSigner},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := x.log.ActiveAt(x.cert, x.pin)
			wantFault(t, err, x.want)
			if r != nil {
				t.Error("a record beside the error")
			}
		})
	}
}
