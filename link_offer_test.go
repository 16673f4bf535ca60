package sotto_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/link"
	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/store"
)

const maxOffers = 10 // a day

// offers lets a peer begin attempts until it is refused, and returns how many those were.
func offers(t *testing.T, p *sottotest.Peer) int {
	t.Helper()
	for n := range maxOffers + 1 {
		o, err := p.OfferLink(background, nothing)
		if err != nil {
			wantFault(t, err, fault.OverLimit)
			if o != nil {
				t.Error("an attempt, and an error")
			}
			return n
		}
		ok(t, o.Cancel(background))
	}
	t.Fatal("never refused")
	return 0
}

func TestTenDevicesADayAreOffered(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	must(alice.OfferLink(background, nothing))
	alice.Network().Pass(day / 2)
	must(alice.OfferLinkCode(background, "4711", nothing))
	alice.Restart()
	must(twin(t, alice).OfferLink(background, nothing))
	if n := offers(t, alice); n != maxOffers-3 {
		t.Errorf("%d after 3", n)
	}
	alice.Restart()
	if n := offers(t, alice); n != 0 {
		t.Errorf("%d after a restart", n)
	}
	alice.Network().Pass(day/2 - time.Second)
	if n := offers(t, alice); n != 0 {
		t.Errorf("%d before a day is over", n)
	}
	alice.Network().Pass(time.Second) // a day after the first one
	if n := offers(t, alice); n != 1 {
		t.Errorf("%d after the first one is a day ago", n)
	}
	alice.Network().Pass(day)
	if n := offers(t, alice); n != maxOffers {
		t.Errorf("%d on another day", n)
	}
}

// A clock that goes back frees nothing; one that was years ahead blocks for a day at most.
func TestAWrongClockNeitherFreesNorBlocksOffers(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	offers(t, alice)
	alice.Network().Pass(-5 * day)
	if n := offers(t, alice); n != 0 {
		t.Errorf("%d after the clock went back", n)
	}
	alice.Network().Pass(day)
	if n := offers(t, alice); n != maxOffers {
		t.Errorf("%d a day later", n)
	}
	alice.Network().Pass(3 * 365 * day)
	if n := offers(t, alice); n != maxOffers {
		t.Errorf("%d years ahead", n)
	}
	alice.Network().Pass(-3 * 365 * day)
	if n := offers(t, alice); n != 0 {
		t.Errorf("%d after the clock was right again", n)
	}
	alice.Network().Pass(day)
	if n := offers(t, alice); n != maxOffers {
		t.Errorf("%d a day after the clock was right again", n)
	}
}

// What is refused is no attempt.
func TestARefusedOfferDoesNotCount(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	for _, c := range []link.Choice{{}, {History: 4}, {History: link.SessionsAndVault}, {History: link.Nothing, Vault: []byte("v")}} {
		_, err := alice.OfferLink(background, c)
		wantFault(t, err, fault.Misuse)
		_, err = alice.OfferLinkCode(background, "4711", c)
		wantFault(t, err, fault.Misuse)
	}
	for _, nameplate := range []string{"", "471", "4711a", "471100815"} {
		_, err := alice.OfferLinkCode(background, nameplate, nothing)
		wantFault(t, err, fault.Malformed)
	}
	if n := offers(t, alice); n != maxOffers {
		t.Errorf("%d", n)
	}
}

func TestWhoCannotSignOffersNothing(t *testing.T) {
	refused := func(t *testing.T, a *sotto.Account, want fault.Code) {
		t.Helper()
		o, err := a.OfferLink(background, sessions)
		wantFault(t, err, want)
		c, err := a.OfferLinkCode(background, "4711", sessions)
		wantFault(t, err, want)
		if o != nil || c != nil {
			t.Error("an attempt")
		}
	}
	t.Run("revoked", func(t *testing.T) {
		alice := sottotest.NewNetwork(t).Create("alice")
		tablet := alice.Join()
		must(alice.Revoke(background, tablet.Device()))
		settled(t, alice)
		refused(t, tablet.Account, fault.RevokedDevice)
		must(alice.OfferLink(background, nothing))
	})
	t.Run("not in the log yet", func(t *testing.T) {
		alice := sottotest.NewNetwork(t).Create("alice")
		a := must(sotto.Join(background, store.Memory(), "alice", contact(alice, "alice").Root(), nil, newSecret()))
		refused(t, a, fault.Misuse)
	})
	t.Run("forked", func(t *testing.T) {
		alice := sottotest.NewNetwork(t).Create("alice")
		forkOwnLog(t, alice)
		refused(t, alice.Account, fault.LogFork)
	})
	t.Run("locked", func(t *testing.T) {
		alice := sottotest.NewNetwork(t).Create("alice")
		alice.Lock()
		refused(t, alice.Account, fault.DestroyedKey)
		refused(t, nil, fault.DestroyedKey)
		refused(t, &sotto.Account{}, fault.DestroyedKey)
	})
}

// forkOwnLog lets an account see two entries of its own at one place.
func forkOwnLog(t *testing.T, p *sottotest.Peer) {
	t.Helper()
	wantWhy(t, receive(t, p, branchOfOwnLog(t, p))[0], fault.LogFork)
}

// branchOfOwnLog lets the own log of an account grow, and returns another entry of its own for that place.
func branchOfOwnLog(t *testing.T, p *sottotest.Peer) (other []byte) {
	t.Helper()
	backup := copyOf(t, p.Backend)
	sign := func() []byte {
		ok(t, p.Admit(background, must(device.Generate(p.User(), device.Classical, start)).Record().Bytes()))
		return pending(t, p, sotto.ParcelLog)[0].Data
	}
	other = sign()
	restore(t, p, backup)
	wantWhy(t, receive(t, p, sign())[0], 0)
	return other
}

// calls are the methods of an attempt that do something.
var calls = map[string]func(o *sotto.LinkOffer) error{
	"Receive":  func(o *sotto.LinkOffer) error { _, err := o.Receive(background, []byte("message")); return err },
	"Confirm":  func(o *sotto.LinkOffer) error { _, err := o.Confirm(background, "123456"); return err },
	"Admitted": func(o *sotto.LinkOffer) error { _, err := o.Admitted(background, [32]byte{}, nil); return err },
}

// looks are those that only tell.
var looks = map[string]func(o *sotto.LinkOffer){
	"QR":         func(o *sotto.LinkOffer) { o.QR() },
	"PNG":        func(o *sotto.LinkOffer) { _, _ = o.PNG(200) },
	"Terminal":   func(o *sotto.LinkOffer) { _, _ = o.Terminal() },
	"Code":       func(o *sotto.LinkOffer) { o.Code() },
	"First":      func(o *sotto.LinkOffer) { o.First() },
	"Rendezvous": func(o *sotto.LinkOffer) { o.Rendezvous() },
	"Choice":     func(o *sotto.LinkOffer) { o.Choice() },
	"Candidate":  func(o *sotto.LinkOffer) { o.Candidate() },
	"State":      func(o *sotto.LinkOffer) { o.State() },
	"printed":    func(o *sotto.LinkOffer) { _ = fmt.Sprintf("%v %+v %#v %s %x", o, o, o, o, o) },
	"encoded":    func(o *sotto.LinkOffer) { _, _ = json.Marshal(o) },
}

func TestAnAttemptThatIsNoneIsMisuse(t *testing.T) {
	for name, o := range map[string]*sotto.LinkOffer{"nil": nil, "zero": {}} {
		t.Run(name, func(t *testing.T) {
			for call, do := range calls {
				if err := do(o); err == nil {
					t.Errorf("%s is no error", call)
				} else {
					wantFault(t, err, fault.Misuse)
				}
			}
			wantFault(t, o.Cancel(background), fault.Misuse)
			for call, look := range looks {
				func() {
					defer func() {
						if why := recover(); why != nil {
							t.Errorf("%s: %v", call, why)
						}
					}()
					look(o)
				}()
			}
			if s := o.State(); s != link.Aborted {
				t.Errorf("it is %v", s)
			}
		})
	}
}

// Whatever is called when it is not its turn changes nothing, and an attempt that is over stays so.
func TestWhatIsCalledInAWrongStateChangesNothing(t *testing.T) {
	stages := []struct {
		name  string
		bring func(l *linking)
		state link.State
		want  map[string]fault.Code
	}{
		{"waiting", func(*linking) {}, link.Waiting, map[string]fault.Code{
			"Receive": fault.Malformed, "Confirm": fault.Misuse, "Admitted": fault.Misuse,
		}},
		{"asking", func(l *linking) { l.showing() }, link.Asking, map[string]fault.Code{
			"Receive": fault.Replayed, "Admitted": fault.Misuse,
		}},
		{"confirmed", func(l *linking) { l.candidate() }, link.Waiting, map[string]fault.Code{
			"Confirm": fault.Misuse, "Admitted": fault.Misuse,
		}},
		{"signed", func(l *linking) { l.signed() }, link.Admitting, map[string]fault.Code{
			"Receive": fault.Replayed, "Confirm": fault.Misuse, "Admitted": fault.TooFarAhead,
		}},
		{"admitted", func(l *linking) { l.admitted() }, link.Waiting, map[string]fault.Code{
			"Confirm": fault.Misuse, "Admitted": fault.Misuse,
		}},
		{"done", func(l *linking) { l.done() }, link.Done, map[string]fault.Code{
			"Receive": fault.Replayed, "Confirm": fault.Misuse, "Admitted": fault.Misuse,
		}},
	}
	for _, s := range stages {
		t.Run(s.name, func(t *testing.T) {
			alice, _ := sottotest.Pair(t)
			l := offered(t, alice, nothing)
			s.bring(l)
			entries := len(entriesOf(t, alice))
			for call, want := range s.want {
				wantFault(t, calls[call](l.offer), want)
				if have := l.offer.State(); have != s.state {
					t.Fatalf("%s: it is %v, want %v", call, have, s.state)
				}
			}
			ok(t, l.offer.Cancel(background))
			ok(t, l.offer.Cancel(background))
			over := fault.Expired
			if s.state == link.Done {
				over = fault.Misuse
			}
			for _, call := range []string{"Confirm", "Admitted"} {
				wantFault(t, calls[call](l.offer), over)
			}
			if s.state != link.Done {
				wantFault(t, calls["Receive"](l.offer), fault.Expired)
				if have := l.offer.State(); have != link.Aborted || l.offer.QR() != nil {
					t.Errorf("after Cancel it is %v, and shows %d bytes", have, len(l.offer.QR()))
				}
			}
			if n := len(entriesOf(t, alice)); n != entries {
				t.Errorf("%d entries came by itself", n-entries)
			}
		})
	}
}

// Everything may be called at once: the new device is signed for once, and Cancel ends it.
func TestAnAttemptIsSafeForConcurrentUse(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	l := offered(t, alice, sessions)
	m4 := l.candidate()
	var mu sync.Mutex
	taken := 0
	atOnce := func(more ...func()) {
		var all sync.WaitGroup
		for range 3 {
			for _, name := range []string{"Confirm", "Admitted"} {
				all.Go(func() { _ = calls[name](l.offer) })
			}
			for _, look := range looks {
				all.Go(func() { look(l.offer) })
			}
			for _, do := range more {
				all.Go(do)
			}
		}
		all.Wait()
	}
	atOnce(func() {
		if _, err := l.offer.Receive(background, m4); err == nil {
			mu.Lock()
			taken++
			mu.Unlock()
		}
	}, func() {
		if err := alice.Upkeep(background, true); err != nil {
			t.Error(err)
		}
	})
	if n := len(pending(t, alice, sotto.ParcelLog)); n != 1 || taken != 1 || l.offer.State() != link.Admitting {
		t.Errorf("taken %d times, %d entries, %v", taken, n, l.offer.State())
	}
	atOnce(func() {
		if err := l.offer.Cancel(background); err != nil {
			t.Error(err)
		}
	}, func() { _ = calls["Receive"](l.offer) })
	alice.Sync()
	alice.Sync()
	wantDevices(t, alice, 1, 3)
}

// Nothing that prints shows what is on the screen.
func TestNothingPrintsWhatAnAttemptShows(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	offer := must(alice.OfferLink(background, nothing))
	byCode := must(alice.OfferLinkCode(background, "4711", nothing))
	secret := strings.TrimPrefix(byCode.Code(), "4711-")
	if len(secret) != 9 || len(offer.QR()) == 0 {
		t.Fatalf("%q, %d bytes", byCode.Code(), len(offer.QR()))
	}
	qr := offer.QR()[20:]
	for _, o := range []*sotto.LinkOffer{offer, byCode} {
		all := string(must(json.Marshal(o)))
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d"} {
			all += fmt.Sprintf(verb+"\n", o)
		}
		for _, shown := range []string{
			secret, hex.EncodeToString([]byte(secret)), string(qr[:16]), hex.EncodeToString(qr[:16]), strings.Trim(fmt.Sprint(qr[:16]), "[]"),
		} {
			if strings.Contains(all, shown) {
				t.Errorf("it prints %q", shown)
			}
		}
	}
}

// grows lets the own log of a peer grow by another device.
func grows(t *testing.T, p *sottotest.Peer) { p.Join() }

func TestALogThatGrewSinceConfirmEndsTheAttempt(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	l := offered(t, alice, nothing)
	m4 := l.candidate()
	grows(t, alice)
	_, err := l.offer.Receive(background, m4)
	wantFault(t, err, fault.StoreConflict)
	wantNothingSigned(t, l)
	offered(t, alice, nothing).done()
	wantDevices(t, alice, 3, 3)
}

// A log that turns out to have forked is one that nothing is signed for, at the same entry, too.
func TestALogThatForkedSinceConfirmEndsTheAttempt(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	other := branchOfOwnLog(t, alice)
	l := offered(t, alice, nothing)
	m4 := l.candidate()
	wantWhy(t, receive(t, alice, other)[0], fault.LogFork)
	_, err := l.offer.Receive(background, m4)
	wantFault(t, err, fault.LogFork)
	wantNothingSigned(t, l)
}

// A call that is cancelled ends nothing: the same step again does it.
func TestACancelledCallEndsNoAttempt(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	cancelled, cancel := context.WithCancel(background)
	cancel()
	_, err := alice.OfferLink(cancelled, nothing)
	wantFault(t, err, fault.Canceled)
	l := offered(t, alice, nothing).showing()
	_, err = l.offer.Confirm(cancelled, l.new.Digits())
	wantFault(t, err, fault.Canceled)
	must(l.new.Receive(must(l.offer.Confirm(background, l.new.Digits())), l.now))
	m4 := must(l.new.Served(logOf(t, alice), l.now))
	_, err = l.offer.Receive(cancelled, m4)
	wantFault(t, err, fault.Canceled)
	must(l.offer.Receive(background, m4))
	alice.Sync()
	_, err = l.offer.Admitted(cancelled, l.nonce, nil)
	wantFault(t, err, fault.Canceled)
	must(l.new.Receive(must(l.offer.Admitted(background, l.nonce, nil)), l.now))
	must(l.new.Served(logOf(t, alice), l.now))
	_, err = sotto.Link(cancelled, l.backend, l.new, entriesOf(t, alice), l.options(), l.secret)
	wantFault(t, err, fault.Canceled)
	l.account()
	wantDevices(t, alice, 2, 2)
}

// A second Confirm is no turn: what the attempt is held against stays what the person confirmed with.
func TestConfirmAgainMovesNothing(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	l := offered(t, alice, nothing)
	m4 := l.candidate()
	grows(t, alice)
	_, err := l.offer.Confirm(background, "123456")
	wantFault(t, err, fault.Misuse)
	_, err = l.offer.Receive(background, m4)
	wantFault(t, err, fault.StoreConflict)
	wantNothingSigned(t, l)
}

// wantNothingSigned holds that an attempt is over, and that nothing is left of it.
func wantNothingSigned(t *testing.T, l *linking) {
	t.Helper()
	if s := l.offer.State(); s != link.Aborted {
		t.Errorf("it is %v", s)
	}
	entries := len(entriesOf(t, l.old))
	if n := len(pending(t, l.old, sotto.ParcelLog)); n != 0 {
		t.Errorf("%d entries are pending", n)
	}
	ok(t, l.offer.Cancel(background))
	for range 3 {
		l.pass(link.Life)
		l.old.Sync()
	}
	if n := len(entriesOf(t, l.old)); n != entries {
		t.Errorf("%d entries followed", n-entries)
	}
}

func TestWhileAnEntryIsPendingNobodyIsSignedFor(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	l := offered(t, alice, nothing)
	m4 := l.candidate()
	other := must(device.Generate("alice", device.Classical, start))
	ok(t, alice.Admit(background, other.Record().Bytes()))
	_, err := l.offer.Receive(background, m4)
	wantFault(t, err, fault.Misuse)
	alice.Sync()
	wantNothingSigned(t, l)
	wantDevices(t, alice, 2, 2) // the other one
	offered(t, alice, nothing).done()
	wantDevices(t, alice, 3, 3)
}

// Two attempts of one device: who is signed for first is added, the other one is over.
func TestOfTwoAttemptsOneIsSignedFor(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	one, two := offered(t, alice, nothing), offered(t, alice, nothing)
	m4 := two.candidate()
	one.signed()
	_, err := two.offer.Receive(background, m4)
	wantFault(t, err, fault.Misuse)
	if s := two.offer.State(); s != link.Aborted {
		t.Errorf("the second one is %v", s)
	}
	alice.Sync()
	m5 := must(one.offer.Admitted(background, one.nonce, nil))
	must(one.new.Receive(m5, one.now))
	wantDevices(t, alice, 2, 2)
}

// An entry of another device takes the place: the attempt is over, and nothing of it is left.
func TestAnEntryThatIsOvertakenEndsTheAttempt(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	laptop := alice.Join()
	l := offered(t, alice, nothing).signed()
	third := must(device.Generate("alice", device.Classical, start))
	ok(t, laptop.Admit(background, third.Record().Bytes()))
	laptop.Flush()
	if events := alice.Sync(); !has(events, sotto.KindOvertaken) {
		t.Errorf("events %+v", events)
	}
	_, err := l.offer.Admitted(background, l.nonce, nil)
	wantFault(t, err, fault.StoreConflict)
	wantNothingSigned(t, l)
	wantDevices(t, alice, 3, 3)
	offered(t, alice, nothing).done()
	wantDevices(t, alice, 4, 4)
}

// The same device that was overtaken once may be linked: nothing that was left over revokes it.
func TestADeviceThatWasOvertakenIsLinkedLater(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	laptop := alice.Join()
	l := offered(t, alice, nothing).signed()
	record, _ := l.offer.Candidate()
	third := must(device.Generate("alice", device.Classical, start))
	ok(t, laptop.Admit(background, third.Record().Bytes()))
	laptop.Flush()
	alice.Sync()
	wantFault(t, calls["Admitted"](l.offer), fault.StoreConflict)
	ok(t, l.offer.Cancel(background))
	ok(t, alice.Admit(background, record.Bytes()))
	alice.Sync()
	wantDevices(t, alice, 4, 4)
	for range 3 {
		l.pass(link.Life)
		alice.Sync()
	}
	wantDevices(t, alice, 4, 4)
}

// A store that fails at any commit, before it or after it: the same step again does the rest, and nothing is doubled.
func TestAStoreThatFailsDuringAnAttemptDoublesNothing(t *testing.T) {
	for _, failure := range []error{errPower, errDurable} {
		for at := 1; ; at++ {
			alice, bob := sottotest.Pair(t)
			bob.Send("alice", "before")
			only(t, alice.Sync(), "before")
			b := tapped(alice)
			l := offered(t, alice, sessions)
			m4 := l.candidate()
			commits, armed, failed := 0, false, false
			b.before = func(call string) error {
				if armed && call == "Commit" {
					if commits++; commits == at {
						failed = true
						return failure
					}
				}
				return nil
			}
			twice := func(step func() ([]byte, error)) []byte {
				t.Helper()
				armed = true
				defer func() { armed = false }()
				send, err := step()
				if err != nil {
					wantFault(t, err, fault.StoreFailed)
					send, err = step()
				}
				ok(t, err)
				return send
			}
			twice(func() ([]byte, error) { return l.offer.Receive(background, m4) })
			alice.Flush()
			receive(t, alice, alice.Fetch()...)
			m5 := twice(func() ([]byte, error) { return l.offer.Admitted(background, l.nonce, nil) })
			must(l.new.Receive(m5, l.now))
			must(l.new.Served(logOf(t, alice), l.now))
			tablet := *alice
			tablet.Backend, tablet.Account = l.backend, l.account()
			registration := must(tablet.Register(background, "server", l.nonce))
			m7 := must(l.new.Registered(registration, l.now))
			m8 := twice(func() ([]byte, error) { return l.offer.Receive(background, m7) })
			b.before = nil
			if m8 == nil {
				t.Fatalf("commit %d: no last message", at)
			}
			must(l.new.Receive(m8, l.now))
			l.pass(link.Life)
			told := map[sotto.Kind]int{}
			for range 3 {
				alice.Sync()
				for _, e := range tablet.Sync() {
					if told[e.Kind]++; e.Why != 0 {
						t.Errorf("commit %d, %v: event %+v", at, failure, e)
					}
				}
			}
			wantDevices(t, alice, 2, 2)
			if told[sotto.KindContact] != 1 || told[sotto.KindHistory] != 1 {
				t.Errorf("commit %d, %v: told %v", at, failure, told)
			}
			if t.Failed() || !failed {
				if at < 4 {
					t.Errorf("only %d commits", at-1)
				}
				break
			}
		}
	}
}

// A device whose link took too long is revoked, whatever the app does or does not do.
func TestALinkThatTakesTooLongIsRevoked(t *testing.T) {
	for name, bring := range map[string]func(l *linking) (m7 []byte){
		"signed":     func(l *linking) []byte { l.signed(); return nil },
		"admitted":   func(l *linking) []byte { l.admitted(); return nil },
		"registered": func(l *linking) []byte { _, m7 := l.registered(); return m7 },
	} {
		for how, after := range map[string]func(t *testing.T, l *linking, m7 []byte){
			"the app is gone":      func(t *testing.T, l *linking, _ []byte) { l.old.Restart() },
			"nobody says anything": func(*testing.T, *linking, []byte) {},
			"a message comes late": func(t *testing.T, l *linking, m7 []byte) {
				_, err := l.offer.Receive(background, m7)
				wantFault(t, err, fault.Expired)
			},
			"Admitted comes late": func(t *testing.T, l *linking, _ []byte) {
				_, err := l.offer.Admitted(background, l.nonce, nil)
				wantFault(t, err, fault.Expired)
			},
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				alice, _ := sottotest.Pair(t)
				l := offered(t, alice, sessions)
				m7 := bring(l)
				l.pass(link.Life - time.Second)
				alice.Sync()
				alice.Sync()
				wantDevices(t, alice, 2, 2)
				l.pass(time.Second)
				after(t, l, m7)
				alice.Sync()
				alice.Sync()
				wantDevices(t, alice, 1, 3)
				alice.Sync()
				wantDevices(t, alice, 1, 3)
				offered(t, alice, sessions) // a new one begins
			})
		}
	}
}

// The clock goes back to before the attempt: it is over, and so is the device.
func TestAClockThatGoesBackEndsALink(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	l := offered(t, alice, nothing).signed()
	l.pass(-time.Hour)
	alice.Sync()
	alice.Sync()
	wantDevices(t, alice, 1, 3)
	wantFault(t, calls["Receive"](l.offer), fault.Expired)
}

// What is cancelled after it was signed is revoked as soon as the entry is settled; what is linked stays.
func TestCancelRevokesWhoWasSignedFor(t *testing.T) {
	for name, bring := range map[string]func(l *linking){
		"signed":     func(l *linking) { l.signed() },
		"admitted":   func(l *linking) { l.admitted() },
		"registered": func(l *linking) { l.registered() },
	} {
		t.Run(name, func(t *testing.T) {
			alice, _ := sottotest.Pair(t)
			l := offered(t, alice, sessions)
			bring(l)
			ok(t, l.offer.Cancel(background))
			alice.Restart()
			alice.Sync()
			alice.Sync()
			wantDevices(t, alice, 1, 3)
			ok(t, alice.Upkeep(background, true))
			wantFault(t, l.offer.Cancel(background), fault.DestroyedKey) // of the account that was locked
		})
	}
	t.Run("nothing signed", func(t *testing.T) {
		alice, _ := sottotest.Pair(t)
		l := offered(t, alice, sessions)
		l.candidate()
		ok(t, l.offer.Cancel(background))
		wantNothingSigned(t, l)
		wantDevices(t, alice, 1, 1)
	})
	for _, c := range []link.Choice{nothing, sessions} {
		t.Run("done, "+c.History.String(), func(t *testing.T) {
			alice, _ := sottotest.Pair(t)
			l := offered(t, alice, c)
			l.done()
			ok(t, l.offer.Cancel(background))
			for range 3 {
				l.pass(link.Life)
				alice.Sync()
			}
			wantDevices(t, alice, 2, 2)
		})
	}
}

// A step that fails and ends the attempt revokes at once, not only with Upkeep.
func TestAStepThatEndsTheAttemptRevokes(t *testing.T) {
	for name, step := range map[string]struct {
		do   func(l *linking) error
		want fault.Code
	}{
		"a late message": {func(l *linking) error { l.pass(link.Life); return calls["Receive"](l.offer) }, fault.Expired},
		"late Admitted":  {func(l *linking) error { l.pass(link.Life); return calls["Admitted"](l.offer) }, fault.Expired},
		"what is no message": {func(l *linking) error {
			must(l.offer.Admitted(background, l.nonce, nil))
			return calls["Receive"](l.offer)
		}, fault.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			alice, _ := sottotest.Pair(t)
			l := offered(t, alice, nothing).signed()
			alice.Flush()
			receive(t, alice, alice.Fetch()...)
			wantFault(t, step.do(l), step.want)
			if n := len(pending(t, alice, sotto.ParcelLog)); n != 1 {
				t.Fatalf("%d entries are pending", n)
			}
			alice.Sync()
			wantDevices(t, alice, 1, 3)
		})
	}
}

// A store that fails at Cancel: Cancel again revokes.
func TestCancelIsRepeatedUntilTheStoreTakesIt(t *testing.T) {
	for _, failure := range []error{errPower, errDurable} {
		alice, _ := sottotest.Pair(t)
		b := tapped(alice)
		l := offered(t, alice, nothing).signed()
		b.before = func(call string) error {
			if call == "Commit" {
				return failure
			}
			return nil
		}
		wantFault(t, l.offer.Cancel(background), fault.StoreFailed)
		if s := l.offer.State(); s != link.Aborted {
			t.Errorf("it is %v", s)
		}
		b.before = nil
		ok(t, l.offer.Cancel(background))
		alice.Sync()
		alice.Sync()
		wantDevices(t, alice, 1, 3)
	}
}

// A device that somebody revoked while it was being linked is not linked.
func TestADeviceThatWasRevokedMeanwhileIsNotLinked(t *testing.T) {
	for name, byOther := range map[string]bool{"by another device": true, "by this one": false} {
		t.Run(name, func(t *testing.T) {
			alice, _ := sottotest.Pair(t)
			laptop := alice.Join()
			l := offered(t, alice, sessions)
			p, m7 := l.registered()
			if byOther {
				laptop.Sync()
				must(laptop.Revoke(background, p.Device()))
				laptop.Flush()
				receive(t, alice, alice.Fetch()...)
			} else {
				must(alice.Revoke(background, p.Device()))
			}
			for range 2 {
				send, err := l.offer.Receive(background, m7)
				wantFault(t, err, fault.Expired)
				if send != nil || l.offer.State() != link.Aborted {
					t.Errorf("%d bytes, %v", len(send), l.offer.State())
				}
			}
			alice.Sync()
			alice.Sync()
			wantDevices(t, alice, 2, 4)
			if n := len(pending(t, alice, sotto.ParcelMessage)); n != 0 {
				t.Errorf("%d messages for it", n)
			}
		})
	}
}

// Another process of the same account leaves a link alone that is in time, and does what is due after it.
func TestAnotherProcessKeepsTheDuties(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	bob.Send("alice", "before")
	alice.Sync()
	l := offered(t, alice, sessions).signed()
	other := twin(t, alice)
	ok(t, other.Upkeep(background, true))
	other.Sync()
	wantDevices(t, other, 2, 2)
	m5 := must(l.offer.Admitted(background, l.nonce, nil))
	ok(t, other.Upkeep(background, true))
	must(l.new.Receive(m5, l.now))
	must(l.new.Served(logOf(t, alice), l.now))
	tablet := *alice
	tablet.Backend, tablet.Account = l.backend, l.account()
	m7 := must(l.new.Registered(must(tablet.Register(background, "server", l.nonce)), l.now))
	must(l.offer.Receive(background, m7))
	ok(t, other.Upkeep(background, true))
	other.Sync()
	l.pass(link.Life)
	other.Sync()
	alice.Sync()
	wantDevices(t, other, 2, 2)
	told := 0
	for _, e := range append(tablet.Sync(), tablet.Sync()...) {
		if e.Kind == sotto.KindContact || e.Kind == sotto.KindHistory {
			told++
		}
	}
	if told != 2 {
		t.Errorf("told %d times", told)
	}
}

// Whoever listens learns nothing of the account before the digits were typed, and nothing in clear after.
func TestNothingOfTheAccountIsOnTheWire(t *testing.T) {
	const user = "alice-who-has-a-long-name"
	for _, code := range []bool{false, true} {
		t.Run(fmt.Sprint("with a code: ", code), func(t *testing.T) {
			alice := sottotest.NewNetwork(t).Create(user)
			var l *linking
			if code {
				offer := must(alice.OfferLinkCode(background, "4711", sessions))
				l = &linking{t: t, old: alice, offer: offer, now: start, backend: store.Memory(), secret: newSecret()}
				l.new = must(link.Enter(offer.Code(), start))
				must(l.new.Receive(offer.First(), start))
			} else {
				l = offered(t, alice, sessions)
			}
			cert := must(device.ParseRecord(user, must(alice.Record(background)))).Cert()
			pin := logOf(t, alice).Pin()
			record := must(alice.Record(background))
			clear := [][]byte{pin.Root[:], pin.Head[:], record, record[len(record)-64:]}
			if !code { // the first message with a code names who offers
				clear = append(clear, []byte(user), cert[:])
			}
			l.done()
			r, deviceKey := l.offer.Candidate()
			id := r.Cert()
			log := entriesOf(t, alice)
			clear = append(clear, r.Bytes(), id[:], deviceKey, log[len(log)-1], l.nonce[:], []byte("ticket"))
			if len(l.messages) != 7 {
				t.Fatalf("%d messages", len(l.messages))
			}
			for i, m := range l.messages {
				for j, b := range clear {
					if bytes.Contains(m, b) {
						t.Errorf("message %d has secret %d", i, j)
					}
				}
			}
			before := slices.Concat(l.messages[:2]...)
			if len(before) > 400 {
				t.Errorf("%d bytes before the digits", len(before))
			}
		})
	}
}
