package directory_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/recovery"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/trust"
)

// tellOf is what a home says of somebody who is pinned there.
func (h *home) tellOf(name string) []byte {
	h.Helper()
	return must(directory.TellOf(h.user(name)).Marshal())
}

// tell lets a home keep what a device of the own user says.
func (h *home) tell(b []byte) {
	h.Helper()
	if h.own == nil {
		h.own = newPerson("own", nil)
		h.grow("own", 0, h.own.entries...)
	}
	h.tellBy(h.own, b)
}

func (h *home) tellBy(by *person, b []byte) {
	h.Helper()
	h.do(func(tx *store.Tx) error {
		return directory.Tell(tx, by.keys.Record().Cert(), must(directory.ParseTold(b)))
	})
}

// A device that was revoked has no word any more, whatever it said before: a thief may have held it.
func TestWhatARevokedDeviceToldDoesNotCount(t *testing.T) {
	for _, revoked := range []bool{false, true} {
		there, here := newHome(t), newHome(t)
		bob := newPerson("bob", nil)
		there.grow("bob", 0, bob.entries...)
		there.match(bob)
		own := newPerson("own", nil)
		tablet := own.add()
		here.grow("own", 0, own.entries...)
		teller := &person{keys: tablet}
		here.tellBy(teller, there.tellOf("bob"))
		if revoked {
			own.revoke(tablet)
			here.grow("own", 0, own.entries...)
		}
		here.grow("bob", 0, bob.entries...)
		want := trust.Verified
		if revoked {
			want = trust.Unverified
		}
		if u := here.user("bob"); u.Trust.Mark != want {
			t.Errorf("revoked %t: bob is %v", revoked, u.Trust.Mark)
		}
	}
}

func (h *home) match(p *person) {
	h.Helper()
	h.do(func(tx *store.Tx) error {
		_, err := h.Decide(tx, p.user, trust.Matched, p.pin())
		return err
	})
}

// What the first log that is served is to one that another own device has told of.
func TestAToldContactIsHeldAgainstTheServedLog(t *testing.T) {
	for _, c := range []struct {
		name   string
		served func(bob, first *person, r *recovery.Key) *person // bob is as he was told: two entries; first has one
		mark   [2]trust.Mark                                     // of one who was told as unverified, and as verified
		event  trust.Event
		notice [2]trust.Notice
		why    fault.Code
	}{
		{
			"the same", func(bob, _ *person, _ *recovery.Key) *person { return bob },
			[2]trust.Mark{trust.Unverified, trust.Verified}, 0, [2]trust.Notice{}, 0,
		},
		{
			"longer", func(bob, _ *person, _ *recovery.Key) *person { bob.add(); return bob },
			[2]trust.Mark{trust.Unverified, trust.Verified}, 0, [2]trust.Notice{}, 0,
		},
		{
			"recovered since", func(bob, _ *person, r *recovery.Key) *person { bob.add(); bob.recover(r); bob.add(); return bob },
			[2]trust.Mark{trust.Unverified, trust.WasVerified}, trust.Recovered,
			[2]trust.Notice{trust.Tell, trust.Blocked}, fault.IdentityChanged,
		},
		{
			"another identity", func(_, _ *person, _ *recovery.Key) *person { p := newPerson("bob", nil); p.add(); return p },
			[2]trust.Mark{trust.Changed, trust.WasVerified}, trust.Reset, [2]trust.Notice{trust.Blocked, trust.Blocked}, fault.IdentityChanged,
		},
		{
			"shorter", func(_, first *person, _ *recovery.Key) *person { return first },
			[2]trust.Mark{trust.Changed, trust.WasVerified}, trust.RolledBack, [2]trust.Notice{trust.Blocked, trust.Blocked}, fault.Rollback,
		},
		{
			"another branch", func(_, first *person, _ *recovery.Key) *person { first.add(); first.add(); return first },
			[2]trust.Mark{trust.Changed, trust.WasVerified}, trust.Forked, [2]trust.Notice{trust.Blocked, trust.Blocked}, fault.LogFork,
		},
	} {
		for i, verified := range []bool{false, true} {
			t.Run(c.name+map[bool]string{false: "", true: ", verified"}[verified], func(t *testing.T) {
				r := recovery.Generate()
				phone, tablet, bob := newHome(t), newHome(t), newPerson("bob", r)
				first := bob.branch()
				bob.add()
				phone.grow("bob", 0, bob.entries...)
				if verified {
					phone.match(bob)
				}
				tablet.tell(phone.tellOf("bob"))
				if tablet.user("bob") != nil {
					t.Error("pinned before the log came")
				}
				served := c.served(bob, first, r)
				change := tablet.grow("bob", 0, served.entries...)
				u := tablet.user("bob")
				if u.Trust.Mark != c.mark[i] || u.Trust.Pin != served.pin() || u.Trust.Why() != 0 && u.Trust.Why() != c.why {
					t.Errorf("it is %v at %v, sealing fails with %v", u.Trust.Mark, u.Trust.Pin, u.Trust.Why())
				}
				if u.Trust.MaySend() != (c.notice[i] != trust.Blocked) {
					t.Errorf("may send: %t", u.Trust.MaySend())
				}
				if change.Notice != c.notice[i] || change.Notice != trust.None && change.Event != c.event || len(change.Added) != 0 {
					t.Errorf("change %+v", change)
				}
				if !u.Trust.MaySend() { // people decide about what they were shown, and it goes on
					tablet.do(func(tx *store.Tx) error {
						_, err := tablet.Decide(tx, "bob", trust.Acknowledged, served.pin())
						return err
					})
					if s := tablet.user("bob").Trust; s.Mark != trust.Unverified || s.Cause != 0 {
						t.Errorf("acknowledged: %+v", s)
					}
				}
				tablet.do(func(tx *store.Tx) error {
					_, found, err := tx.Get(store.Name{Room: "user/told", Parts: [][]byte{[]byte("bob")}})
					if found {
						t.Error("what was told is still there")
					}
					return err
				})
			})
		}
	}
}

// The newest word counts, and each user is told of separately.
func TestTheNewestWordCounts(t *testing.T) {
	phone, tablet := newHome(t), newHome(t)
	bob, carol := newPerson("bob", nil), newPerson("carol", nil)
	phone.grow("bob", 0, bob.entries...)
	phone.grow("carol", 0, carol.entries...)
	tablet.tell(phone.tellOf("bob"))
	tablet.tell(phone.tellOf("carol"))
	phone.match(bob)
	tablet.tell(phone.tellOf("bob"))
	tablet.again()
	tablet.grow("bob", 0, bob.entries...)
	tablet.grow("carol", 0, carol.entries...)
	if b, c := tablet.user("bob").Trust, tablet.user("carol").Trust; b.Mark != trust.Verified || c.Mark != trust.Unverified {
		t.Errorf("bob is %v, carol %v", b.Mark, c.Mark)
	}
}

// Who is blocked there is blocked here for the same reason, though nothing is wrong with the log that is served.
func TestWhoIsBlockedIsToldAsBlocked(t *testing.T) {
	for _, c := range []struct {
		event trust.Event
		why   fault.Code
	}{
		{trust.Reset, fault.IdentityChanged}, {trust.Forked, fault.LogFork}, {trust.RolledBack, fault.Rollback},
		{trust.Unsigned, fault.UntrustedSigner},
	} {
		for _, verified := range []bool{false, true} {
			for _, longer := range []bool{false, true} {
				phone, tablet, bob := newHome(t), newHome(t), newPerson("bob", nil)
				phone.grow("bob", 0, bob.entries...)
				if verified {
					phone.match(bob)
				}
				phone.do(func(tx *store.Tx) error {
					_, err := phone.See(tx, "bob", c.event)
					return err
				})
				tablet.tell(phone.tellOf("bob"))
				if longer {
					bob.add()
				}
				change := tablet.grow("bob", 0, bob.entries...)
				here, there := tablet.user("bob").Trust, phone.user("bob").Trust
				if here.Mark != there.Mark || here.Cause != c.event || here.Why() != c.why || here.Pin != bob.pin() {
					t.Errorf("%v, verified %t: it is %+v here, %+v there", c.event, verified, here, there)
				}
				if change.Event != c.event || change.Notice != trust.Blocked {
					t.Errorf("%v, verified %t: change %+v", c.event, verified, change)
				}
			}
		}
	}
}

func TestADamagedWordIsNotGuessed(t *testing.T) {
	h, bob := newHome(t), newPerson("bob", nil)
	h.do(func(tx *store.Tx) error {
		tx.Put(store.Name{Room: "user/told", Parts: [][]byte{[]byte("bob")}}, []byte("damaged"))
		return nil
	})
	g := must(directory.Grow("bob", nil, 0, bob.entries))
	wantFault(t, h.update(func(tx *store.Tx) error {
		_, err := h.Apply(tx, g)
		return err
	}), fault.Damaged)
	if h.user("bob") != nil {
		t.Error("pinned all the same")
	}
}

func TestOnlyItsOwnFormIsTold(t *testing.T) {
	told := directory.Told{User: "bob", Root: device.Hash{1}, Seq: 7, Head: device.Hash{2}, Mark: uint64(trust.Verified)}
	good := must(told.Marshal())
	if again := must(directory.ParseTold(good)); *again != told {
		t.Errorf("read %+v", again)
	}
	for n := range good {
		_, err := directory.ParseTold(good[:n])
		wantFault(t, err, fault.Malformed)
	}
	_, err := directory.ParseTold(append(bytes.Clone(good), 0))
	wantFault(t, err, fault.Malformed)
	_, err = directory.ParseTold(make([]byte, 513))
	wantFault(t, err, fault.OverLimit)
	for i := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			if read, err := directory.ParseTold(bad); err == nil && *read == told {
				t.Errorf("byte %d, bit %d changes nothing", i, bit)
			} else if err != nil {
				wantFault(t, err, fault.Malformed)
			}
		}
	}
	for name, change := range map[string]func(d *directory.Told){
		"no user":                 func(d *directory.Told) { d.User = "" },
		"a long user":             func(d *directory.Told) { d.User = strings.Repeat("b", device.MaxUser+1) },
		"a control":               func(d *directory.Told) { d.User = "b\nob" },
		"no UTF-8":                func(d *directory.Told) { d.User = "b\xffb" },
		"too many":                func(d *directory.Told) { d.Seq = device.MaxEntries },
		"no mark":                 func(d *directory.Told) { d.Mark, d.Cause = 0, uint64(trust.Reset) },
		"an unknown mark":         func(d *directory.Told) { d.Mark, d.Cause = 5, 3 },
		"a cause of nothing":      func(d *directory.Told) { d.Cause = uint64(trust.Reset) },
		"a block without a cause": func(d *directory.Told) { d.Mark = uint64(trust.Changed) },
		"an unknown cause":        func(d *directory.Told) { d.Mark, d.Cause = uint64(trust.Changed), 9 },
	} {
		bad := told
		change(&bad)
		if b, err := bad.Marshal(); err == nil {
			if _, err := directory.ParseTold(b); err == nil {
				t.Errorf("%s is taken", name)
			} else {
				wantFault(t, err, fault.Malformed)
			}
		}
	}
}
