package link

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/cpace"
	"github.com/sottokit/sotto/internal/linking"
	"github.com/sottokit/sotto/internal/secret"
)

// gone reports whether a secret was wiped, or never was.
func gone(s *secret.Bytes) bool {
	_, err := s.Export()
	return fault.Of(err) == fault.DestroyedKey
}

// used reports whether a scalar can not make a share any more.
func used(y *cpace.Scalar) bool { return cpace.Begin(y, nil, nil, nil).Share() == nil }

func keyGone(k *ecdh.PrivateKey) bool {
	_, err := k.ExportSecret()
	return fault.Of(err) == fault.DestroyedKey
}

func channelGone(c *linking.Channel) bool {
	if c == nil {
		return true
	}
	_, err := c.Tag(linking.Old)
	return fault.Of(err) == fault.DestroyedKey
}

// pair is an attempt whose seeds the test knows, driven one step after the other.
type pair struct {
	testing.TB
	old    *Old
	new    *New
	oldKey *ecdh.PrivateKey
	newKey *ecdh.PrivateKey
	a, b   *cpace.Scalar
	phone  *device.Keys
	joins  *device.Keys
	log    *device.Log
	m      []byte // the message on its way
}

func newPair(t testing.TB, byCode bool) *pair {
	t.Helper()
	now := time.Unix(0, 0)
	os, ns := linking.NewOldSeed(), linking.NewNewSeed()
	p := &pair{TB: t, oldKey: os.Key, newKey: ns.Key, a: os.Scalar, b: ns.Scalar}
	p.phone, p.joins = p.generate(now), p.generate(now)
	root, err := p.phone.Found(nil, now)
	p.must(root, err)
	p.log, err = device.Verify("alice", [][]byte{root})
	p.must(nil, err)
	_, err = p.phone.Settle(p.log)
	p.must(nil, err)
	c := Choice{History: Nothing}
	if byCode {
		p.old, err = OfferCodeFrom(os, "4711", p.phone.Record(), c, now)
		p.must(nil, err)
		p.new, err = EnterFrom(ns, p.old.Code(), now)
	} else {
		p.old, err = OfferFrom(os, p.phone.Record(), c, now)
		p.must(nil, err)
		p.new, err = ScanFrom(ns, p.old.QR(), now)
	}
	p.must(p.old.First(), err)
	if os.Passphrase != [32]byte{} || os.Opening != [32]byte{} || os.Secret != "" {
		t.Error("the seed is left")
	}
	return p
}

func (p *pair) generate(now time.Time) *device.Keys {
	p.Helper()
	k, err := device.Generate("alice", device.Classical, now)
	p.must(nil, err)
	return k
}

// must takes what a call made.
func (p *pair) must(m []byte, err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
	p.m = m
}

// next does the next thing, and returns what it was.
func (p *pair) next() string {
	p.Helper()
	now := time.Unix(0, 0)
	toOld := func() { p.must(p.old.Receive(p.m, now)) }
	toNew := func() { p.must(p.new.Receive(p.m, now)) }
	switch old, young := p.old.State(now), p.new.State(now); {
	case young == Asking:
		p.must(p.new.JoinAs(p.joins, now))
		return "joined"
	case young == Waiting && p.new.user == "":
		toNew()
		return "first message"
	case old == Waiting && p.old.channel == nil:
		toOld()
		return "answered"
	case young == Waiting && old == Asking:
		toNew()
		return "showing"
	case old == Asking:
		p.must(p.old.Confirm(p.new.Digits(), p.log, now))
		return "confirmed"
	case young == Showing:
		toNew()
		return "placed"
	case young == Fetching:
		p.must(p.new.Served(p.log, now))
		return "served"
	case old == Admitting:
		entry, err := p.log.Add(p.phone, p.joins.Record(), now)
		p.must(nil, err)
		p.log, err = p.log.Extend([][]byte{entry})
		p.must(nil, err)
		p.must(p.old.Admitted(p.log, entry, [32]byte{}, nil, now))
		return "admitted"
	case young == Registering:
		p.must(p.new.Registered([]byte{1}, now))
		return "registered"
	case p.old.log != nil && p.old.candidate == nil || old == Waiting && young == Linked:
		toOld()
		return "told the old device"
	case young == Waiting || young == Linked:
		toNew()
		return "told the new device"
	}
	return ""
}

func (p *pair) keysGone() bool {
	_, err := p.joins.Rotate(p.log, nil, time.Unix(0, 0))
	return fault.Of(err) == fault.DestroyedKey
}

// Nothing secret is kept longer than it is needed, and nothing at all after an end.
func TestSecretsGoWhenTheyAreNotNeeded(t *testing.T) {
	for _, byCode := range []bool{false, true} {
		t.Run(fmt.Sprintf("by code %t", byCode), func(t *testing.T) {
			steps := 0
			for p := newPair(t, byCode); ; steps++ {
				o, n := p.old, p.new
				if o.channel != nil && !(gone(o.qr) && gone(o.passphrase) && gone(o.code) && gone(o.opening) && keyGone(p.oldKey) && used(p.a)) {
					t.Errorf("step %d: what the old device showed is left", steps)
				}
				if n.user != "" && !(gone(n.prs) && keyGone(p.newKey) && used(p.b)) {
					t.Errorf("step %d: what the new device took is left", steps)
				}
				if byCode && !(keyGone(p.oldKey) && keyGone(p.newKey)) || !byCode && !(used(p.a) && used(p.b)) {
					t.Errorf("step %d: what belongs to the other way is left", steps)
				}
				if o.state != Asking && !gone(o.digits) || n.state != Showing && !gone(n.digits) {
					t.Errorf("step %d: digits are left", steps)
				}
				if o.state == Done && !channelGone(o.channel) || n.state == Done && !channelGone(n.channel) {
					t.Errorf("step %d: the channel is left", steps)
				}
				if p.next() == "" {
					break
				}
			}
			if steps < 12 {
				t.Errorf("%d steps", steps)
			}
		})
	}
}

func TestNothingIsLeftAfterAnEnd(t *testing.T) {
	for _, byCode := range []bool{false, true} {
		for stop := range 13 {
			for name, end := range map[string]func(p *pair){
				"cancelled": func(p *pair) {
					p.old.Cancel()
					p.new.Cancel()
				},
				"expired": func(p *pair) {
					p.old.State(time.Unix(0, 0).Add(Life))
					p.new.State(time.Unix(0, 0).Add(Life))
				},
			} {
				p := newPair(t, byCode)
				for range stop {
					p.next()
				}
				joined, linked := p.new.keys != nil, p.new.state == Linked || p.new.state == Done
				end(p)
				o, n := p.old, p.new
				if !(gone(o.qr) && gone(o.passphrase) && gone(o.code) && gone(o.opening) && gone(o.digits) && channelGone(o.channel)) {
					t.Errorf("%s at step %d: the old device has something left", name, stop)
				}
				if !(gone(n.prs) && gone(n.digits)) || !channelGone(n.channel) && !(linked && name == "expired") {
					t.Errorf("%s at step %d: the new device has something left", name, stop)
				}
				if !(keyGone(p.oldKey) && keyGone(p.newKey) && used(p.a) && used(p.b)) {
					t.Errorf("%s at step %d: an ephemeral key is left", name, stop)
				}
				if joined && p.keysGone() != (n.log == nil) {
					t.Errorf("%s at step %d: the keys are gone: %t", name, stop, p.keysGone())
				}
			}
		}
	}
}

func TestNothingSecretIsPrinted(t *testing.T) {
	const mark = "unmistakable"
	type holds struct {
		o *Old
		n *New
	}
	for _, byCode := range []bool{false, true} {
		for stop := range 13 {
			p := newPair(t, byCode)
			for range stop {
				p.next()
			}
			for _, s := range []**secret.Bytes{&p.old.digits, &p.new.digits, &p.old.code, &p.old.qr, &p.old.passphrase, &p.old.opening, &p.new.prs} {
				*s = secret.Own([]byte(mark))
			}
			for _, v := range []any{p.old, p.new, holds{p.old, p.new}, []any{p.old, p.new}} {
				for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
					out := fmt.Sprintf(verb, v)
					for _, form := range []string{"%s", "%x", "%d"} {
						if strings.Contains(out, strings.Trim(fmt.Sprintf(form, []byte(mark)), "[]")) {
							t.Fatalf("step %d: %s: %s", stop, verb, out)
						}
					}
				}
			}
		}
	}
}

// A monotonic reading would count the time without that in which the phone slept.
func TestStartIsOnTheClockOnTheWall(t *testing.T) {
	a := attempt{}
	now := time.Now()
	if a.begin(now, nil); strings.Contains(a.started.String(), "m=") || !strings.Contains(now.String(), "m=") {
		t.Errorf("the attempt began at %v, that is %v", now, a.started)
	}
}
