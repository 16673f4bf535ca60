package session_test

import (
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/session"
)

// A device that missed an envelope asks, and whoever has the session answers.
func TestRequestIsAnsweredByRepair(t *testing.T) {
	w := newWorld(t)
	c := w.direct(alice, bob)
	s := w.begin("alice/phone", c)
	asked := must(session.Ask(w.devices["bob/tablet"].keys, s.ID().Prefix(), start))
	if user := must(session.RequestUser(asked)); user != bob {
		t.Errorf("asked by %q", user)
	}
	seen := w.devices["bob/tablet"].key.Seen()
	r := must(session.ReadRequest(asked, w.logs[bob], &seen))
	if r.User != bob || r.Session != s.ID().Prefix() || r.From.Cert() != w.cert("bob/tablet") || r.Key.ID() != seen.ID {
		t.Errorf("asked for %+v", r)
	}
	if got := w.take("bob/tablet", must(s.SealTo(r.Key)), c); got.ID() != s.ID() {
		t.Error("another session")
	}
}

func TestRequestIsRefused(t *testing.T) {
	w := newWorld(t)
	p := session.Prefix{'p'}
	good, f := w.request("bob/tablet", p)
	read := func(b []byte, last *device.Seen) error {
		_, err := session.ReadRequest(b, w.logs[bob], last)
		return err
	}
	signed := func(f fields) []byte { return good.change(func(g *forged) { g.payload = f.encode() }) }
	newer := w.devices["bob/tablet"].key.Seen()
	newer.Gen++
	same := device.Seen{}
	for name, c := range map[string]struct {
		b    []byte
		last *device.Seen
		want fault.Code
	}{
		"user-other":                 {signed(f.with(1, alice)), nil, fault.UntrustedSigner},
		"session-other":              {signed(f.with(2, make([]byte, 16))), nil, fault.UntrustedSigner},
		"device-key-of-other":        {signed(f.with(3, w.devices["bob/phone"].key.Bytes())), nil, fault.UntrustedSigner},
		"device-key-of-other-user":   {signed(f.with(3, w.devices["alice/phone"].key.Bytes())), nil, fault.UntrustedSigner},
		"device-key-empty":           {signed(f.with(3, []byte{})), nil, fault.Malformed},
		"device-key-older":           {good.bytes(), &newer, fault.Rollback},
		"device-key-of-a-clone":      {good.bytes(), &same, fault.SenderReset},
		"device-key-with-other-seal": {signed(f.with(3, flip(f[3].([]byte), len(f[3].([]byte))-1))), nil, fault.UntrustedSigner},
		"asked by another user":      {must(session.Ask(w.devices["alice/phone"].keys, p, start)), nil, fault.UntrustedSigner},
	} {
		t.Run(name, func(t *testing.T) { wantFault(t, read(c.b, c.last), c.want) })
	}
	if err := read(good.bytes(), nil); err != nil {
		t.Error(err)
	}
	_, err := session.ReadRequest(good.bytes(), nil, nil)
	wantFault(t, err, fault.Misuse)

	held := w.logs[bob]
	w.add("bob/desk")
	w.rotate("bob/tablet")
	_, err = session.ReadRequest(must(session.Ask(w.devices["bob/tablet"].keys, p, start)), held, nil)
	wantFault(t, err, fault.TooFarAhead) // the device knows more of its log
	w.update("bob/tablet")
	wantFault(t, read(good.bytes(), nil), fault.UntrustedSigner)
	w.revoke("bob/tablet")
	wantFault(t, read(good.bytes(), nil), fault.RevokedDevice)
}

func TestAskNeedsAMessagingKey(t *testing.T) {
	p := session.Prefix{}
	keys := must(device.Generate(alice, device.Classical, start))
	_, err := session.Ask(keys, p, start)
	wantFault(t, err, fault.Misuse)
	_, err = session.Ask(newWorld(t).devices["bob/phone"].keys, p, time.Unix(-1, 0))
	wantFault(t, err, fault.Misuse)
	_, err = session.Ask(nil, p, start)
	wantFault(t, err, fault.DestroyedKey)
	keys.Destroy()
	_, err = session.Ask(keys, p, start)
	wantFault(t, err, fault.DestroyedKey)
}
