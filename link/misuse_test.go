package link_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/link"
)

func TestNilAndZeroAreAttemptsThatWereAborted(t *testing.T) {
	log := found(t, alice).log
	for _, o := range []*link.Old{nil, {}} {
		_, err1 := o.Receive(nil, start)
		_, err2 := o.Confirm("000000", log, start)
		_, err3 := o.Admitted(log, nil, [32]byte{}, nil, start)
		for _, err := range []error{err1, err2, err3} {
			wantFault(t, err, fault.Expired)
		}
		_, err4 := o.PNG(500)
		_, err5 := o.Terminal()
		wantFault(t, err4, fault.Misuse)
		wantFault(t, err5, fault.Misuse)
		r, k := o.Candidate()
		c := o.Choice()
		if o.State(start) != link.Aborted || o.QR() != nil || o.Code() != "" || o.First() != nil || o.Rendezvous() != [16]byte{} ||
			r != nil || k != nil || c.History != 0 || c.Vault != nil {
			t.Error("something of nothing")
		}
		o.Cancel()
	}
	for _, n := range []*link.New{nil, {}} {
		_, err1 := n.Receive(nil, start)
		_, err2 := n.Join(device.Classical, start)
		_, err3 := n.JoinAs(nil, start)
		_, err4 := n.Served(log, start)
		_, err5 := n.Registered([]byte{1}, start)
		for _, err := range []error{err1, err2, err3, err4, err5} {
			wantFault(t, err, fault.Expired)
		}
		_, known := n.Rendezvous()
		_, told := n.Choice()
		if n.State(start) != link.Aborted || n.Nameplate() != "" || known || told || n.User() != "" || n.Digits() != "" || n.Keys() != nil ||
			n.Log() != nil || n.Nonce() != [32]byte{} || n.Ticket() != nil {
			t.Error("something of nothing")
		}
		n.Cancel()
	}
}

func TestOfferNeedsARecordAChoiceAndATime(t *testing.T) {
	me := found(t, alice).phone.Record()
	good := link.Choice{History: link.SessionsAndVault, Vault: []byte("v")}
	for name, f := range map[string]func() (*link.Old, error){
		"no record":         func() (*link.Old, error) { return link.Offer(nil, good, start) },
		"the zero record":   func() (*link.Old, error) { return link.Offer(&device.Record{}, good, start) },
		"no choice":         func() (*link.Old, error) { return link.Offer(me, link.Choice{}, start) },
		"choice 4":          func() (*link.Old, error) { return link.Offer(me, link.Choice{History: 4}, start) },
		"a negative choice": func() (*link.Old, error) { return link.Offer(me, link.Choice{History: -1}, start) },
		"a vault with nothing": func() (*link.Old, error) {
			return link.Offer(me, link.Choice{History: link.Nothing, Vault: []byte("v")}, start)
		},
		"a vault with sessions": func() (*link.Old, error) {
			return link.Offer(me, link.Choice{History: link.Sessions, Vault: []byte("v")}, start)
		},
		"no vault": func() (*link.Old, error) { return link.Offer(me, link.Choice{History: link.SessionsAndVault}, start) },
		"an empty vault": func() (*link.Old, error) {
			return link.Offer(me, link.Choice{History: link.SessionsAndVault, Vault: []byte{}}, start)
		},
		"a long vault": func() (*link.Old, error) {
			return link.Offer(me, link.Choice{History: link.SessionsAndVault, Vault: make([]byte, link.MaxVault+1)}, start)
		},
		"a time before 1970":    func() (*link.Old, error) { return link.Offer(me, good, time.Unix(-1, 0)) },
		"the zero time":         func() (*link.Old, error) { return link.Offer(me, good, time.Time{}) },
		"a time far ahead":      func() (*link.Old, error) { return link.Offer(me, good, time.Unix(1<<53, 0)) },
		"no record, by code":    func() (*link.Old, error) { return link.OfferCode(nameplate, nil, good, start) },
		"no choice, by code":    func() (*link.Old, error) { return link.OfferCode(nameplate, me, link.Choice{}, start) },
		"zero time, by code":    func() (*link.Old, error) { return link.OfferCode(nameplate, me, good, time.Time{}) },
		"far ahead, by code":    func() (*link.Old, error) { return link.OfferCode(nameplate, me, good, time.Unix(1<<60, 0)) },
		"zero record, by code":  func() (*link.Old, error) { return link.OfferCode(nameplate, &device.Record{}, good, start) },
		"a long vault, by code": func() (*link.Old, error) { return link.OfferCode(nameplate, me, link.Choice{History: 3}, start) },
	} {
		o, err := f()
		if fault.Of(err) != fault.Misuse || o != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := link.Offer(me, good, time.Unix(0, 0)); err != nil {
		t.Error(err)
	}
}

func TestChoiceIsToldToTheNewDevice(t *testing.T) {
	for _, c := range append(choices, link.Choice{History: link.SessionsAndVault, Vault: bytes.Repeat([]byte{7}, link.MaxVault)}) {
		r := byQR(t)
		var err error
		given := link.Choice{History: c.History, Vault: bytes.Clone(c.Vault)}
		if r.old, err = link.Offer(r.phone.Record(), given, start); err != nil {
			t.Fatal(err)
		}
		if given.Vault != nil {
			given.Vault[0] ^= 1 // the caller's
		}
		r.qr = r.old.QR()
		if r.new, err = link.Scan(r.qr, start); err != nil {
			t.Fatal(err)
		}
		r.withoutChannel()
		have, told := r.new.Choice()
		if mine := r.old.Choice(); !told || have.History != c.History || !bytes.Equal(have.Vault, c.Vault) ||
			mine.History != c.History || !bytes.Equal(mine.Vault, c.Vault) {
			t.Errorf("%v, %v, %t", mine, have, told)
		}
	}
}

// withoutChannel runs an attempt to its end without looking into it.
func (r *run) withoutChannel() {
	r.Helper()
	r.toNew(r.toOld(r.say(r.new.Join(device.Hybrid, start))))
	r.toNew(r.say(r.old.Confirm(r.new.Digits(), r.log, start)))
	r.toOld(r.say(r.new.Served(r.served(), start)))
	record, _ := r.old.Candidate()
	entry := r.add(r.phone, record)
	r.toNew(r.say(r.old.Admitted(r.log, entry, r.nonce, nil, start)))
	r.say(r.new.Served(r.served(), start))
	if r.new.Ticket() != nil {
		r.Error("a ticket out of nothing")
	}
	r.toNew(r.toOld(r.say(r.new.Registered(r.register(), start))))
	r.states(link.Done, link.Done)
}

func TestWhatIsNoSixDigitsUsesNothingUp(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		r.shown()
		d := r.new.Digits()
		for _, text := range []string{"", "12345", d + "0", d[:5], "abcdef", d[:5] + "x", "１23456"} {
			send, err := r.old.Confirm(text, r.log, start)
			if wantFault(t, err, fault.Misuse); send != nil {
				t.Error("a message beside the error")
			}
			if err != nil && strings.Contains(err.Error(), d[:5]) {
				t.Errorf("the text shows digits: %v", err)
			}
		}
		for _, l := range []*device.Log{nil, {}, found(t, "bob").log} {
			_, err := r.old.Confirm(d, l, start)
			wantFault(t, err, fault.Misuse)
		}
		r.states(link.Asking, link.Showing)
		r.toNew(r.say(r.old.Confirm(" "+d[:3]+"-"+d[3:]+"\n", r.log, start)))
	})
}

func TestAdmittedWaitsForTheEntry(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		before := r.log
		record := r.candidate()
		other := r.twin() // whose entry takes the place
		entry := r.add(r.phone, record)
		foreign := other.add(other.phone, generate(t, alice).Record())
		refused := func(l *device.Log, entry, ticket []byte, want fault.Code) {
			t.Helper()
			send, err := r.old.Admitted(l, entry, r.nonce, ticket, start)
			if wantFault(t, err, want); send != nil {
				t.Error("a message beside the error")
			}
			r.states(link.Admitting, link.Waiting)
		}
		refused(before, entry, nil, fault.TooFarAhead)
		refused(other.log, entry, nil, fault.TooFarAhead)
		for _, l := range []*device.Log{nil, {}, found(t, "bob").log, found(t, alice).log} {
			refused(l, entry, nil, fault.Misuse)
		}
		for _, e := range [][]byte{nil, r.entries[0], foreign, entry[:len(entry)-1]} {
			refused(r.log, e, nil, fault.Misuse)
		}
		broken := bytes.Clone(entry) // its signature, of which the log has another one
		broken[len(broken)-1] ^= 1
		refused(r.log, broken, nil, fault.TooFarAhead)
		refused(r.log, entry, make([]byte, link.MaxTicket+1), fault.OverLimit)

		r.add(r.phone, generate(t, alice).Record()) // the log may go on
		ticket := bytes.Repeat([]byte{7}, link.MaxTicket)
		r.toNew(r.say(r.old.Admitted(r.log, entry, r.nonce, ticket, start)))
		r.say(r.new.Served(r.served(), start))
		if !bytes.Equal(r.new.Ticket(), ticket) {
			t.Error("another ticket")
		}
	})
}

func TestEmptyTicketIsNone(t *testing.T) {
	r := byQR(t)
	r.ticket = []byte{}
	r.belongs()
	if r.new.Ticket() != nil {
		t.Error("a ticket out of nothing")
	}
}

// The entry is to be this device's own, for the candidate: an entry by another device of the user is none.
func TestAdmittedTakesTheOwnEntryOnly(t *testing.T) {
	r := byQR(t)
	tablet := generate(t, alice)
	r.add(r.phone, tablet.Record())
	r.settle(tablet)
	record := r.candidate()
	entry := r.add(tablet, record)
	_, err := r.old.Admitted(r.log, entry, r.nonce, nil, start)
	wantFault(t, err, fault.Misuse)
}

func TestJoinNeedsASuiteOrKeysOfTheUser(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		if r.qr == nil {
			r.toNew(r.old.First())
		}
		for _, suite := range []device.Suite{0, 3} {
			send, err := r.new.Join(suite, start)
			if wantFault(t, err, fault.Misuse); send != nil {
				t.Error("a message beside the error")
			}
		}
		for _, k := range []*device.Keys{nil, {}, generate(t, "bob")} {
			send, err := r.new.JoinAs(k, start)
			if wantFault(t, err, fault.Misuse); send != nil {
				t.Error("a message beside the error")
			}
		}
		r.states(link.Waiting, link.Asking)
		keys := generate(t, alice)
		r.say(r.new.JoinAs(keys, start))
		_, err := r.new.Join(device.Classical, start)
		wantFault(t, err, fault.Misuse)
		if r.new.Keys() != nil {
			t.Error("keys before they are anybody's")
		}
	})
}

func TestRegistrationHasASize(t *testing.T) {
	r := byQR(t)
	r.belongs()
	for _, b := range [][]byte{nil, {}, make([]byte, device.MaxRegistration+1)} {
		send, err := r.new.Registered(b, start)
		if wantFault(t, err, fault.Misuse); send != nil {
			t.Error("a message beside the error")
		}
	}
	r.states(link.Waiting, link.Registering)
}

func TestMessageWhileNoneIsDueChangesNothing(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		junk := [][]byte{nil, {1}, make([]byte, link.MaxMessage+1)}
		old := func() {
			t.Helper()
			for _, m := range junk {
				r.refuses(r.old.Receive, m, fault.Replayed)
			}
		}
		young := func() {
			t.Helper()
			for _, m := range junk {
				r.refuses(r.new.Receive, m, fault.Replayed)
			}
		}
		if r.qr == nil {
			r.toNew(r.old.First())
		}
		young() // Asking
		r.sent = nil
		m := r.say(r.new.Join(device.Classical, start))
		r.channel = r.inside()
		m = r.toOld(m)
		old() // Asking
		r.toNew(m)
		r.toNew(r.say(r.old.Confirm(r.new.Digits(), r.log, start)))
		young() // Fetching
		r.toOld(r.say(r.new.Served(r.served(), start)))
		old() // Admitting
		record, _ := r.old.Candidate()
		entry := r.add(r.phone, record)
		r.toNew(r.say(r.old.Admitted(r.log, entry, r.nonce, nil, start)))
		young() // Fetching
		r.say(r.new.Served(r.served(), start))
		young() // Registering
	})
}

func TestCallInTheWrongStateIsTheCallersMistakeAndNoEnd(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		for _, a := range acts() {
			r := begin(t)
			a.reach(r)
			calls := map[string]error{}
			old, young := r.old.State(start), r.new.State(start)
			if old != link.Asking {
				_, calls["Confirm"] = r.old.Confirm("000000", r.log, start)
			}
			if old != link.Admitting {
				_, calls["Admitted"] = r.old.Admitted(r.log, r.entry, r.nonce, nil, start)
			}
			if young != link.Asking {
				_, calls["Join"] = r.new.Join(device.Classical, start)
				_, calls["JoinAs"] = r.new.JoinAs(generate(t, alice), start)
			}
			if young != link.Fetching {
				_, calls["Served"] = r.new.Served(r.log, start)
			}
			if young != link.Registering {
				_, calls["Registered"] = r.new.Registered([]byte{1}, start)
			}
			for name, err := range calls {
				if fault.Of(err) != fault.Misuse {
					t.Errorf("%s before %s: %v", name, a.name, err)
				}
			}
			r.states(old, young)
		}
	})
}
